"""Where a tree of experiments stands: the best one, the path that led to it, and where the next move can start.

An experiment is only called better than another outside the noise; of those that can't be told apart from the best,
the first one stands, as nothing was gained since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cockpit.core.scores import Score, compare


class Scored(Protocol):
    """What is needed of an experiment."""

    @property
    def id(self) -> str: ...
    @property
    def parent(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def technique(self) -> str: ...
    @property
    def score(self) -> Score | None: ...


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """`best`: the experiment to beat. `path`: from the root to it. `level`: others that can't be told from it.

    `frontier`: committed experiments (and the baseline) without a committed child that gained: starts of next moves.
    """

    best: str | None
    path: tuple[str, ...]
    level: tuple[str, ...]
    frontier: tuple[str, ...]


def leaderboard(experiments: Sequence[Scored]) -> Leaderboard:
    """Judge a tree; the order of `experiments` is that of their making."""
    by_id = {view.id: view for view in experiments}
    kept = [view for view in experiments if _kept(view)]
    best = _best(kept)
    if best is None or best.score is None:
        return Leaderboard(None, (), (), tuple(view.id for view in kept))
    level = tuple(
        view.id
        for view in kept
        if view.id != best.id
        and view.score is not None
        and compare(view.score, best.score).kind in ("level", "too_few")
    )
    return Leaderboard(
        best.id, _path(best, by_id), level, tuple(view.id for view in kept if not _surpassed(view, kept))
    )


def _kept(view: Scored) -> bool:
    return view.score is not None and (
        view.status == "committed" or (view.technique == "baseline" and view.status != "discarded")
    )


def standing_text(standing: Leaderboard) -> str:
    """Say what to beat, how it came about, where a next move can start."""
    if standing.best is None:
        return "Nothing is scored and committed yet."
    level = f" (level with it: {', '.join(standing.level)})" if standing.level else ""
    path = " -> ".join(standing.path)
    return f"Best: {standing.best}{level}, by {path}. Frontier: {', '.join(standing.frontier)}."


def _best(kept: Sequence[Scored]) -> Scored | None:
    """The first that nothing beats outside the noise: a later one must gain on it to take its place."""
    best: Scored | None = None
    for view in kept:
        if (
            best is None
            or best.score is None
            or (view.score is not None and compare(view.score, best.score).kind == "gained")
        ):
            best = view
    return best


def _path(view: Scored, by_id: Mapping[str, Scored]) -> tuple[str, ...]:
    path: list[str] = []
    at: Scored | None = view
    while at is not None and at.id not in path:
        path.append(at.id)
        at = by_id.get(at.parent or "")
    return tuple(reversed(path))


def _surpassed(view: Scored, kept: Sequence[Scored]) -> bool:
    return any(
        child.parent == view.id
        and child.score is not None
        and view.score is not None
        and compare(child.score, view.score).kind == "gained"
        for child in kept
    )
