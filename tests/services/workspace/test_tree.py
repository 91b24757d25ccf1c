"""Experiments judged together: what was committed, and the settings of a sweep, share their five per cent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cockpit.core.scores import Score
from cockpit.services.workspace.tree import arrange
from cockpit.services.workspace.view import ExperimentView

N = 100


def view(number: int, wins: int, losses: int, *, status: str = "evaluated", **more: Any) -> ExperimentView:
    """An experiment on the baseline (50 of 100 right) that turned so many items right and wrong."""
    right = {str(k): float(losses <= k < 50 + wins) for k in range(N)}
    made = ExperimentView(
        id=f"exp_{number:04d}", parent="exp_0000" if number else None, technique="sft" if number else "baseline",
        lora=False, hypothesis="", created=0.0, status=status, attempt=None, attempt_dir=None, model="m", verifier="v",
        score=Score.of_items(right),
    )  # fmt: skip
    return replace(made, **more)


BASE = view(0, 0, 0)
LUCKY = (12, 2)  # p = 0.013
SURE = (30, 0)
NOTHING = (5, 5)


CASES = [
    # the others, and what the lucky one is among them
    ([], "gained"),
    ([view(2, *NOTHING), view(3, *NOTHING), view(4, *NOTHING)], "gained"),  # evaluated, and claimed by nobody
    ([view(k, *NOTHING, status="committed") for k in range(2, 6)], "too_few"),
    (
        [view(k, *SURE, status="committed") for k in range(2, 6)],
        "gained",
    ),  # real gains cost the others nothing
    ([view(k, *NOTHING, status="discarded") for k in range(2, 9)], "gained"),
    ([view(k, *NOTHING, sweep="s") for k in range(2, 7)], "too_few"),
    ([view(k, *NOTHING, sweep="other") for k in range(2, 7)], "gained"),
    ([view(k, *NOTHING, sweep="s", score=None) for k in range(2, 7)], "gained"),  # not scored: no look taken
]


@pytest.mark.parametrize(("others", "kind"), CASES)
def test_what_a_gain_counts_among_others(others: list[ExperimentView], kind: str) -> None:
    arranged = {one.id: one for one in arrange([BASE, view(1, *LUCKY, sweep="s"), *others])}
    delta = arranged["exp_0001"].delta
    assert delta is not None
    assert delta.kind == kind
    assert ("(Holm)" in delta.sentence) == (kind == "too_few")
    assert all(
        arranged[one.id].delta.kind == "gained"  # type: ignore[union-attr]
        for one in others
        if one.score == view(2, *SURE).score
    )


def test_another_held_out_set_is_another_family() -> None:
    score = view(1, *LUCKY).score
    assert score is not None
    others = [
        view(k, *NOTHING, status="committed", score=replace(score, held_out_hash="b")) for k in range(2, 9)
    ]
    base = replace(BASE, score=replace(BASE.score, held_out_hash="a")) if BASE.score else BASE
    lucky = view(1, *LUCKY, score=replace(score, held_out_hash="a"))
    delta = {one.id: one for one in arrange([base, lucky, *others])}["exp_0001"].delta
    assert delta is not None
    assert delta.kind == "gained"
