"""Output in an encoding that lacks characters (ASCII, Latin-1) gets them in other words, and never fails on them."""

from __future__ import annotations

import codecs
import io
import sys

_PLAIN = str.maketrans(
    {
        "…": "...", "–": "-", "—": "-", "−": "-", "→": "->", "←": "<-", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~",
        "±": "+-", "×": "x", "·": ".", "•": "*", "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "#", "▎": "#",
        "▏": "#", "░": ".", "▒": ":", "▓": "#", "‘": "'", "’": "'", "“": '"', "”": '"', "✓": "+", "✗": "x",
    }
)  # fmt: skip


def make_streams_printable() -> None:
    """Have print write what an encoding can't as ASCII where that reads as well, and as an escape elsewhere."""
    codecs.register_error("cockpit", _otherwise)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not what a test or a notebook put there
            stream.reconfigure(errors="cockpit")


def _otherwise(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_PLAIN)
    return lacking.encode("ascii", "backslashreplace").decode(), error.end
