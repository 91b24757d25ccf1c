"""A workspace whose trainers are a stand-in interpreter."""

from __future__ import annotations

from tests.support.standin_workspace import behave, draft, given, ws

__all__ = ["behave", "draft", "given", "ws"]
