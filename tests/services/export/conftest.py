"""A workspace with stand-in trainers, one of which exports."""

from __future__ import annotations

from tests.support.standin_workspace import behave, draft, ws

__all__ = ["behave", "draft", "ws"]
