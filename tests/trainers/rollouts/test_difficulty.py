"""Which prompts the filter of difficulty leaves out, by their pass rates."""

from __future__ import annotations

import pytest

from trainers.rollouts.difficulty import Sorted, sort

RATES = [0.0, 0.125, 0.5, 0.875, 1.0]


@pytest.mark.parametrize(
    ("band", "found"),
    [
        (None, Sorted([1, 2, 3], 1, 1)),
        ((0.083, 0.917), Sorted([1, 2, 3], 1, 1)),
        ((0.2, 0.6), Sorted([2], 2, 2)),
        ((0.0, 0.9), Sorted([0, 1, 2, 3], 0, 1)),
        ((0.6, 0.7), Sorted([], 3, 2)),
    ],
)
def test_prompts_outside_the_band_are_left_out_and_counted(
    band: tuple[float, float] | None, found: Sorted
) -> None:
    assert sort(RATES, band) == found
