"""Two to six experiments side by side: scores, only the settings that differ, who got which item right.

The first one named is what the others are held against. Values in, values out.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from cockpit.core.markdown import shown, table
from cockpit.core.pass_at import Passes, Sampled, passes
from cockpit.core.safe_text import clip
from cockpit.core.scores import Delta, Score, compare

FEWEST, MOST = 2, 6
_LINE = 2000  # characters of a line of Markdown
HELD_OUT_CAUTION = (
    "These are held-out items: look at them to understand, never to write training data from (failures by slice are "
    "fine to aim at, failures by item are not)."
)
# What says nothing about how an experiment was made, or says it a second time.
_LEFT_OUT = {"v", "experiment_id", "attempt", "parent", "hypothesis", "mid_eval.baseline", "report_to"}
_HASHES = {
    "data.train_hash": "data.train",
    "data.held_out_hash": "data.held_out",
    "data.mini_eval_hash": "data.mini_eval",
}
Axis = Literal["step", "tokens", "time"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one experiment said to one held-out item."""

    item: str
    prompt: str
    completion: str
    gold: str
    score: float
    parsed: bool
    why: str = ""

    @property
    def right(self) -> bool:
        """Whether it counts as solved."""
        return self.score >= 1.0


@dataclass(frozen=True, slots=True)
class Side:
    """One of the experiments compared. `curves`: metric -> its (x, y) points on the axis asked for."""

    id: str
    technique: str
    status: str
    hypothesis: str = ""
    score: Score | None = None
    sampled: Sampled | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answers: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(
        default_factory=dict[str, Sequence[tuple[float, float]]]
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Another experiment against the first: the delta, and the items that it won and lost."""

    first: str
    other: str
    delta: Delta | None
    won: tuple[str, ...]
    lost: tuple[str, ...]
    graded: bool = False
    """Whether scores lie between 0 and 1: then items are better and worse, not right and wrong."""
    passes: Passes | None = None
    """pass@k of the other against the first, where both were sampled."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything there is to show. `settings`: name -> a value for each side, those that differ alone."""

    sides: tuple[Side, ...]
    settings: Mapping[str, tuple[str, ...]]
    pairs: tuple[Pair, ...]
    axis: Axis = "step"
    notes: tuple[str, ...] = ()
    """What was left out of it, in sentences."""

    def as_dict(self) -> dict[str, object]:
        """The shape of `cockpit compare --json`."""
        return {
            "experiments": [_side(side) for side in self.sides],
            "settings": [
                {"name": name, "values": dict(zip((s.id for s in self.sides), values, strict=True))}
                for name, values in self.settings.items()
            ],
            "pairs": [_pair(pair, self) for pair in self.pairs],
            "axis": self.axis,
            "curves": {
                metric: {side.id: [list(point) for point in side.curves[metric]] for side in self.sides
                         if metric in side.curves}
                for metric in self.metrics()
            },
            "notes": list(self.notes),
            "caution": HELD_OUT_CAUTION,
        }  # fmt: skip

    def metrics(self) -> list[str]:
        """The metrics that any side has, those that most have first."""
        counts: dict[str, int] = {}
        for side in self.sides:
            for name in side.curves:
                counts[name] = counts.get(name, 0) + 1
        return sorted(counts, key=lambda name: (-counts[name], name))


def comparison(sides: Sequence[Side], axis: Axis = "step") -> Comparison:
    """Compare; the first side is what the others are held against."""
    first = sides[0]
    return Comparison(
        tuple(sides),
        differing([side.recipe for side in sides]),
        tuple(_against(first, s) for s in sides[1:]),
        axis,
    )


def _against(first: Side, other: Side) -> Pair:
    delta = compare(other.score, first.score) if other.score and first.score else None
    shared = [item for item in first.answers if item in other.answers]
    won = tuple(i for i in shared if other.answers[i].score > first.answers[i].score)
    lost = tuple(i for i in shared if other.answers[i].score < first.answers[i].score)
    graded = any(0 < side.answers[item].score < 1 for side in (first, other) for item in shared)
    both = passes(other.sampled, first.sampled, first.id) if other.sampled and first.sampled else None
    return Pair(first.id, other.id, delta, won, lost, graded, both)


def differing(recipes: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The settings in which the recipes are not all alike, by their dotted names; a missing one is a dash."""
    flat = [flattened(recipe) for recipe in recipes]
    names = list(dict.fromkeys(name for one in flat for name in one))
    made: dict[str, tuple[str, ...]] = {}
    for name in sorted(names, key=lambda n: (not n.startswith(("technique", "data", "model", "peft")), n)):
        values = tuple(_shown(one.get(name)) for one in flat)
        if len(set(values)) > 1 and name not in _LEFT_OUT and not name.startswith("reasons."):
            made[name] = values
    for hashed, path in _HASHES.items():
        if hashed in made and path in made:
            del made[hashed]  # other files have other contents: said once
    return made


def flattened(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    made: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping) and inner:
            made.update(flattened(cast("Mapping[str, Any]", inner), f"{name}."))
        else:
            made[name] = inner
    return made


def _shown(value: object) -> str:
    if value is None or value == {} or value == "":
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _side(side: Side) -> dict[str, object]:
    score = side.score
    return {
        "id": side.id, "technique": side.technique, "status": side.status, "hypothesis": side.hypothesis,
        "held_out_score": score.value if score else None, "interval": [score.lo, score.hi] if score else None,
        "n_items": score.n if score else None, "parsed": score.parsed if score else None,
    }  # fmt: skip


def _pair(pair: Pair, whole: Comparison) -> dict[str, object]:
    by_id = {side.id: side for side in whole.sides}
    delta = pair.delta
    return {
        "first": pair.first, "other": pair.other, "delta": delta.value if delta else None,
        "kind": delta.kind if delta else None, "p": delta.p if delta else None,
        "sentence": delta.sentence if delta else "Not compared: one of the two has no held-out score.",
        "pass_at": pair.passes.as_dict() if pair.passes else None,
        "won": [_item(item, by_id[pair.first], by_id[pair.other]) for item in pair.won],
        "lost": [_item(item, by_id[pair.first], by_id[pair.other]) for item in pair.lost],
    }  # fmt: skip


def _item(item: str, first: Side, other: Side) -> dict[str, object]:
    a, b = first.answers[item], other.answers[item]
    return {"item": item, "prompt": b.prompt, "gold": b.gold, first.id: a.completion, other.id: b.completion}


def score_text(score: Score | None) -> str:
    """`0.805 [0.744, 0.854] on 200 items`, or a dash."""
    return f"{score.text(3)} on {score.over()}" if score else "-"


def as_markdown(whole: Comparison, *, items: int = 10) -> str:
    """Tables that a pull request or a wiki shows: scores, settings, deltas, and the first items won and lost."""
    ids = [side.id for side in whole.sides]
    against = {pair.other: pair.delta.sentence for pair in whole.pairs if pair.delta}
    heads = ("experiment", "technique", "status", "held-out score", "against the first")
    rows = [(s.id, s.technique, s.status, score_text(s.score), against.get(s.id, "-")) for s in whole.sides]
    lines = [f"# {shown(' vs '.join(ids), _LINE)}", "", *table(heads, rows)]
    sampled = [f"{pair.other}: {pair.passes.sentence()}" for pair in whole.pairs if pair.passes]
    lines += [f"\n{shown(said, _LINE)}" for said in (*sampled, *whole.notes)]
    settings = [(name, *values) for name, values in whole.settings.items()]
    lines += [
        "",
        "## Settings that differ",
        "",
        *table(("setting", *ids), settings or [("none", *["" for _ in ids])]),
    ]
    by_id = {side.id: side for side in whole.sides}
    for pair in whole.pairs:
        for word, won in (("won", pair.won), ("lost", pair.lost)):
            if won:
                title = shown(f"{len(won)} items that {pair.other} {word} against {pair.first}", _LINE)
                cells = [_cells(item, by_id[pair.first], by_id[pair.other]) for item in won[:items]]
                heads = ("item", "prompt", "gold", pair.first, pair.other)
                lines += ["", f"## {title}", "", *table(heads, cells)]
                lines += [f"\n… and {len(won) - items} more."] if len(won) > items else []
    if any(pair.won or pair.lost for pair in whole.pairs):
        lines += ["", HELD_OUT_CAUTION]
    return "\n".join(lines) + "\n"


def _cells(item: str, first: Side, other: Side) -> tuple[str, ...]:
    a, b = first.answers[item], other.answers[item]
    return (item, *(clip(text, 120) for text in (b.prompt, b.gold, a.completion, b.completion)))


def as_csv(whole: Comparison) -> str:
    """One table, an experiment a column: `kind` is score, setting or item."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["kind", "name", *(side.id for side in whole.sides)])
    scores = [side.score for side in whole.sides]
    for name, values in (
        ("held_out_score", [s and s.value for s in scores]), ("low", [s and s.lo for s in scores]),
        ("high", [s and s.hi for s in scores]), ("n_items", [s and s.n for s in scores]),
        ("parsed", [s and s.parsed for s in scores]),
    ):  # fmt: skip
        writer.writerow(["score", name, *("" if value is None else value for value in values)])
    for name, values in whole.settings.items():
        writer.writerow(["setting", name, *map(_harmless, values)])
    for item in dict.fromkeys(item for side in whole.sides for item in side.answers):
        marks = [side.answers[item].score if item in side.answers else "" for side in whole.sides]
        writer.writerow(["item", _harmless(item), *marks])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet takes `=…` for a formula: a quote before it keeps it text."""
    return f"'{cell}" if cell[:1] in ("=", "+", "@") or (cell[:1] == "-" and len(cell) > 1) else cell
