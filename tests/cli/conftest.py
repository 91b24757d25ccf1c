"""The command line in this process, and a workspace that needs no torch."""

from __future__ import annotations

from tests.support.cli import cli, loop, model, workspace, write_rows

__all__ = ["cli", "loop", "model", "workspace", "write_rows"]
