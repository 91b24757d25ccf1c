"""Attempts with stand-in trainers."""

from __future__ import annotations

from tests.support.attempts import flight

__all__ = ["flight"]
