"""Scores with error bars, and what a difference between two of them is worth.

A score is never shown without its interval, and progress is never claimed inside the noise. Two scores are
only compared where the verifier, the held-out set and the decoding were the same; where they were not,
`compare` says why instead.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from cockpit.core import clusters, stats

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
    empty where unknown. `items` maps the item's id to its score, for paired tests. `groups` maps it to the group whose
    members share something, the column `cluster`; None where each item stands for itself. `samples`: answers an item.
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
    groups: Mapping[str, int] | None = field(default=None, repr=False, compare=False)
    cluster: str = ""
    samples: int = 1

    @property
    def effective(self) -> float:
        """Return how many independent single answers would say as much: fewer than `n` where items share groups."""
        if not self.items or (self.groups is None and self.samples == 1):
            return float(self.n)
        return clusters.effective(self.items, self.groups, self.samples)

    def over(self) -> str:
        """Return what the score is over: `200 items in 40 groups by source, 4 samples each`."""
        each = f", {self.samples} samples each" if self.samples > 1 else ""
        return f"{self.n:,} items{_in_groups(self.groups, self.cluster)}{each}"

    def grouped(self, groups: clusters.Groups | None) -> Score:
        """Return the same score with the error of items that share groups; as it was where they aren't all known."""
        if groups is None or not self.items or any(item not in groups.of for item in self.items):
            return self
        of = {item: groups.of[item] for item in self.items}
        if len(set(of.values())) == len(of):
            return self
        return replace(self, groups=of, cluster=groups.column)._measured()

    def sampled(self, items: Mapping[str, float], samples: int) -> Score:
        """Return the score of the same items by values of theirs that rest on `samples` answers each."""
        value = math.fsum(items.values()) / len(items) if items else 0.0
        return replace(self, value=value, n=len(items), items=items, samples=samples)._measured()

    def _measured(self) -> Score:
        """The interval from the effective number of items."""
        size = self.effective
        lo, hi = stats.wilson(self.value * size, size)
        return replace(self, lo=min(lo, self.value), hi=max(hi, self.value))

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
        if not isinstance(n, int) or n <= 0 or not _is_number(mean):
            return None
        if not 0.0 <= float(cast(float, mean)) <= 1.0:
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
    turned right and wrong (of graded scores: better and worse), None where unpaired. items_needed: how many items
    would show a difference of this size with 80 % power, None where there is none to show.
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
    groups: int | None = None
    cluster: str = ""
    graded: bool = False


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


def compare(child: Score, parent: Score, *, among: Sequence[float] = ()) -> Delta:
    """Judge the difference of two scores.

    `among`: the p of other experiments that are judged on the same items; the best of several is lucky more often, so
    what counts is p among them all (Holm 1979).

    Paired items give McNemar's exact test (0/1 scores) or a paired bootstrap (graded); without them the two
    are treated as independent, which is the more careful reading.
    """
    difference = child.value - parent.value
    reason = incomparable(child, parent)
    if reason:
        return Delta("incomparable", difference, -1.0, 1.0, 1.0, 0, f"Not compared: {reason}.")
    test = _paired(child, parent) or _unpaired(child, parent)
    counts = stats.holm(test.p, among)
    kind = _kind(test, counts)
    sentence = _sentence(kind, test)
    if test.p < ALPHA <= counts:
        sentence += f" Among {len(among) + 1} experiments on these items p counts as {counts:.2g} (Holm)."
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
    by_item = {key: child.items[key] - parent.items[key] for key in shared}
    grouped = child if child.groups is not None else parent
    if grouped.groups is not None and all(key in grouped.groups for key in shared):
        return _of_groups(by_item, grouped.groups, grouped.cluster)
    if max(child.samples, parent.samples) > 1:
        return _of_groups(by_item, None, "")
    steps = list(by_item.values())
    n, mean = len(steps), sum(steps) / len(steps)
    wins, losses = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
    if all(step in (-1.0, 0.0, 1.0) for step in steps):
        lo, hi = stats.paired_difference(wins, losses, n)
        needed = stats.items_for_pairs(mean, (wins + losses) / n)
        return _Test(mean, lo, hi, stats.mcnemar(wins, losses), n, needed, wins, losses)
    lo, hi, p = stats.bootstrap_difference(steps)
    variance = sum((step - mean) ** 2 for step in steps) / max(1, n - 1)
    return _Test(mean, lo, hi, p, n, _items_for_mean(mean, variance), wins, losses, graded=True)


def _of_groups(steps: Mapping[str, float], groups: Mapping[str, int] | None, cluster: str) -> _Test:
    """Test paired differences whose items share groups, or rest on several answers each: groups are what chance turns.

    0/1 scores: signs of the groups' sums, and Agresti and Min's interval widened by the design effect. Graded ones:
    Student's t on the groups.
    """
    error = clusters.error_of(steps, groups)
    n, mean = len(steps), sum(steps.values()) / len(steps)
    wins, losses = sum(step > 0 for step in steps.values()), sum(step < 0 for step in steps.values())
    whole = all(step in (-1.0, 0.0, 1.0) for step in steps.values())
    if whole:
        wider = math.sqrt(error.design) * error.quantile / stats.Z95
        lo, hi = stats.paired_difference(wins, losses, n, stats.Z95 * wider)
        p = clusters.sign_flips(clusters.sums(steps, groups))
        needed = stats.items_for_pairs(mean, (wins + losses) / n)
        needed = None if needed is None or math.isinf(error.design) else math.ceil(needed * error.design)
    else:
        if error.se:
            half = error.quantile * error.se
            lo, hi = max(-1.0, mean - half), min(1.0, mean + half)
            p = stats.student_tail(mean / error.se, error.groups - 1)
        else:
            lo, hi, p = stats.alike(mean, error.groups)
        needed = _items_for_mean(mean, n * error.se**2)
    needed = None if needed is None else max(needed, n + 1)  # the test is more careful than the plan for it
    return _Test(
        mean, lo, hi, p, n, needed, wins, losses, error.groups if groups else None, cluster, not whole
    )


def _items_for_mean(mean: float, variance: float) -> int | None:
    if mean == 0 or math.isinf(variance):
        return None
    return max(1, round(variance * ((stats.Z95 + stats.Z80) / mean) ** 2))


def _unpaired(child: Score, parent: Score) -> _Test:
    n_a, n_b = child.effective, parent.effective
    a, b = child.value * n_a, parent.value * n_b
    lo, hi = stats.newcombe(a, n_a, b, n_b)
    p = stats.two_proportions(a, n_a, b, n_b)
    needed = stats.items_for_proportions(child.value, parent.value)
    if needed is not None:
        needed = math.ceil(needed * max(child.n / n_a, parent.n / n_b))
    return _Test(child.value - parent.value, lo, hi, p, min(child.n, parent.n), needed)


def _kind(test: _Test, p: float) -> Kind:
    if p < ALPHA and test.value != 0:
        return "gained" if test.value > 0 else "lost"
    return "level" if test.lo > -LEVEL_MARGIN and test.hi < LEVEL_MARGIN else "too_few"


def _sentence(kind: Kind, test: _Test) -> str:
    items = f"{test.n:,} paired items" if test.wins is not None else f"{test.n:,} items"
    if test.groups is not None:
        items += f" in {test.groups:,} groups by {test.cluster}"
    up, down = ("better", "worse") if test.graded else ("newly right", "newly wrong")
    turned = f": {test.wins} {up}, {test.losses} {down}" if test.wins is not None else ""
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}" if test.p < 0.1 else f"p = {test.p:.2f}"
    few = _few_groups(test)
    if kind in ("gained", "lost"):
        return f"{kind.capitalize()} {abs(test.value):.3f} on {items}{turned} ({p}).{few}"
    if kind == "level":
        return f"Level: {test.value:+.3f} on {items}{turned}, surely within ±{LEVEL_MARGIN:g}.{few}"
    if test.needed is None:
        return (
            f"No difference on {items}{turned}, but too few to call it level "
            f"({test.lo:+.2f} to {test.hi:+.2f}).{few}"
        )
    return (
        f"Too few items to tell: {test.value:+.3f} on {items}{turned} ({p}); "
        f"a difference of this size would take about {_rounded(test.needed):,}.{few}"
    )


def _few_groups(test: _Test) -> str:
    if test.groups is None or test.groups >= clusters.FEW:
        return ""
    if test.groups < clusters.FEWEST:
        return f" {test.groups} groups can't show a difference at 5 %: it takes {clusters.FEWEST} or more."
    return f" With only {test.groups} groups the interval is rough."


def _in_groups(groups: Mapping[str, int] | None, cluster: str) -> str:
    if groups is None:
        return ""
    return f" in {len(set(groups.values())):,} groups by {cluster}"


def _rounded(count: int) -> int:
    step = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step
