"""Values of files that others wrote: what is odd reads as nothing, never as an error."""

from __future__ import annotations

import math

import pytest

from cockpit.contract.values import finite, mapping, number, whole


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3.0), (0.5, 0.5), (True, None), ("3", None), (None, None), ([1], None), (10**400, None)],
)
def test_only_a_json_number_is_one(value: object, expected: float | None) -> None:
    assert number(value) == expected
    assert finite(value) == expected


def test_what_is_not_finite_is_a_number_but_no_finite_one() -> None:
    assert number(math.inf) == math.inf
    assert math.isnan(number(math.nan) or 0.0)
    assert finite(math.inf) is None
    assert finite(math.nan) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), (3.9, 3), (False, None), (math.nan, None), (1e300, None), ("3", None)]
)
def test_a_whole_number_is_cut(value: object, expected: int | None) -> None:
    assert whole(value) == expected


@pytest.mark.parametrize(("value", "expected"), [({"a": 1}, {"a": 1}), ([], {}), (None, {}), ("x", {})])
def test_only_an_object_is_a_mapping(value: object, expected: dict) -> None:
    assert mapping(value) == expected
