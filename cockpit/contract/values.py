"""Values of JSON that somebody else wrote, taken for what they should be."""

from __future__ import annotations

from typing import Any, cast


def mapping(value: object) -> dict[str, Any]:
    """Return the value where it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """Return the value where it is a number (a truth value is none), else None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
