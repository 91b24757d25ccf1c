"""pass@k: the chance that at least one of k sampled answers to an item is right, beside pass@1.

The unbiased estimate of an item with c right ones among K samples is 1 - C(K-c, k) / C(K, k) (Chen et al. 2021,
"Evaluating large language models trained on code", arXiv 2107.03374). Items are the units of the interval: their values
hold both the spread among items and that of the K samples (Miller 2024, arXiv 2411.00640). RL can lift pass@1 while
pass@k falls: it makes likely what the base could do, on fewer items (arXiv 2606.15455).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cockpit.contract.values import mapping, number
from cockpit.core import clusters
from cockpit.core.scores import Delta, Score, compare


def estimate(samples: int, right: int, k: int) -> float:
    """Return the unbiased pass@k of an item with `right` ones among `samples`; `k` is at most `samples`."""
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)


def ks(samples: int) -> tuple[int, ...]:
    """Return 1, 2, 4 … and the number of samples itself."""
    doubled = [1 << bit for bit in range(samples.bit_length()) if 1 << bit < samples]
    return (*doubled, samples)


@dataclass(frozen=True, slots=True)
class Sampled:
    """How many of an item's `samples` were right, by item; `like`: who judged which items, decoded how."""

    samples: int
    right: Mapping[str, int]
    like: Score
    temperature: float | None = None

    def at(self, k: int) -> Score:
        """Return pass@k as a score over the items."""
        items = {item: estimate(self.samples, right, k) for item, right in self.right.items()}
        return replace(self.like, passed=None, parsed=None).sampled(items, self.samples)

    def grouped(self, groups: clusters.Groups | None) -> Sampled:
        """Return the same with items that share groups."""
        return replace(self, like=self.like.grouped(groups))


@dataclass(frozen=True, slots=True)
class PassAt:
    """pass@k of a run, and what it is against the base's where that was sampled, too."""

    k: int
    score: Score
    delta: Delta | None = None


@dataclass(frozen=True, slots=True)
class Passes:
    """pass@1, 2, 4 … of a run; `base`: the experiment that it is held against, or empty."""

    at: tuple[PassAt, ...]
    samples: int
    temperature: float | None = None
    base: str = ""

    def sentence(self) -> str:
        """Return one line: pass@1 and the last one with their intervals, and what became of both."""
        first, last = self.at[0], self.at[-1]
        heat = f" at temperature {self.temperature:g}" if self.temperature is not None else ""
        said = ", ".join(f"pass@{one.k} {one.score.text(3)}" for one in (first, last))
        said = f"{said} on {first.score.over()}{heat}."
        if first.delta is None or last.delta is None:
            return said
        if "incomparable" in (first.delta.kind, last.delta.kind):
            return f"{said} {first.delta.sentence}"
        told = ", ".join(f"pass@{one.k} {one.delta.short}" for one in (first, last) if one.delta)
        narrowed = first.delta.kind == "gained" and last.delta.kind == "lost"
        more = ": surer of fewer items" if narrowed else ""
        return f"{said} Against {self.base}: {told}{more}."

    def as_dict(self) -> dict[str, Any]:
        """Return the shape of `pass_at` in the JSON answers."""
        return {
            "samples": self.samples,
            "temperature": self.temperature,
            "base": self.base or None,
            "k": [
                {
                    "k": one.k, "value": one.score.value, "interval": [one.score.lo, one.score.hi],
                    "delta": one.delta.value if one.delta else None,
                    "delta_interval": [one.delta.lo, one.delta.hi] if one.delta else None,
                    "kind": one.delta.kind if one.delta else None, "p": one.delta.p if one.delta else None,
                }
                for one in self.at
            ],
            "sentence": self.sentence(),
        }  # fmt: skip


def passes(run: Sampled, base: Sampled | None = None, name: str = "") -> Passes:
    """Return pass@k for every k that both have, against `base` (called `name`) where it is given."""
    wanted = [k for k in ks(run.samples) if base is None or k <= base.samples]
    at: list[PassAt] = []
    for k in wanted:
        score = run.at(k)
        at.append(PassAt(k, score, compare(score, base.at(k)) if base else None))
    return Passes(tuple(at), run.samples, run.temperature, name if base else "")


def from_rows(fields: Mapping[str, Any], rows: Sequence[tuple[str, float]]) -> Sampled | None:
    """Read `sampled/score.json` with its items' scores, one a sample; None where it isn't whole."""
    samples = fields.get("samples")
    if not isinstance(samples, int) or samples < 2:
        return None
    right: dict[str, int] = {}
    counts: dict[str, int] = {}
    for item, score in rows:
        counts[item] = counts.get(item, 0) + 1
        right[item] = right.get(item, 0) + (score >= 1.0)
    told = Score.from_json(fields, {})
    if told is None or set(counts.values()) != {samples} or len(counts) != told.n:
        return None
    like = told.sampled({item: count / samples for item, count in right.items()}, samples)
    return Sampled(samples, right, like, number(mapping(fields.get("generation")).get("temperature")))
