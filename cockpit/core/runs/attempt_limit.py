"""Decide whether an experiment may be run once more; an attempt is one run at training scale ("Cap retries").

By the second attempt at hours apiece more is spent than a fresh hypothesis would cost, so what regressed is discarded
and branched from its parent. Only what was over within a minute is free to be tried again.
"""

from __future__ import annotations

SHORT_S = 60.0
MOST = 3
"""Attempts of an experiment at the most, short ones included."""
BROKEN = ("failed", "lost", "killed", "oom_killed")


def refusal(
    state: str, *, step: int | None, lasted: float | None, attempts: int, allowed: int, decided: bool
) -> str:
    """Why there is no further attempt, as the end of a sentence; empty where there may be one.

    `lasted` in seconds, None where it isn't known; `allowed` is the recipe's `budget.attempts`.
    """
    if decided:
        return "it was decided on"
    if state in BROKEN and not step:
        return ""  # it never trained a step: that was no attempt
    if lasted is None or lasted >= SHORT_S:
        length = "" if lasted is None else f", and this run lasted {_minutes(lasted)}"
        return f"retries are for runs of less than a minute{length}"
    if attempts >= max(MOST, allowed):
        return f"it was tried {attempts} times"
    if state not in (*BROKEN, "stopped") and attempts >= allowed:
        return "it came to its own end, and the same recipe gives the same result"
    return ""


def _minutes(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else "a minute"
