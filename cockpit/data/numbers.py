"""Numbers in data rows: scores, rewards, ratings."""

from __future__ import annotations

import re

# 5/5, 4 stars, 80 %: a rating as people write it, with what it is out of.
_RATING = re.compile(
    r"\s*(-?\d+(?:[.,]\d+)?)\s*(?:/\s*\d+(?:[.,]\d+)?|stars?|points?|%|out of \d+)\s*", re.IGNORECASE
)


def as_number(value: object) -> float | None:
    """Read a finite number, also one written as text (CSV has nothing else) or as a boolean."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool | int | float):
        number = float(value) if abs(value) < 1e300 else float("inf")
        return number if number == number and abs(number) != float("inf") else None
    return None


def is_rating(value: object) -> bool:
    """Say whether this is a rating written as text: `5/5`, `4 stars`, `★★★`."""
    if not isinstance(value, str) or not value.strip():
        return False
    return _RATING.fullmatch(value) is not None or not value.strip().strip("★☆⭐*")
