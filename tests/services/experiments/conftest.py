"""A workspace with stand-in trainers; evo itself, and the tiny model."""

from __future__ import annotations

from tests.support.evo import evo_command, tiny
from tests.support.standin_workspace import behave, draft, given, ws

__all__ = ["behave", "draft", "evo_command", "given", "tiny", "ws"]
