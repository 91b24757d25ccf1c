"""One column of numbers: raw values in blocks, and a summary of every 64 rows above them.

The blocks keep memory flat while a run grows (nothing is copied when it doubles); the summaries let a chart
reduce a million rows to the width of a terminal without touching the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

BLOCK = 65_536  # rows a block; a multiple of BUCKET
BUCKET = 64  # rows a summary: 4 % more memory, 1/64 of the rows to look at
FIRST = 512  # rows that a fresh tail block has room for: most runs are short

_LOGGED_NAN_BITS = 0x7FF8_0000_0000_0001
MISSING = float("nan")
"""The value of a row in which a series was not logged."""
LOGGED_NAN = float(np.array([_LOGGED_NAN_BITS], np.uint64).view(np.float64)[0])
"""The value of a row in which a series was logged and was not a number: a NaN that remembers so."""


def is_bad(values: Floats) -> NDArray[np.bool_]:
    """Which values were logged but are not finite (a missing one is not bad)."""
    return np.isinf(values) | (values.view(np.uint64) == np.uint64(_LOGGED_NAN_BITS))


def is_logged(values: Floats) -> NDArray[np.bool_]:
    """Which values were logged at all, finite or not."""
    return np.isfinite(values) | is_bad(values)


@dataclass(frozen=True, slots=True)
class Columns:
    """A series reduced to chart columns; arrays of one length.

    `lo`, `hi`: least and greatest finite value (+inf, -inf where there is none); `total`, `count`: sum and
    number of the finite values; `bad`: how many values were logged but not finite.
    """

    lo: Floats
    hi: Floats
    total: Floats
    count: Ints
    bad: Ints

    @classmethod
    def empty(cls, size: int) -> Columns:
        """`size` columns with nothing in them."""
        zeros = np.zeros(size, np.int64)
        return cls(np.full(size, np.inf), np.full(size, -np.inf), np.zeros(size), zeros, zeros.copy())

    def mean(self) -> Floats:
        """Mean of each column's finite values, NaN where there are none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.count > 0, self.total / np.maximum(self.count, 1), np.nan)

    def replace_from(self, first: int, other: Columns) -> None:
        """Put `other` in place of the columns from `first` on."""
        self.lo[first:], self.hi[first:], self.total[first:] = other.lo, other.hi, other.total
        self.count[first:], self.bad[first:] = other.count, other.bad

    def merge(self, where: NDArray[np.bool_], other: Columns) -> None:
        """Fold `other` (one entry for each True of `where`) into this one, in place."""
        self.lo[where] = np.minimum(self.lo[where], other.lo)
        self.hi[where] = np.maximum(self.hi[where], other.hi)
        self.total[where] += other.total
        self.count[where] += other.count
        self.bad[where] += other.bad


def reduce_at(values: Floats, starts: Ints) -> Columns:
    """Summaries of the pieces of `values` that begin at `starts` (0 first, rising, each piece non-empty)."""
    finite = np.isfinite(values)
    if finite.all():
        low = high = known = values
        count = np.diff(starts, append=len(values))
        bad = np.zeros(len(starts), np.int64)
    else:
        low, high = np.where(finite, values, np.inf), np.where(finite, values, -np.inf)
        known = np.where(finite, values, 0.0)
        count = np.add.reduceat(finite.astype(np.int64), starts)
        bad = np.add.reduceat(is_bad(values).astype(np.int64), starts)
    with np.errstate(over="ignore"):
        total = np.add.reduceat(known, starts)
    return Columns(np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts), total, count, bad)


class _Buckets:
    """The 64-row summaries of one column, growing by half when full."""

    __slots__ = ("bad", "count", "hi", "lo", "size", "total")

    def __init__(self) -> None:
        self.size = 0
        self.lo = np.empty(0)
        self.hi = np.empty(0)
        self.total = np.empty(0)
        self.count = np.empty(0, np.uint8)
        self.bad = np.empty(0, np.uint8)

    def resize(self, size: int) -> None:
        """Make room for `size` summaries; new ones are empty."""
        if size > len(self.lo):
            room = max(16, size, len(self.lo) * 3 // 2)
            for name in self.__slots__:
                if name != "size":
                    old = getattr(self, name)
                    fresh = np.empty(room, old.dtype)
                    fresh[: self.size] = old[: self.size]
                    setattr(self, name, fresh)
        if size > self.size:
            new = slice(self.size, size)
            self.lo[new], self.hi[new], self.total[new] = np.inf, -np.inf, 0.0
            self.count[new], self.bad[new] = 0, 0
        self.size = size

    def put(self, first: int, columns: Columns) -> None:
        """Set the summaries from `first` on, and make room for them."""
        where = slice(first, first + len(columns.lo))
        if where.stop > self.size:
            self.resize(where.stop)
        self.lo[where], self.hi[where], self.total[where] = columns.lo, columns.hi, columns.total
        self.count[where], self.bad[where] = columns.count, columns.bad


class Column:
    """The values of one series, one slot for every row of its table; see `SeriesTable`.

    `blocks[i]` is None where nothing was logged in that block, or where it was thinned to its summaries.
    """

    __slots__ = ("blocks", "buckets", "last_row", "last_value", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self.blocks: list[Floats | None] = []
        self.buckets = _Buckets()
        self.last_row = -1
        self.last_value = MISSING

    def extend(self, values: Floats) -> None:
        """Append one value a row (`MISSING` where there is none)."""
        start = self.rows
        self.rows += len(values)
        self._note_last(start, values)
        done = 0
        while done < len(values):
            number, offset = divmod(start + done, BLOCK)
            size = min(BLOCK - offset, len(values) - done)
            block = self._block(number, offset + size)
            block[offset : offset + size] = values[done : done + size]
            # The summaries of a block are made while it is at hand; its last one may be of fewer rows.
            begin = offset - offset % BUCKET
            piece = block[begin : offset + size]
            self.buckets.put(
                (number * BLOCK + begin) // BUCKET, reduce_at(piece, np.arange(0, len(piece), BUCKET))
            )
            done += size

    def pad(self, rows: int) -> None:
        """Append missing values until there are `rows`; whole missing blocks take no memory."""
        start, self.rows = self.rows, max(self.rows, rows)
        if self.blocks and (tail := self.blocks[-1]) is not None:
            tail[start - (len(self.blocks) - 1) * BLOCK :] = MISSING
        self.buckets.resize(-(-self.rows // BUCKET))

    def truncate(self, rows: int) -> None:
        """Forget every row from `rows` on."""
        if rows >= self.rows:
            return
        self.rows = rows
        del self.blocks[-(-rows // BLOCK) :]
        self.buckets.resize(-(-rows // BUCKET))
        self._summarise_end()
        if self.last_row >= rows:
            self._find_last()

    def thin(self, number: int) -> None:
        """Drop the values of block `number`; its summaries stay."""
        if number < len(self.blocks):
            self.blocks[number] = None

    def raw(self, start: int, stop: int) -> Floats:
        """The values of rows `start` to `stop`; missing where there are none (any more)."""
        out = np.full(max(0, stop - start), MISSING)
        for number in range(start // BLOCK, -(-stop // BLOCK)):
            block = self.blocks[number] if number < len(self.blocks) else None
            if block is None:
                continue
            begin, end = max(start, number * BLOCK), min(stop, number * BLOCK + len(block), self.rows)
            if begin < end:
                out[begin - start : end - start] = block[begin - number * BLOCK : end - number * BLOCK]
        return out

    def bucket_rows(self, numbers: Ints) -> Floats:
        """The raw rows of the buckets `numbers` (rising): an array of shape (len(numbers), 64)."""
        out = np.full((len(numbers), BUCKET), MISSING)
        places = numbers // (BLOCK // BUCKET)
        present: list[int] = np.unique(places).tolist()
        for place in present:
            block = self.blocks[place] if place < len(self.blocks) else None
            if block is None:
                continue
            where = places == place
            first = numbers[where] - place * (BLOCK // BUCKET)
            out[where] = block[: len(block) - len(block) % BUCKET].reshape(-1, BUCKET)[first]
        # What lies beyond the last row is left from before a truncation.
        beyond = numbers * BUCKET + BUCKET > self.rows
        if beyond.any():
            rows = numbers[beyond, None] * BUCKET + np.arange(BUCKET)
            out[beyond] = np.where(rows < self.rows, out[beyond], MISSING)
        return out

    def nbytes(self) -> int:
        """Bytes held."""
        b = self.buckets
        raw = sum(block.nbytes for block in self.blocks if block is not None)
        return raw + b.lo.nbytes + b.hi.nbytes + b.total.nbytes + b.count.nbytes + b.bad.nbytes

    def _block(self, number: int, need: int) -> Floats:
        while len(self.blocks) <= number:
            self.blocks.append(None)
        block = self.blocks[number]
        if block is None or len(block) < need:
            room = BLOCK if number else min(BLOCK, max(FIRST, 1 << (need - 1).bit_length()))
            fresh = np.full(room, MISSING)
            if block is not None:
                fresh[: len(block)] = block
            self.blocks[number] = block = fresh
        return block

    def _note_last(self, start: int, values: Floats) -> None:
        """Remember the newest logged value of `values`, whose first row is `start`."""
        if len(values) and np.isfinite(values[-1]):
            self.last_row, self.last_value = start + len(values) - 1, float(values[-1])
            return
        logged = np.flatnonzero(is_logged(values))
        if len(logged):
            self.last_row, self.last_value = start + int(logged[-1]), float(values[logged[-1]])

    def _summarise_end(self) -> None:
        """Make the last summary again, after rows of it were cut off."""
        begin = self.rows - self.rows % BUCKET
        values = self.raw(begin, self.rows)
        if len(values):
            self.buckets.put(begin // BUCKET, reduce_at(values, np.zeros(1, np.int64)))

    def _find_last(self) -> None:
        """Look backwards for the newest logged value, bucket by bucket."""
        b = self.buckets
        seen = np.flatnonzero((b.count[: b.size] > 0) | (b.bad[: b.size] > 0))
        self.last_row, self.last_value = -1, MISSING
        if not len(seen):
            return
        start = int(seen[-1]) * BUCKET
        self._note_last(start, self.raw(start, min(self.rows, start + BUCKET)))
