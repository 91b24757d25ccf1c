"""A workspace with stand-in trainers, the command line on it; evo itself, and the tiny model."""

from __future__ import annotations

from tests.support.cli import cli, loop, model, workspace, write_rows
from tests.support.evo import evo_command, tiny
from tests.support.standin_workspace import behave, draft, given, ws

__all__ = [
    "behave",
    "cli",
    "draft",
    "evo_command",
    "given",
    "loop",
    "model",
    "tiny",
    "workspace",
    "write_rows",
    "ws",
]
