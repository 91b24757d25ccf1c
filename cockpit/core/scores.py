"""Scores with error bars, and what a difference between two of them is worth.

A score is never shown without its interval, and progress is never claimed inside the noise. Two scores are
only compared where the verifier, the held-out set and the decoding were the same; where they were not,
`compare` says why instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from cockpit.core import stats

Kind = Literal["gained", "lost", "level", "too_few", "incomparable"]
ALPHA = 0.05
LEVEL_MARGIN = 0.05  # "level" claims that the difference is smaller than this
_IRRELEVANT = {
    "batch_size"
}  # decoding settings that change the speed, not the answers (greedy, padding aside)


@dataclass(frozen=True, slots=True)
class Score:
    """A mean score over `n` items, 0..1, with its 95 % interval.

    `passed` and `parsed` count items (None where unknown, or where scores are graded). The fingerprints are
    empty where unknown. `items` maps the item's id to its score, for paired tests.
    """

    value: float
    n: int
    lo: float
    hi: float
    passed: int | None = None
    parsed: int | None = None
    verifier: str = ""
    verifier_hash: str = ""
    held_out_hash: str = ""
    decoding: str = ""
    items: Mapping[str, float] | None = field(default=None, repr=False, compare=False)

    def text(self, digits: int = 2) -> str:
        """Return `0.71 [0.64, 0.77]`."""
        return f"{self.value:.{digits}f} [{self.lo:.{digits}f}, {self.hi:.{digits}f}]"

    @classmethod
    def of(cls, value: float, n: int, **known: Any) -> Score:
        """Make the score of a mean over `n` items whose single results are unknown (Wilson interval)."""
        lo, hi = stats.wilson(value * n, n)
        return cls(value, n, lo, hi, **known)

    @classmethod
    def of_items(cls, items: Mapping[str, float], **known: Any) -> Score:
        """Make the score of single results: Wilson where all are 0 or 1, else a seeded bootstrap."""
        values = list(items.values())
        n = len(values)
        mean = sum(values) / n if n else 0.0
        whole = all(value in (0.0, 1.0) for value in values)
        lo, hi = stats.wilson(sum(values), n) if whole else stats.bootstrap_mean(values)
        fields: dict[str, Any] = {"passed": round(sum(values)) if whole else None, **known}
        return cls(mean, n, lo, hi, items=items, **fields)

    @classmethod
    def from_json(cls, value: object, items: Mapping[str, float] | None = None) -> Score | None:
        """Read `held_out/score.json`; None where it holds no usable score. `items` may come from its neighbour."""
        if not isinstance(value, Mapping):
            return None
        fields = cast("Mapping[str, Any]", value)
        mean, n = fields.get("score"), fields.get("n")
        if (
            not _is_number(mean)
            or not isinstance(n, int)
            or n <= 0
            or not 0.0 <= float(cast(float, mean)) <= 1.0
        ):
            return None
        known: dict[str, Any] = {
            "passed": fields.get("passed") if isinstance(fields.get("passed"), int) else None,
            "parsed": fields.get("parsed") if isinstance(fields.get("parsed"), int) else None,
            "verifier": str(fields.get("verifier") or ""),
            "verifier_hash": str(fields.get("verifier_hash") or ""),
            "held_out_hash": str(fields.get("held_out_hash") or ""),
            "decoding": decoding_key(fields.get("generation")),
        }
        scored = items if items is not None else _item_scores(fields.get("items"))
        if scored and len(scored) == n:
            return cls.of_items(scored, **known)
        return cls.of(float(cast(float, mean)), n, **known)


def decoding_key(generation: object) -> str:
    """Return the decoding settings as one comparable text; empty where unknown."""
    if not isinstance(generation, Mapping) or not generation:
        return ""
    fields = cast("Mapping[str, Any]", generation)
    kept = {k: v for k, v in fields.items() if k not in _IRRELEVANT and v is not None}
    if not kept.get("temperature"):
        kept.pop("top_p", None)  # greedy decoding ignores it
    return json.dumps(kept, sort_keys=True, default=str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _item_scores(value: object) -> dict[str, float] | None:
    if not isinstance(value, Mapping):
        return None
    pairs = cast("Mapping[object, object]", value).items()
    return {str(key): float(cast(float, score)) for key, score in pairs if _is_number(score)}


@dataclass(frozen=True, slots=True)
class Delta:
    """A child's score against its parent's.

    kind: gained or lost (p < 0.05), level (surely within `LEVEL_MARGIN`), too_few (can't be told), or
    incomparable. value: child minus parent, with its 95 % interval. wins and losses count paired items that
    turned right and wrong, None where unpaired. items_needed: how many items would show a difference of this
    size with 80 % power, None where there is none to show.
    """

    kind: Kind
    value: float
    lo: float
    hi: float
    p: float
    n: int
    sentence: str
    wins: int | None = None
    losses: int | None = None
    items_needed: int | None = None

    @property
    def short(self) -> str:
        """Return the difference and the verdict in a few characters: `+0.39 gained`."""
        if self.kind == "incomparable":
            return "not comparable"
        return f"{self.value:+.2f} {self.kind.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class _Test:
    value: float
    lo: float
    hi: float
    p: float
    n: int
    needed: int | None
    wins: int | None = None
    losses: int | None = None


def incomparable(child: Score, parent: Score) -> str:
    """Say why the two scores must not be compared; empty where they may be. Unknown counts as the same."""
    if child.verifier_hash and parent.verifier_hash and child.verifier_hash != parent.verifier_hash:
        names = f" ({parent.verifier}, now {child.verifier})" if child.verifier != parent.verifier else ""
        return f"they were scored by different verifiers{names}"
    if child.held_out_hash and parent.held_out_hash and child.held_out_hash != parent.held_out_hash:
        return "they were scored on different held-out sets"
    if child.decoding and parent.decoding and child.decoding != parent.decoding:
        return f"they were decoded differently ({_differences(child.decoding, parent.decoding)})"
    return ""


def _differences(child: str, parent: str) -> str:
    new, old = json.loads(child), json.loads(parent)
    names = [name for name in sorted({*new, *old}) if new.get(name) != old.get(name)]
    return ", ".join(f"{name} {old.get(name)}, now {new.get(name)}" for name in names[:3])


def compare(child: Score, parent: Score, *, tried: int = 1) -> Delta:
    """Judge the difference of two scores.

    `tried`: how many settings of one sweep were scored on the same items; the best of several is lucky more often,
    so each must clear the 5 % divided by their number (Bonferroni).

    Paired items give McNemar's exact test (0/1 scores) or a paired bootstrap (graded); without them the two
    are treated as independent, which is the more careful reading.
    """
    difference = child.value - parent.value
    reason = incomparable(child, parent)
    if reason:
        return Delta("incomparable", difference, -1.0, 1.0, 1.0, 0, f"Not compared: {reason}.")
    test = _paired(child, parent) or _unpaired(child, parent)
    kind = _kind(test, ALPHA / max(1, tried))
    sentence = _sentence(kind, test)
    if tried > 1 and test.p < ALPHA:
        sentence += f" One of {tried} settings tried, so p is judged at {ALPHA / tried:.2g}."
    return Delta(
        kind, test.value, test.lo, test.hi, test.p, test.n, sentence, test.wins, test.losses,
        test.needed if kind == "too_few" else None,
    )  # fmt: skip


def _paired(child: Score, parent: Score) -> _Test | None:
    if not child.items or not parent.items:
        return None
    shared = [key for key in child.items if key in parent.items]
    if not shared or len(shared) < 0.5 * min(child.n, parent.n):
        return None
    steps = [child.items[key] - parent.items[key] for key in shared]
    n, mean = len(steps), sum(steps) / len(steps)
    if all(step in (-1.0, 0.0, 1.0) for step in steps):
        wins, losses = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
        lo, hi = stats.paired_difference(wins, losses, n)
        needed = stats.items_for_pairs(mean, (wins + losses) / n)
        return _Test(mean, lo, hi, stats.mcnemar(wins, losses), n, needed, wins, losses)
    lo, hi, p = stats.bootstrap_difference(steps)
    variance = sum((step - mean) ** 2 for step in steps) / max(1, n - 1)
    needed = _items_for_mean(mean, variance)
    return _Test(mean, lo, hi, p, n, needed, sum(s > 0 for s in steps), sum(s < 0 for s in steps))


def _items_for_mean(mean: float, variance: float) -> int | None:
    return None if mean == 0 else max(1, round(variance * ((stats.Z95 + stats.Z80) / mean) ** 2))


def _unpaired(child: Score, parent: Score) -> _Test:
    a, b = child.value * child.n, parent.value * parent.n
    lo, hi = stats.newcombe(a, child.n, b, parent.n)
    p = stats.two_proportions(a, child.n, b, parent.n)
    needed = stats.items_for_proportions(child.value, parent.value)
    return _Test(child.value - parent.value, lo, hi, p, min(child.n, parent.n), needed)


def _kind(test: _Test, alpha: float) -> Kind:
    if test.p < alpha and test.value != 0:
        return "gained" if test.value > 0 else "lost"
    return "level" if test.lo > -LEVEL_MARGIN and test.hi < LEVEL_MARGIN else "too_few"


def _sentence(kind: Kind, test: _Test) -> str:
    items = f"{test.n:,} paired items" if test.wins is not None else f"{test.n:,} items"
    turned = f": {test.wins} newly right, {test.losses} newly wrong" if test.wins is not None else ""
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}" if test.p < 0.1 else f"p = {test.p:.2f}"
    if kind in ("gained", "lost"):
        return f"{kind.capitalize()} {abs(test.value):.3f} on {items}{turned} ({p})."
    if kind == "level":
        return f"Level: {test.value:+.3f} on {items}{turned}, surely within ±{LEVEL_MARGIN:g}."
    if test.needed is None:
        return f"No difference on {items}{turned}, but too few to call it level ({test.lo:+.2f} to {test.hi:+.2f})."
    return (
        f"Too few items to tell: {test.value:+.3f} on {items}{turned} ({p}); "
        f"a difference of this size would take about {_rounded(test.needed):,}."
    )


def _rounded(count: int) -> int:
    step = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step
