"""The numeric half of the overlap check: n-gram and MinHash-LSH indexes of a held-out set, scanned by batches of rows.

Everything is vectorised over a batch of rows laid end to end, with a gap between texts that no window crosses. Memory
is that of the held-out set and one batch, however many rows go by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = (8, 10, 13)
"""n-grams as in the literature: 8 (PaLM), 10 (GPT-2 on), 13 (GPT-3)."""
BANDS, ROWS = 20, 4  # of the LSH: a Jaccard of 0.6 is found with 94 %, 0.7 with 99.6 %
PREFILTER = 0.55  # a row with a smaller share of known pairs can't reach a Jaccard of 0.6
FEWEST = 4  # pairs of its own that a text must have to be called like another
_PRIME = np.uint64(0x9E3779B97F4A7C15)

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


def mixed(ids: NDArray[Any]) -> U64:
    """Spread ids over 64 bits (the finaliser of splitmix64)."""
    x = ids.astype(np.uint64) * _PRIME
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def windows(values: U64, n: int) -> U64:
    """Hash every window of n neighbours (polynomial, modulo 2^64)."""
    count = max(0, len(values) - n + 1)
    hashed = values[:count].copy()
    for k in range(1, n):
        hashed *= _PRIME
        hashed += values[k : k + count]
    return hashed


def whole(ids: NDArray[Any], n: int) -> Bools:
    """Say which windows of n hold no unknown word and no gap."""
    zeros = np.concatenate(([0], np.cumsum(ids == 0)))
    if len(ids) < n:
        return np.zeros(0, np.bool_)
    return zeros[n:] == zeros[: len(zeros) - n]


class Grams:
    """The n-grams of the held-out texts: which items hold each, and in how many training rows each was met."""

    def __init__(self, texts: list[I64], n: int) -> None:
        self.n = n
        hashes = [windows(mixed(ids), n)[whole(ids, n)] for ids in texts]
        items = np.repeat(np.arange(len(texts)), [len(h) for h in hashes])
        flat = np.concatenate(hashes) if hashes else np.empty(0, np.uint64)
        self.keys, inverse = np.unique(flat, return_inverse=True)
        pairs = distinct(inverse.astype(np.int64) * len(texts) + items.astype(np.int64))
        grams, self.items = pairs // max(1, len(texts)), pairs % max(1, len(texts))
        """Items by gram, flat; gram g holds `items[starts[g] : starts[g + 1]]`."""
        self.starts = np.searchsorted(grams, np.arange(len(self.keys) + 1))
        self.holders = np.diff(self.starts)
        """For each gram how many items hold it."""
        self.met = np.zeros(len(self.keys), np.int64)
        bits = max(16, int(len(self.keys) * 8).bit_length())
        self._shift = np.uint64(64 - bits)
        self._sieve = np.zeros(1 << bits, np.bool_)
        self._sieve[(self.keys >> self._shift).astype(np.int64)] = True
        self._coarse = self._shift + np.uint64(2)
        leads = np.arange(1 << (bits - 2), dtype=np.uint64) << self._coarse
        self._first = np.searchsorted(self.keys, leads).astype(np.int32)
        """Where the keys with the same leading bits begin, about one in two of them with a key."""

    def find(self, hashes: U64) -> I64:
        """Return each hash's gram, -1 for none."""
        found = np.full(len(hashes), -1, np.int64)
        if not len(self.keys):
            return found
        maybe = np.flatnonzero(self._sieve[(hashes >> self._shift).astype(np.int64)])
        asked = hashes[maybe]
        at = self._first[(asked >> self._coarse).astype(np.int64)].astype(np.int64)
        last = len(self.keys) - 1
        while len(maybe):
            keys = self.keys[np.minimum(at, last)]
            same = keys == asked
            found[maybe[same]] = at[same]
            further = (keys < asked) & (at < last)
            maybe, asked, at = maybe[further], asked[further], at[further] + 1
        return found

    def items_met(self) -> I64:
        """Return the items of which a gram was met, each once."""
        return distinct(self.items[np.repeat(self.met > 0, self.holders)])


@dataclass(frozen=True, slots=True)
class Hits:
    """Windows of a batch that are n-grams of the held-out set: where each starts, and which gram it is."""

    at: I64
    gram: I64


def find_grams(grams: Grams, ids: I64, values: U64, candidates: I64 | None = None) -> Hits:
    """Find every window of `ids` that is a gram; `candidates` are the only starts to look at, where given."""
    n = grams.n
    if len(ids) < n:
        return Hits(np.empty(0, np.int64), np.empty(0, np.int64))
    if candidates is None:
        at = np.flatnonzero(whole(ids, n))
        hashes = windows(values, n)[at]
    else:
        at = candidates[candidates + n <= len(ids)]
        hashes = values[at].copy()
        clean = ids[at] != 0
        for k in range(1, n):
            hashes *= _PRIME
            hashes += values[at + k]
            clean &= ids[at + k] != 0
        at, hashes = at[clean], hashes[clean]
    gram = grams.find(hashes)
    hit = gram >= 0
    return Hits(at[hit], gram[hit])


class MinHash:
    """MinHash-LSH over pairs of neighbouring signs (Broder 1997; banding as in Leskovec et al., ch. 3)."""

    def __init__(self, texts: list[I64], *, template: float, seed: int = 1) -> None:
        """`template`: a pair in more texts than this is the task's wording and is left out."""
        rng = np.random.default_rng(seed)
        self._a = rng.integers(1, 1 << 63, BANDS * ROWS, dtype=np.uint64) | np.uint64(1)
        self._b = rng.integers(0, 1 << 63, BANDS * ROWS, dtype=np.uint64)
        self._known = Grams(texts, 2)
        self._texts = max(1, len(texts))
        self._template = (
            self._known.holders > template if len(texts) > 2 else np.zeros(len(self._known.keys), np.bool_)
        )
        shingles = [self._own(windows(mixed(ids), 2)) for ids in texts]
        usable = [k for k, own in enumerate(shingles) if len(own) >= FEWEST]
        used = [shingles[k] for k in usable]
        flat = np.concatenate(used) if used else np.empty(0, np.uint64)
        keys = self._bands(flat, np.array([len(own) for own in used], np.int64))
        owner = np.repeat(np.array(usable, np.int64), BANDS)
        order = np.argsort(keys.ravel(), kind="stable")
        self._keys, self._owner = keys.ravel()[order], owner[order]

    def _own(self, values: U64) -> U64:
        gram = self._known.find(values)
        return values[~((gram >= 0) & self._template[gram])] if len(self._template) else values

    def _bands(self, flat: U64, sizes: I64) -> U64:
        """One key a band for each set of shingles, the band's number in it; the sets lie in `flat` end to end."""
        made = np.empty((len(sizes), BANDS), np.uint64)
        if not len(sizes):
            return made
        starts = np.cumsum(sizes) - sizes
        for band in range(BANDS):
            key = np.full(len(sizes), band + 1, np.uint64)
            for row in range(band * ROWS, (band + 1) * ROWS):
                hashed = flat * self._a[row]
                hashed += self._b[row]
                key = key * _PRIME + np.minimum.reduceat(hashed ^ (hashed >> np.uint64(32)), starts)
            made[:, band] = mixed(key)
        return made

    def candidates(self, ids: I64, starts: I64, lengths: I64) -> tuple[I64, I64, I64]:
        """Return texts, the items that each is probably like, and how many bands say so.

        The texts lie in `ids` from `starts` on.
        """
        nothing = np.empty(0, np.int64)
        none = (nothing, nothing, nothing)
        if not len(self._keys) or len(ids) < 2:
            return none
        values = windows(mixed(ids), 2)
        gram = self._known.find(values)
        there = (gram >= 0) & whole(ids, 2)
        template = (there & self._template[gram]) if len(self._template) else np.zeros(len(gram), np.bool_)
        pairs = np.maximum(lengths - 1, 0)
        own = _between(~template, starts, starts + pairs)
        known = _between(there & ~template, starts, starts + pairs)
        likely = np.flatnonzero((known >= PREFILTER * own) & (own >= FEWEST))
        if not len(likely):
            return none
        places = expanded(starts[likely], pairs[likely])
        mine = ~template[places]
        keys = self._bands(values[places[mine]], own[likely]).ravel()
        left = np.searchsorted(self._keys, keys, "left")
        found = np.searchsorted(self._keys, keys, "right") - left
        texts = np.repeat(np.repeat(likely, BANDS), found)
        both, bands = np.unique(texts * self._texts + self._owner[expanded(left, found)], return_counts=True)
        return both // self._texts, both % self._texts, bands


def distinct(values: I64) -> I64:
    """Return the values in order, each once; of integers sorting is quicker than numpy's own way, which hashes."""
    ordered = np.sort(values)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


def expanded(starts: I64, counts: I64) -> I64:
    """Lay the stretches `starts[k], starts[k] + 1, …` of `counts[k]` places end to end."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)


def _between(flags: Bools, starts: I64, ends: I64) -> I64:
    """Count the flags that are set in each stretch."""
    counted = np.concatenate(([0], np.cumsum(flags)))
    return counted[ends] - counted[starts]
