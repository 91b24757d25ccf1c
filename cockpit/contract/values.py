"""Values out of files that other processes wrote, perhaps other versions of them: what is odd reads as nothing."""

from __future__ import annotations

import math
from typing import Any, cast


def number(value: object) -> float | None:
    """Return a JSON number as a float, NaN and infinities included; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number with more than 308 digits
        return None


def finite(value: object) -> float | None:
    """Return a JSON number as a float; None for everything else, NaN and infinities included."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def whole(value: object) -> int | None:
    """Return a JSON number as a whole one, cut where it has decimals; None for everything else."""
    found = number(value)
    return int(found) if found is not None and found == found and abs(found) < 1e15 else None


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for everything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
