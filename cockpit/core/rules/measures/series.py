"""Measure a series: noise from successive differences, medians of windows, where a state began."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from cockpit.core import stats

_ROBUST_FROM = 12  # differences: below that a median of them says little


def noise(values: Sequence[float]) -> float:
    """Return the standard deviation of single points around a slow curve, from successive differences.

    Half the mean square of the differences estimates the variance whatever the curve does (von Neumann 1941); of
    many points the median takes the mean's place, so that jumps at epoch borders don't count. Of a few points it is
    second differences, a sixth of whose mean square it is, the largest left out: a curve bends more between them.
    """
    steps = [b - a for a, b in pairwise(values)]
    if len(steps) >= _ROBUST_FROM:
        return stats.spread(steps) / math.sqrt(2)
    bends = sorted((b - a) ** 2 for a, b in pairwise(steps))
    kept = bends[:-1] if len(bends) > 3 else bends
    return math.sqrt(stats.mean(kept) / 6)


def part(values: Sequence[float], share: float, which: int, least: int = 1) -> list[float]:
    """Return the first (`which` 0) or the last (-1) share of the values, `least` of them at least."""
    size = max(least, int(len(values) * share))
    return list(values[:size] if which == 0 else values[-size:])


def change(values: Sequence[float], share: float = 0.25) -> tuple[float, float]:
    """Return by how much the mean of the last share differs from the first's, and the standard error of that."""
    early, late = part(values, share, 0, 2), part(values, share, -1, 2)
    error = noise(values) * math.sqrt(1 / len(early) + 1 / len(late))
    return stats.mean(late) - stats.mean(early), error


def medians(values: Sequence[float], size: int) -> list[float]:
    """Return the median of the window of `size` points that begins at each point, as far as there are whole ones."""
    return [stats.median(values[i : i + size]) for i in range(max(1, len(values) - size + 1))]


def began(values: Sequence[float], holds: Callable[[float], bool], size: int = 5) -> int | None:
    """Return the index from which on a state lasts to the end: it holds for the median of every later window."""
    rolled = medians(values, min(size, len(values)))
    at = len(rolled)
    while at > 0 and holds(rolled[at - 1]):
        at -= 1
    if at == len(rolled):
        return None
    return next((i for i in range(at, min(at + size, len(values))) if holds(values[i])), at)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Return Spearman's rank correlation; 0 where either side doesn't vary."""
    ranks_a, ranks_b = _ranks(a), _ranks(b)
    mean = (len(a) - 1) / 2
    top = sum((x - mean) * (y - mean) for x, y in zip(ranks_a, ranks_b, strict=True))
    below = math.sqrt(sum((x - mean) ** 2 for x in ranks_a) * sum((y - mean) ** 2 for y in ranks_b))
    return top / below if below > 0 else 0.0


def together(
    a: Sequence[tuple[int, float]], b: Sequence[tuple[int, float]]
) -> tuple[list[float], list[float]]:
    """Return the values of two series at the steps that both have."""
    other = dict(b)
    pairs = [(value, other[step]) for step, value in a if step in other]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for index in order[at:end]:
            ranks[index] = (at + end - 1) / 2
        at = end
    return ranks


def still_warming(rates: Sequence[float]) -> bool:
    """Whether the learning rate has hardly done anything but rise so far: what is seen says little yet."""
    if len(rates) < 3 or max(rates) <= 0 or rates[0] >= max(rates) / 2:
        return False
    full = next(i for i, rate in enumerate(rates) if rate >= 0.999 * max(rates))
    return len(rates) - full <= max(2, len(rates) // 10)


def before_end(points: Sequence[tuple[int, float]], rates: Sequence[tuple[int, float]]) -> list[float]:
    """Return the values up to where the learning rate falls below a tenth of its highest for good: a schedule's end."""
    top = max((rate for _, rate in rates), default=0.0)
    last = next((step for step, rate in reversed(rates) if rate >= END * top), None)
    return [value for step, value in points if last is None or step <= last]


END = 0.1  # of the highest learning rate: what a cosine has left in its last fifth
