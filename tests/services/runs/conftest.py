"""Attempts with stand-in trainers."""

from __future__ import annotations

from tests.support.attempts import standin

__all__ = ["standin"]
