"""The few tests and intervals that judging scores needs, exact where that is cheap; the standard library alone.

Kept free of numpy and scipy at import: the first frame of the screen shows scores. `bootstrap` functions load
numpy when they are called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from cockpit.contract.stopping import log_choose

Z95 = 1.959963984540054  # the normal quantile of a two-sided 95 % interval
Z80 = 0.8416212335729143  # the normal quantile of 80 % power
_EXACT_UP_TO = 2000
RESAMPLES = 2000


def wilson(passed: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion, within 0..1; (0, 1) for no items (Wilson 1927)."""
    if n <= 0:
        return 0.0, 1.0
    share, z2 = passed / n, z * z
    centre = share + z2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
    return (0.0 if passed <= 0 else max(0.0, low)), (1.0 if passed >= n else min(1.0, high))


def normal_tail(z: float) -> float:
    """Return P(|Z| >= |z|) for a standard normal Z."""
    return math.erfc(abs(z) / math.sqrt(2))


def student_tail(t: float, df: int) -> float:
    """Return P(|T| >= |t|) of Student's t, by its finite series (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    if df < 1:
        return 1.0
    if df > 1000:
        return normal_tail(t)
    angle = math.atan2(abs(t), math.sqrt(df))
    cosine2 = math.cos(angle) ** 2
    term = math.cos(angle) if df % 2 else 1.0
    series = 0.0
    for k in range(df % 2, df - 1, 2):
        series += term
        term *= cosine2 * (k + 1) / (k + 2)
    inside = math.sin(angle) * series
    inside = 2 / math.pi * (angle + inside) if df % 2 else inside
    return min(1.0, max(0.0, 1.0 - inside))


@cache
def student_quantile(df: int, level: float = 0.05) -> float:
    """Return the t that is exceeded, to either side, with the chance `level`; infinite without a degree of freedom."""
    if df < 1:
        return math.inf
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, df) > level else (low, middle)
    return (low + high) / 2


def binomial_below(k: int, n: int, p: float) -> float:
    """Return P(X <= k) for X ~ Binomial(n, p), summed in logarithms."""
    if k < 0:
        return 0.0
    if k >= n or p <= 0:
        return 1.0
    if p >= 1:
        return 0.0
    log_p, log_q = math.log(p), math.log1p(-p)
    terms = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q
        for i in range(k + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def mcnemar(wins: int, losses: int) -> float:
    """Return the exact two-sided p of McNemar's test: are wins and losses equally likely (McNemar 1947)?"""
    n = wins + losses
    if n == 0:
        return 1.0
    fewer = min(wins, losses)
    if n <= _EXACT_UP_TO:
        return min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)
    return min(1.0, 2 * binomial_below(fewer, n, 0.5))


def holm(p: float, others: Sequence[float]) -> float:
    """Return the p that one test counts with among others: stepwise, never more than Bonferroni's (Holm 1979)."""
    ordered = sorted([p, *others])
    counts = 0.0
    for rank, one in enumerate(ordered):
        counts = max(counts, min(1.0, (len(ordered) - rank) * one))
        if one >= p:
            break
    return counts


def luck(looks: int) -> float:
    """Return by how many standard errors the best of so many equal ones is expected to lie above the truth (Blom 1958).

    The mean of the largest of n normal values, approximated by the quantile at (n - 3/8) / (n + 1/4).
    """
    from statistics import NormalDist

    return NormalDist().inv_cdf((looks - 0.375) / (looks + 0.25)) if looks > 1 else 0.0


def two_proportions(passed_a: float, n_a: float, passed_b: float, n_b: float) -> float:
    """Return the two-sided p for two independent proportions.

    The N-1 chi-squared test where every expected count is at least 1, else Fisher's exact test
    (Campbell 2007, Statistics in Medicine 26:3661).
    """
    if n_a <= 0 or n_b <= 0:
        return 1.0
    total, passed = n_a + n_b, passed_a + passed_b
    pooled = passed / total
    if pooled <= 0 or pooled >= 1:
        return 1.0
    if min(n_a, n_b) * min(pooled, 1 - pooled) < 1:
        return fisher(round(passed_a), round(n_a), round(passed_b), round(n_b))
    variance = pooled * (1 - pooled) * (1 / n_a + 1 / n_b) * total / (total - 1)
    return normal_tail((passed_a / n_a - passed_b / n_b) / math.sqrt(variance))


def fisher(passed_a: int, n_a: int, passed_b: int, n_b: int) -> float:
    """Return the two-sided p of Fisher's exact test."""
    passed = passed_a + passed_b
    low, high = max(0, passed - n_b), min(passed, n_a)

    def log_weight(k: int) -> float:
        return log_choose(n_a, k) + log_choose(n_b, passed - k)

    observed = log_weight(passed_a)
    weights = [log_weight(k) for k in range(low, high + 1)]
    top = max(weights)
    total = math.fsum(math.exp(w - top) for w in weights)
    extreme = math.fsum(math.exp(w - top) for w in weights if w <= observed + 1e-9)
    return min(1.0, extreme / total)


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Return the chance that a value of `a` is above one of `b` (ties count half), and the two-sided p that it is 1/2.

    Normal approximation with the correction for ties (Mann and Whitney 1947); good from about eight values each.
    """
    n_a, n_b = len(a), len(b)
    if not n_a or not n_b:
        return 0.5, 1.0
    ordered = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    ranks, ties, at = 0.0, 0.0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        size = end - at
        ranks += sum(which == 0 for _, which in ordered[at:end]) * (at + end + 1) / 2
        ties += size**3 - size
        at = end
    total = n_a + n_b
    u = ranks - n_a * (n_a + 1) / 2
    variance = n_a * n_b / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 0.5, 1.0
    return u / (n_a * n_b), normal_tail((u - n_a * n_b / 2) / math.sqrt(variance))


def median(values: Sequence[float]) -> float:
    """Return the median; 0 for none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values: Sequence[float]) -> float:
    """Return a robust standard deviation: 1.4826 times the median distance from the median."""
    centre = median(values)
    return 1.4826 * median([abs(value - centre) for value in values])


def mean(values: Sequence[float]) -> float:
    """Return the mean; 0 for none."""
    return math.fsum(values) / len(values) if values else 0.0


def change_point(values: Sequence[float], margin: int = 3) -> int | None:
    """Return where the mean changes most (the index of the first value after it), or None where it hardly does.

    The split with the least squared error, as of one step of binary segmentation; it counts where it explains
    at least a third of the variance.
    """
    n = len(values)
    if n < 2 * margin:
        return None
    total, squares = math.fsum(values), math.fsum(v * v for v in values)
    whole = squares - total * total / n
    if whole <= 1e-12 * max(1.0, squares):
        return None
    best, best_gain, left = None, 0.0, 0.0
    for index, value in enumerate(values[: n - margin], 1):
        left += value
        if index < margin:
            continue
        gain = left * left / index + (total - left) ** 2 / (n - index) - total * total / n
        if gain > best_gain:
            best, best_gain = index, gain
    return best if best_gain > whole / 3 else None


def trend(values: Sequence[float]) -> tuple[float, float]:
    """Return the fitted change from the first value to the last, and its t statistic (least squares)."""
    n = len(values)
    if n < 3:
        return 0.0, 0.0
    x_mean, y_mean = (n - 1) / 2, mean(values)
    sxx = n * (n * n - 1) / 12
    sxy = math.fsum((i - x_mean) * (v - y_mean) for i, v in enumerate(values))
    slope = sxy / sxx
    residual = math.fsum((v - y_mean - slope * (i - x_mean)) ** 2 for i, v in enumerate(values))
    error = math.sqrt(residual / (n - 2) / sxx)
    change = slope * (n - 1)
    if error == 0:
        return change, math.inf if slope > 0 else -math.inf if slope < 0 else 0.0
    return change, slope / error


def newcombe(passed_a: float, n_a: float, passed_b: float, n_b: float, z: float = Z95) -> tuple[float, float]:
    """Return the interval of p_a - p_b for independent proportions (Newcombe 1998, method 10)."""
    a, b = passed_a / n_a, passed_b / n_b
    (low_a, high_a), (low_b, high_b) = wilson(passed_a, n_a, z), wilson(passed_b, n_b, z)
    low = a - b - math.hypot(a - low_a, high_b - b)
    high = a - b + math.hypot(high_a - a, b - low_b)
    return max(-1.0, low), min(1.0, high)


def paired_difference(wins: int, losses: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Return the interval of the difference of paired proportions, (wins - losses) / n.

    Agresti and Min 2005: half a pair is added to each of the four cells, so it does not collapse to a point
    where no pair differs.
    """
    b, c, total = wins + 0.5, losses + 0.5, n + 2
    difference = (b - c) / total
    half = z * math.sqrt(max(0.0, (b + c) / total - difference * difference) / total)
    return max(-1.0, difference - half), min(1.0, difference + half)


def items_for_pairs(difference: float, discordant: float) -> int | None:
    """Return how many paired items show `difference` with 80 % power at 5 % (Connor 1987); None for none.

    `discordant` is the share of items on which the two disagree.
    """
    d = abs(difference)
    if d == 0:
        return None
    share = max(discordant, d)
    root = Z95 * math.sqrt(share) + Z80 * math.sqrt(max(0.0, share - d * d))
    return math.ceil((root / d) ** 2)


def items_for_proportions(a: float, b: float) -> int | None:
    """Return how many items each of two independent scores needs, for 80 % power at 5 %; None where equal."""
    d, mean = abs(a - b), (a + b) / 2
    if d == 0:
        return None
    root = Z95 * math.sqrt(2 * mean * (1 - mean)) + Z80 * math.sqrt(a * (1 - a) + b * (1 - b))
    return math.ceil((root / d) ** 2)


def bootstrap_mean(
    values: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the seeded 95 % percentile bootstrap interval of the mean; (0, 1) for no values."""
    if not values:
        return 0.0, 1.0
    low, high, _ = _resampled(values, seed, resamples)
    return low, high


def alike(mean: float, n: int) -> tuple[float, float, float]:
    """Return the interval and the two-sided p of a mean of `n` independent differences that are all the same.

    That no spread is seen is no certainty: as many as `1 - 0.025 ** (1 / n)` may go the other way (Clopper and Pearson
    1934, for n of n), and the signs alone agree by chance in 2 of `2 ** n` cases.
    """
    if mean == 0:
        return (*paired_difference(0, 0, n), 1.0)
    least = mean * (2 * 0.025 ** (1 / n) - 1)
    return min(least, mean), max(least, mean), min(1.0, 2 * 0.5**n)


def bootstrap_difference(
    differences: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """Return the interval of the mean of paired differences and the two-sided p that it is 0."""
    if not differences:
        return -1.0, 1.0, 1.0
    if max(differences) == min(differences):
        return alike(differences[0], len(differences))
    return _resampled(differences, seed, resamples)


def _resampled(values: Sequence[float], seed: int, resamples: int) -> tuple[float, float, float]:
    import numpy as np

    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    block = max(1, min(resamples, 2_000_000 // len(data)))  # bounds the memory to some 16 MB
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        means[start : start + rows] = data[rng.integers(0, len(data), size=(rows, len(data)))].mean(axis=1)
    below, above = float((means <= 0).sum()) + 1, float((means >= 0).sum()) + 1
    p = min(1.0, 2 * min(below, above) / (resamples + 1))
    low, high = (float(q) for q in np.quantile(means, [0.025, 0.975]))
    return low, high, p
