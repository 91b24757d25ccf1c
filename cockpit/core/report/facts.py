"""What a report says, as values: its target, the tree, and all that is told of each experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cockpit.core.findings import Finding
from cockpit.core.pass_at import Passes

MOST_ITEMS = 20
"""Items won and lost of an experiment that are shown with their answers."""
SEVERITY_WORDS = {"block": "blocks", "alarm": "alarm", "warn": "warning", "info": "note"}
MARK = "made by cockpit report"
"""Stands in a comment at the top of each report: a file without it is nobody's to replace."""

Points = Sequence[tuple[float, float]]
Facts = tuple[tuple[str, str], ...]
"""Names and what they are, in the order to be shown."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One series over the optimizer steps. `level`: the baseline's value; `limits`: where the scale is given."""

    name: str
    points: Points
    level: float | None = None
    limits: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A held-out item that was won or lost: what both said to it."""

    item: str
    prompt: str
    gold: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Turned:
    """How many items were won and lost against the base, and the first of each; `graded`: better and worse."""

    won: int
    lost: int
    shown_won: tuple[Item, ...]
    shown_lost: tuple[Item, ...]
    graded: bool = False

    def sentence(self, base: str) -> str:
        """Return `129 items won, 32 lost against exp_0000.`."""
        better, worse = ("better", "worse") if self.graded else ("won", "lost")
        return f"{self.won:,} item{'s' * (self.won != 1)} {better}, {self.lost:,} {worse} against {base}."


@dataclass(frozen=True, slots=True)
class Said:
    """A finding, and what cures it: commands, and what else may be done."""

    finding: Finding
    cures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of the tree."""

    id: str
    depth: int
    technique: str
    status: str
    score: str
    against: str
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """One experiment, whole. `base`: the experiment that it is held against, empty where there is none."""

    id: str
    technique: str
    status: str
    hypothesis: str
    base: str
    score: str
    facts: Facts = ()
    settings: tuple[tuple[str, str, str], ...] | None = None
    """Those that differ from the base's: name, the base's value, its own; None without a base to differ from."""
    comparison: tuple[str, ...] = ()
    """What its score is worth against the base's, in sentences."""
    turned: Turned | None = None
    passes: Passes | None = None
    curves: tuple[Curve, ...] = ()
    findings: tuple[Said, ...] = ()
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. `across`: findings about several experiments or none; `log`: lines about no experiment."""

    title: str
    made: str
    target: Facts
    tree: tuple[Branch, ...]
    standing: str
    told: tuple[Told, ...]
    across: tuple[Said, ...] = ()
    log: tuple[str, ...] = ()
    environment: Facts = ()
    unread: tuple[str, ...] = field(default=())
    """What could not be read, in sentences."""
