"""When mini-evals end a run: the rule that trainers follow and that a recipe explains.

A few items move in large steps: with ten of them a score that rises steadily from 0.30 to 0.80 over twenty mini-evals
looks worse than its best for two checkpoints in a row in every single run. So a run ends only on what its items can
resolve, compared item by item. `python -m tests.bench stopping` measures what that costs and saves.

The rule fits each item's trend over each window of the newest mini-evals. The mean of these trends, with its standard
error over the items, ends the run where even its upper bound lies below a gain that is worth going on for: `WORTH` over
the whole run. How fast the run gained before says nothing: many learn the form of an answer at once, and then the rest
steadily. A window shorter than twice the patience ends it only on a fall of more than `FALL`. Beside it stands the base
model's score: a run that stays below it out of the noise is over as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WORTH = 0.05
"""The gain over a whole run that is worth its steps."""
FALL = 0.05
"""A fall that a few mini-evals may show alone."""
SURE = 2.5
"""Normal quantile of the bound. It is met again at every checkpoint and window, hence beyond the usual 1.64."""
BELOW = 0.02
"""One-sided p below which the mini-evals lie under the base model's score."""
LONGEST = 40
"""Mini-evals that a window holds at most; so many are kept item by item."""
SHORTEST = 4
_FLIPS = 0.3
"""Variance of an item's change between two checkpoints of equal skill: twice p(1-p), averaged over items of mixed
difficulty (0.2 to 0.4 in practice)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the newest window says: the gain over it and its upper bound, both in shares of the items."""

    window: int
    gain: float
    bound: float


def to_stop(history: Sequence[Sequence[float]], *, patience: int, planned: int) -> Reading | None:
    """Return the window that ends the run, or None.

    `history`: item scores of the newest mini-evals, oldest first; `planned`: how many the run will have had at its
    end, 0 where nobody knows.
    """
    kept = history[-LONGEST:]
    n = len(kept[-1]) if kept else 0
    if n < 2 or any(len(items) != n for items in kept):
        return None
    sums, moments = [0.0] * n, [0.0] * n
    for window, items in enumerate(reversed(kept), 1):
        for i, value in enumerate(items):
            sums[i] += value
            moments[i] -= (window - 1) * value
        if window < SHORTEST:
            continue
        middle, scale = -(window - 1) / 2, window * (window * window - 1) / 12
        trends = [(moment - middle * total) / scale for moment, total in zip(moments, sums, strict=True)]
        trend, half = math.fsum(trends) / n, window / 2
        spread = math.sqrt(math.fsum((t - trend) ** 2 for t in trends) / (n - 1) / n)
        error = max(spread, 1 / (n + 2) / half)
        bound = trend + _quantile(SURE, n - 1) * error
        flat = window >= 2 * patience
        least = WORTH / planned if flat and planned else 0.0 if flat else -FALL / half
        if bound < least:
            return Reading(window, trend * half, bound * half)
    return None


def below(scores: Sequence[float], n: int, baseline: float | None) -> bool:
    """Return True if the newest mini-evals, three or more, lie below the base model's score out of the noise.

    They are counted from the best of them on: a run that comes up from below is not held against what it was.
    """
    if baseline is None:
        return False
    trailing: list[float] = []
    for score in reversed(scores):
        if score >= baseline:
            break
        trailing.insert(0, score)
    since = trailing[trailing.index(max(trailing)) :] if trailing else []
    return len(since) >= 3 and _fewer(since, n, baseline)


def best_is_below(scores: Sequence[float], n: int, baseline: float | None) -> bool:
    """Return True if even the best mini-evals (those within an item of the best) lie below the base, out of the noise.

    Only then is the full held-out pass not worth its time: ten items that say 0.34 against 0.355 say nothing.
    """
    if baseline is None or not scores or max(scores) >= baseline:
        return False
    return _fewer([score for score in scores if score >= max(scores) - 1.01 / max(1, n)], n, baseline)


def _fewer(scores: Sequence[float], n: int, baseline: float) -> bool:
    passed = round(math.fsum(scores) * n)
    return fisher_less(passed, n * len(scores), round(baseline * n), n) < BELOW


def fisher_less(passed_a: int, n_a: int, passed_b: int, n_b: int) -> float:
    """Return the one-sided p that `a` passes less often than `b` (Fisher's exact test)."""
    passed = passed_a + passed_b
    if not 0 <= passed <= n_a + n_b:
        return 1.0
    low = max(0, passed - n_b)
    top = log_choose(n_a + n_b, passed)
    weights = (log_choose(n_a, k) + log_choose(n_b, passed - k) - top for k in range(low, passed_a + 1))
    return min(1.0, math.fsum(math.exp(weight) for weight in weights))


def log_choose(n: int, k: int) -> float:
    """Return the logarithm of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _quantile(normal: float, freedom: int) -> float:
    """Return Student's quantile that belongs to a normal one, by the first term of its expansion."""
    return normal + (normal**3 + normal) / (4 * freedom)


def resolvable(items: int, evals: int) -> float:
    """Return the smallest change between two halves of `evals` mini-evals that `items` items can tell from none."""
    if items < 2 or evals < 2:
        return 1.0
    return min(
        1.0, _quantile(SURE, items - 1) * max(math.sqrt(_FLIPS / (items * (evals / 2))), 1 / (items + 2))
    )


def items_for(change: float, evals: int) -> int:
    """Return how many items tell `change` from none within `evals` mini-evals."""
    items = max(2, math.ceil(SURE**2 * _FLIPS / (max(1, evals / 2) * change * change)))
    while resolvable(items, evals) > change:
        items += max(1, items // 20)
    return items
