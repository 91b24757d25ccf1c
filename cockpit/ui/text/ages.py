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


def next_change(seconds: float) -> float:
    """Seconds until `age` of something now `seconds` old reads differently (so a timer can sleep till then)."""
    step = 10.0 if seconds < 60 else 60.0 if seconds < 3600 else 3600.0
    seconds = max(seconds, 0.0)
    return step - seconds % step


def span(seconds: float) -> str:
    """A measured duration, two units at most: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
