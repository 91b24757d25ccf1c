"""Read the many ways of writing a good or bad answer, the same for a draft and for training."""

from __future__ import annotations

_GOOD = frozenset(
    (
        "true",
        "yes",
        "1",
        "good",
        "desirable",
        "positive",
        "thumbs_up",
        "up",
        "chosen",
        "accept",
        "accepted",
        "correct",
        "right",
        "pass",
        "passed",
        "like",
        "liked",
        "\N{THUMBS UP SIGN}",
    )
)
_BAD = frozenset(
    (
        "false",
        "no",
        "0",
        "bad",
        "undesirable",
        "negative",
        "thumbs_down",
        "down",
        "rejected",
        "reject",
        "incorrect",
        "wrong",
        "fail",
        "failed",
        "dislike",
        "disliked",
        "\N{THUMBS DOWN SIGN}",
    )
)


def as_bool(value: object) -> bool | None:
    """Read a yes or no in any of its usual spellings; None where it is neither."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return {0.0: False, 1.0: True, -1.0: False}.get(float(value))
    word = str(value).strip().lower().replace(" ", "_")
    return True if word in _GOOD else False if word in _BAD else None
