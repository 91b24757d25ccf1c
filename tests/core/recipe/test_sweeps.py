"""A sweep's combinations, and how the number of its siblings weakens a gain."""

from __future__ import annotations

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.core.recipe.sweeps import expand, varying
from cockpit.core.scores import Score, compare


@pytest.mark.parametrize(
    ("settings", "made"),
    [
        (["lr=1e-5,3e-5"], [["lr=1e-5"], ["lr=3e-5"]]),
        (["lr=1,2", "seed=7"], [["lr=1", "seed=7"], ["lr=2", "seed=7"]]),
        (["a=1,2", "b=x,y"], [["a=1", "b=x"], ["a=1", "b=y"], ["a=2", "b=x"], ["a=2", "b=y"]]),
        (
            ['peft.target_modules=["q_proj","v_proj"],all-linear'],
            [['peft.target_modules=["q_proj","v_proj"]'], ["peft.target_modules=all-linear"]],
        ),
    ],
)
def test_every_combination_once(settings: list[str], made: list[list[str]]) -> None:
    assert expand(settings) == made


def test_only_what_varies_is_named() -> None:
    assert varying(["lr=1,2", "seed=7"]) == ["lr"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["lr=1e-5"], "nothing varies"),
        (["lr"], "is not a setting"),
        (["lr=1,"], "empty value"),
        (["lr=1,1"], "names a value twice"),
        (["a=1,2,3,4,5", "b=1,2,3,4,5"], "25 combinations are too many"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(settings: list[str], says: str) -> None:
    with pytest.raises(CockpitError, match=says):
        expand(settings)


def test_one_of_several_settings_has_to_gain_more_clearly() -> None:
    """12 newly right against 2 newly wrong is p = 0.013: a gain alone, none as the best of six."""
    parent = Score.of_items({str(i): float(i < 50) for i in range(100)})
    child = Score.of_items({str(i): float(i < 62 and i not in (0, 1)) for i in range(100)})
    alone, among = compare(child, parent), compare(child, parent, among=[1.0] * 5)
    assert alone.kind == "gained"
    assert among.kind == "too_few"
    assert "Among 6 experiments on these items p counts as 0.078 (Holm)" in among.sentence
    assert alone.p == among.p
