"""How close training rows come to held-out items: TF-IDF cosine over words and pairs of words, by item.

Words that a fifth of the items share say nothing and are left out; memory is that of the held-out set.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from cockpit.core.overlap.text import words

COMMON = 0.2
KEPT_CHARS = 400


def features(text: str) -> Counter[str]:
    """Words and pairs of neighbouring words, counted."""
    said = words(text)
    return Counter([*said, *(f"{a} {b}" for a, b in pairwise(said))])


class Closest:
    """For every item the training row that comes closest to it."""

    def __init__(self, items: Sequence[str]) -> None:
        counted = [features(text) for text in items]
        held = Counter(name for one in counted for name in one)
        self.n = len(items)
        self._rare = math.log((self.n + 1) / 1.5)
        limit = max(2, COMMON * self.n)
        self._idf = {name: math.log((self.n + 1) / count) for name, count in held.items() if count <= limit}
        self._dropped = {name for name, count in held.items() if count > limit}
        lists: dict[str, list[tuple[int, float]]] = {}
        for number, one in enumerate(counted):
            weights = {
                name: (1 + math.log(c)) * self._idf[name] for name, c in one.items() if name in self._idf
            }
            norm = math.sqrt(sum(w * w for w in weights.values())) or 1.0
            for name, weight in weights.items():
                lists.setdefault(name, []).append((number, weight / norm))
        self._lists: dict[str, tuple[Any, Any]] = {
            name: (np.array([n for n, _ in pairs], np.int64), np.array([w for _, w in pairs], np.float64))
            for name, pairs in lists.items()
        }
        self.best = np.zeros(self.n)
        self.rows: list[tuple[int, str]] = [(0, "")] * self.n

    def feed(self, rows: Iterable[tuple[int, str]]) -> None:
        """Take rows: their line and their text."""
        for line, text in rows:
            numbers: list[Any] = []
            values: list[Any] = []
            square = 0.0
            for name, count in features(text).items():
                if name in self._dropped:
                    continue
                weight = (1 + math.log(count)) * self._idf.get(name, self._rare)
                square += weight * weight
                found = self._lists.get(name)
                if found is not None:
                    numbers.append(found[0])
                    values.append(found[1] * weight)
            if numbers:
                self._take(line, text, np.concatenate(numbers), np.concatenate(values), math.sqrt(square))

    def _take(self, line: int, text: str, numbers: Any, values: Any, norm: float) -> None:
        close = np.bincount(numbers, values, minlength=self.n) / norm
        better = np.flatnonzero(close > self.best)
        self.best[better] = close[better]
        for number in better.tolist():
            self.rows[number] = (line, text[:KEPT_CHARS])
