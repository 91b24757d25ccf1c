"""The few text styles of the cockpit, in the terminal's own 16 colours; no meaning hangs on a colour alone."""

from __future__ import annotations

from rich.style import Style

PLAIN = Style()
DIM = Style(dim=True)
BOLD = Style(bold=True)
HEAD = Style(color="cyan", bold=True)
ACCENT = Style(color="cyan")
GOOD = Style(color="green")
WARN = Style(color="yellow")
BAD = Style(color="red", bold=True)
LIVE = Style(color="green", bold=True)
BEST = Style(color="magenta", bold=True)
CURSOR = Style(reverse=True)
MATCH = Style(color="black", bgcolor="yellow")
KEY = Style(color="cyan", bold=True)
