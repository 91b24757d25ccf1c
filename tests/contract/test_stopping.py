"""What ends a run: the rule that knows what its items can resolve."""

from __future__ import annotations

import random

import pytest

from cockpit.contract import stopping
from tests.bench import stopping as bench


def evals(*passed: int, items: int = 50) -> list[list[float]]:
    """Mini-evals in which so many of the items pass, always the same first."""
    return [[float(i < count) for i in range(items)] for count in passed]


def stops(history: list[list[float]], *, patience: int = 2, planned: int = 20) -> bool:
    return stopping.to_stop(history, patience=patience, planned=planned) is not None


@pytest.mark.parametrize(
    ("passed", "items", "ends"),
    [
        ((30, 30, 20, 10), 50, True),  # a fall that four mini-evals show
        ((6, 6, 5, 5), 10, False),  # ten items: it may be an answer or two
        ((20, 24, 30, 33), 50, False),
        ((5, 15, 25, 35, *[36] * 6), 50, False),  # it rose at once: what the rest gains can't be told yet
        ((20, 60, 100, 140, *[144] * 10), 200, True),  # … and with more items it can
        ((30, 20, 10), 50, False),  # three are not yet a trend
        ((0, 0, 0, 0, 0, 0), 5, False),  # nothing can be told of five
    ],
)
def test_only_what_the_items_resolve_ends_a_run(passed: tuple[int, ...], items: int, ends: bool) -> None:
    assert stops(evals(*passed, items=items)) is ends


def test_odd_histories_end_nothing() -> None:
    assert not stops([])
    assert not stops([[1.0]] * 9)
    assert not stops([*evals(30, 20), *evals(10, 5, items=20)]), "other items: not comparable"


@pytest.mark.parametrize(
    ("scores", "n", "baseline", "below", "skipped"),
    [
        ([0.0, 0.0, 0.0], 10, 0.4, True, True),
        ([0.0], 10, 0.4, False, False),
        ([0.34, 0.34, 0.34], 10, 0.355, False, False),
        ([0.1, 0.2, 0.45, 0.44, 0.43], 50, 0.5, False, False),  # rising: its best is not told from the base
        ([0.6, 0.2, 0.1, 0.1], 50, 0.5, True, False),
        ([0.2, 0.2], 50, None, False, False),
    ],
)
def test_against_the_base_model(
    scores: list[float], n: int, baseline: float | None, below: bool, skipped: bool
) -> None:
    assert stopping.below(scores, n, baseline) is below
    assert stopping.best_is_below(scores, n, baseline) is skipped


def test_what_can_be_resolved_and_what_it_takes() -> None:
    assert stopping.resolvable(10, 8) > stopping.resolvable(50, 8) > stopping.resolvable(200, 8)
    assert stopping.resolvable(8, 8) > 1 / 8, "a single item moves the score by an eighth"
    items = stopping.items_for(0.1, 8)
    assert stopping.resolvable(items, 8) <= 0.1 < stopping.resolvable(items // 2, 8)


def test_good_runs_are_not_ended_and_falls_are() -> None:
    """The bench's own simulation, small: by seed, so always the same."""
    rng = random.Random(5)
    good = [bench.play("rises", 10, rng) for _ in range(20)]
    crashed = [bench.play("crashes", 50, rng) for _ in range(10)]
    assert sum(run.early for run in good) <= 1
    assert sum(run.plain.early for run in good) >= 19, (
        "two checkpoints without a better score come in every run"
    )
    assert not any(run.early for run in crashed)
    assert sum(run.wasted for run in crashed) / 10 < 3
