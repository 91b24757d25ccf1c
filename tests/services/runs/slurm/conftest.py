"""The command line's fixtures: a workspace that needs no torch."""

from tests.support.cli import cli, model, write_rows

__all__ = ["cli", "model", "write_rows"]
