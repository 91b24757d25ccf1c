"""Ages and durations in coarse words, so that a quiet screen stays quiet and a stale number never looks live."""

from __future__ import annotations

LIVE_S = 10.0
"""Seconds within which data count as live."""


def age(seconds: float) -> str:
    """How long ago, in steps of 10 s, 1 min, 1 h, 1 d: the text changes rarely. Negative ages are `now`."""
    if seconds < LIVE_S:
        return "now"
    if seconds < 60:
        return f"{int(seconds // 10) * 10} s ago"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h ago"
    return f"{int(seconds // 86400)} d ago"


def since(seconds: float) -> str:
    """How long something lasts already, in the same steps."""
    text = age(seconds)
    return "under 10 s" if text == "now" else text.removesuffix(" ago")
