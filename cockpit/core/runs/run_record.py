"""What one run left behind, as values that the readings judge: series, mid-evals, and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from cockpit.contract.events import mini_evals
from cockpit.contract.setting_names import recipe_name
from cockpit.contract.techniques import REWARDED
from cockpit.core.scores import Delta, Score, compare

Points = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class MidEval:
    """One mini-eval: at which optimizer step, the mean score 0..1 over `n` items, and how many of them parsed."""

    step: int
    score: float
    n: int
    parsed: int | None = None
    truncated: int | None = None

    @property
    def passed(self) -> int:
        """The score as a count of items."""
        return round(self.score * self.n)


@dataclass(frozen=True, slots=True)
class Nonfinite:
    """A value that was no number: at which step, of which metric, and what it was (`nan`, `inf`)."""

    step: int
    metric: str
    value: str


@dataclass(frozen=True, slots=True)
class Groups:
    """Sampled groups of a prompt: all right, all wrong, and those that differ within."""

    right: int = 0
    wrong: int = 0
    mixed: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt. `metrics` maps a trainer's metric to its (step, value) points, finite ones only.

    baseline: the base model's score on the mini-eval's items. stalled: the status's sentence where it stalls.
    train_reward: the mean reward over the training set, where it was measured; else the readings take the
    series. delta: the verdict on the held-out score among all experiments of its set, where that is known; else
    `against_parent` compares the two. examples: step -> where the examples of that step's batch can be read.
    settings: the trainer's, by their names, as far as they are known. rewards: what RL adds up, each with its
    weight. row_tokens: reads the training data, and says how many tokens 99 in 100 rows fit in.
    """

    id: str
    technique: str
    metrics: Mapping[str, Points] = field(default_factory=dict[str, Points])
    mid_evals: Sequence[MidEval] = ()
    nonfinite: Sequence[Nonfinite] = ()
    baseline: float | None = None
    verifier: str = ""
    outcome: str | None = None
    stalled: str = ""
    held_out: Score | None = None
    parent: Score | None = None
    delta: Delta | None = None
    train_reward: float | None = None
    groups: Groups | None = None
    examples: Mapping[int, str] = field(default_factory=dict[int, str])
    beta: float | None = None
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    rewards: Sequence[tuple[str, float]] = ()
    row_tokens: Callable[[], int | None] = field(default=lambda: None, compare=False)

    def called(self, name: str) -> str:
        """Return what this run's own settings call `name`: `cutoff_len` for max_length; `name` where none is it."""
        if name in self.settings:
            return name
        whole = [own for own in self.settings if recipe_name(own, self.technique) == name]
        ends = [own for own in self.settings if recipe_name(own.rpartition(".")[2], self.technique) == name]
        return next((own for one in (whole, ends) if len(one) == 1 for own in one), name)

    def setting(self, name: str) -> float | None:
        """Return a setting that is a number, whatever the run calls it; None for one that isn't known."""
        value = self.settings.get(self.called(name))
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def against_parent(self) -> Delta | None:
        """Return the held-out score against the parent's; None where one of them is missing."""
        if self.held_out is None or self.parent is None:
            return None
        return self.delta or compare(self.held_out, self.parent)

    @property
    def rate(self) -> float | None:
        """The highest learning rate: as it was logged, else as it was set."""
        return max(self.values("lr"), default=0.0) or self.setting("learning_rate")

    @property
    def last_step(self) -> int:
        """The newest step of any series; 0 before the first."""
        return max((points[-1][0] for points in self.metrics.values() if points), default=0)

    @property
    def rewarded(self) -> bool:
        """Whether it learns from rewards, so that its loss says little."""
        return self.technique in REWARDED

    def values(self, name: str) -> list[float]:
        """Return a metric's values in order of steps; empty where it was not logged."""
        return [value for _, value in self.metrics.get(name, ())]

    def steps(self, name: str) -> list[int]:
        """Return the steps of a metric's values."""
        return [step for step, _ in self.metrics.get(name, ())]

    def since(self, name: str, index: int | None) -> int | None:
        """Return the step at `index` of a metric's points, None for None."""
        points = self.metrics.get(name, ())
        return points[index][0] if index is not None and 0 <= index < len(points) else None


def series_of(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Points], list[Nonfinite]]:
    """Sort metric rows into series and non-finite values; rows without a step and odd values are passed over.

    A step that was logged again (after a resume) takes the later value.
    """
    columns: dict[str, dict[int, float]] = {}
    odd: list[Nonfinite] = []
    for row in rows:
        step = row.get("step")
        if not isinstance(step, int) or isinstance(step, bool):
            continue
        for name, value in row.items():
            if name in ("step", "time") or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if value - value == 0:
                columns.setdefault(name, {})[step] = float(value)
            else:
                odd.append(Nonfinite(step, name, str(value)))
        named = row.get("nonfinite")
        if isinstance(named, Mapping):
            odd += [
                Nonfinite(step, str(k), str(v)) for k, v in cast("Mapping[object, object]", named).items()
            ]
    return {name: tuple(sorted(points.items())) for name, points in columns.items()}, odd


def mid_evals_of(events: Iterable[Mapping[str, Any]]) -> tuple[list[MidEval], float | None]:
    """Return the mini-evals that count, in order of steps, and the baseline that the last of them names."""
    by_step: dict[int, MidEval] = {}
    baseline: float | None = None
    for event in mini_evals(events):
        step, score, n = event.get("step"), event.get("score"), event.get("n")
        if not isinstance(step, int) or not isinstance(n, int) or n <= 0:
            continue
        if not isinstance(score, int | float) or not 0 <= score <= 1:
            continue
        by_step[step] = MidEval(
            step, float(score), n, _count(event.get("parsed")), _count(event.get("truncated"))
        )
        given = event.get("baseline")
        baseline = float(given) if isinstance(given, int | float) else baseline
    return [by_step[step] for step in sorted(by_step)], baseline


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def groups_of(rows: Iterable[Mapping[str, Any]]) -> Groups | None:
    """Count the groups among sampled rows (`group`, `score`); None where no row names a group of two or more."""
    by_group: dict[str, list[float]] = {}
    for row in rows:
        score = row.get("score")
        if row.get("group") is not None and isinstance(score, int | float):
            by_group.setdefault(f"{row.get('step')}/{row['group']}", []).append(float(score))
    whole = [scores for scores in by_group.values() if len(scores) > 1]
    if not whole:
        return None
    right = sum(min(scores) >= 1.0 for scores in whole)
    wrong = sum(max(scores) <= 0.0 for scores in whole)
    return Groups(right, wrong, len(whole) - right - wrong)
