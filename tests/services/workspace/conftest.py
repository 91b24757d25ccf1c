"""evo itself, and attempts with stand-in trainers."""

from __future__ import annotations

from tests.support.attempts import standin
from tests.support.evo import evo_command, tiny

__all__ = ["evo_command", "standin", "tiny"]
