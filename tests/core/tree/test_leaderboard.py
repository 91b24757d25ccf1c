"""The best experiment, the path to it and the frontier: nothing is better inside the noise."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.core.scores import Score
from cockpit.core.tree.leaderboard import Leaderboard, leaderboard


@dataclass(frozen=True)
class View:
    id: str
    parent: str | None
    score: Score | None
    status: str = "committed"
    technique: str = "sft"


def view(id_: str, parent: str | None, score: float | None, n: int = 500, **more: str) -> View:
    return View(id_, parent, None if score is None else Score.of(score, n), **more)


BASE = view("e0", None, 0.2, technique="baseline", status="evaluated")


def test_an_empty_tree_stands_nowhere() -> None:
    assert leaderboard([]) == Leaderboard(None, (), (), ())


def test_the_baseline_is_the_first_to_beat() -> None:
    assert leaderboard([BASE, view("e1", "e0", 0.9, status="evaluated")]) == Leaderboard(
        "e0", ("e0",), (), ("e0",)
    )


def test_a_gain_takes_its_parents_place() -> None:
    told = leaderboard([BASE, view("e1", "e0", 0.4), view("e2", "e1", 0.6), view("e3", "e0", 0.35)])
    assert told.best == "e2"
    assert told.path == ("e0", "e1", "e2")
    assert told.level == ()
    assert told.frontier == ("e2", "e3")


def test_a_tie_does_not_take_the_place_and_both_are_starts() -> None:
    told = leaderboard([BASE, view("e1", "e0", 0.60), view("e2", "e1", 0.61)])
    assert (told.best, told.level) == ("e1", ("e2",))
    assert told.frontier == ("e1", "e2")


def test_discarded_and_failed_ones_have_no_place() -> None:
    told = leaderboard(
        [BASE, view("e1", "e0", 0.9, status="discarded"), view("e2", "e0", None, status="failed")]
    )
    assert told == Leaderboard("e0", ("e0",), (), ("e0",))


def test_a_ring_of_parents_ends() -> None:
    assert leaderboard([view("e1", "e2", 0.4), view("e2", "e1", 0.8)]).path == ("e1", "e2")
