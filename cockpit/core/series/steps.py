"""The step column of a `SeriesTable`: rising numbers in blocks, and which row a step falls on.

Trainers log every k-th step, so nearly every full block is an arithmetic ramp: it is kept as two numbers.
"""

from __future__ import annotations

import numpy as np

from cockpit.core.series.column import BLOCK, BUCKET, FIRST, Floats, Ints


class _Ramp:
    """A full block of steps `first, first + stride, …`."""

    __slots__ = ("first", "stride")

    def __init__(self, first: float, stride: float) -> None:
        self.first = first
        self.stride = stride

    def rows_before(self, edges: Floats, rows: int) -> Ints:
        """How many of the first `rows` steps lie below each edge."""
        found = np.ceil((edges - self.first) / self.stride).clip(0, rows).astype(np.int64)
        # The division can be off by one ulp: settle it by comparison.
        found -= (found > 0) & (self.first + self.stride * (found - 1) >= edges)
        found += (found < rows) & (self.first + self.stride * found < edges)
        return found

    def values(self) -> Floats:
        return self.first + self.stride * np.arange(BLOCK, dtype=np.float64)


class Steps:
    """Strictly rising steps; the oldest blocks may be thinned to the first step of every 64 rows."""

    __slots__ = ("_blocks", "_even", "_firsts", "_last", "_thinned", "rows", "thin_rows")

    def __init__(self) -> None:
        self.rows = 0
        self.thin_rows = 0  # rows of which only the 64-row summaries are left
        self._blocks: list[Floats | _Ramp] = []
        self._firsts: list[float] = []
        self._thinned = 0  # blocks, counted from the oldest
        self._even = 0  # leading blocks that are one ramp: the usual case, looked up by arithmetic
        self._last = np.nan

    def first(self) -> float:
        """The first step (NaN when empty)."""
        return self._firsts[0] if self.rows else float("nan")

    def last(self) -> float:
        """The last step (NaN when empty)."""
        return float(self._last)

    def extend(self, steps: Floats) -> None:
        """Append steps, the first of them greater than the last."""
        done = 0
        while done < len(steps):
            number, offset = divmod(self.rows, BLOCK)
            size = min(BLOCK - offset, len(steps) - done)
            piece = steps[done : done + size]
            if offset == 0:
                self._firsts.append(float(piece[0]))
            self._tail(number, offset + size)[offset : offset + size] = piece
            self.rows += size
            done += size
            if offset + size == BLOCK:
                self._seal(number)
        if len(steps):
            self._last = float(steps[-1])

    def truncate(self, rows: int) -> None:
        """Forget every row from `rows` on."""
        if rows >= self.rows:
            return
        self.rows = rows
        keep = -(-rows // BLOCK)
        del self._blocks[keep:]
        del self._firsts[keep:]
        self.thin_rows = min(self.thin_rows, rows)
        if rows % BLOCK:
            self._reopen(keep - 1)
        self._thinned = min(self._thinned, keep)
        self._even = min(self._even, rows // BLOCK)
        self._last = self.at(rows - 1) if rows else np.nan

    def thin(self, number: int) -> None:
        """Keep one step in 64 of block `number` (the oldest one that isn't thinned yet)."""
        block = self._blocks[number]
        if not isinstance(block, _Ramp):
            self._blocks[number] = block[::BUCKET].copy()
        self._thinned = number + 1
        self.thin_rows = self._thinned * BLOCK

    def at(self, row: int) -> float:
        """The step of `row`; in the thinned part, of the first row of its 64."""
        number, offset = divmod(row, BLOCK)
        block = self._blocks[number]
        if number < self._thinned:
            offset -= offset % BUCKET
        if isinstance(block, _Ramp):
            return block.first + block.stride * offset
        if number < self._thinned:
            return float(block[offset // BUCKET])
        return float(block[offset])

    def raw(self, start: int, stop: int) -> Floats:
        """The steps of rows `start` to `stop`."""
        pieces = [np.empty(0)]
        for number in range(start // BLOCK, -(-stop // BLOCK)):
            base = number * BLOCK
            values = self._values(number)
            pieces.append(values[max(start - base, 0) : min(stop, self.rows) - base])
        return np.concatenate(pieces)

    def rows_before(self, edges: Floats) -> Ints:
        """For each edge (rising), how many rows have a step below it; whole 64s in the thinned part."""
        out = np.zeros(len(edges), np.int64)
        if not self.rows:
            return out
        lead = self._blocks[0]
        if self._even and isinstance(lead, _Ramp):
            out = lead.rows_before(edges, self._even * BLOCK)
            thin = out < self._thinned * BLOCK
            out[thin] = -(-out[thin] // BUCKET) * BUCKET
        blocks = np.searchsorted(np.array(self._firsts), edges, side="left") - 1
        for number in np.unique(blocks[blocks >= self._even]).tolist():
            where = blocks == number
            base = number * BLOCK
            size = min(BLOCK, self.rows - base)
            out[where] = base + np.minimum(self._search(number, edges[where]), size)
        return out

    def _search(self, number: int, edges: Floats) -> Ints:
        block = self._blocks[number]
        thin = number < self._thinned
        if isinstance(block, _Ramp):
            found = block.rows_before(edges, BLOCK)
            return -(-found // BUCKET) * BUCKET if thin else found
        if thin:
            return np.searchsorted(block, edges, side="left") * BUCKET
        return np.searchsorted(block[: self.rows - number * BLOCK], edges, side="left")

    def _values(self, number: int) -> Floats:
        block = self._blocks[number]
        if isinstance(block, _Ramp):
            return block.values()
        return np.repeat(block, BUCKET) if number < self._thinned else block

    def _tail(self, number: int, need: int) -> Floats:
        if len(self._blocks) <= number:
            self._blocks.append(np.empty(BLOCK if number else FIRST))
        block = self._blocks[number]
        assert not isinstance(block, _Ramp)
        if len(block) < need:
            fresh = np.empty(min(BLOCK, 1 << (need - 1).bit_length()))
            fresh[: len(block)] = block
            self._blocks[number] = block = fresh
        return block

    def _seal(self, number: int) -> None:
        block = self._blocks[number]
        assert not isinstance(block, _Ramp)
        ramp = _Ramp(float(block[0]), float(block[1] - block[0]))
        if np.array_equal(ramp.values(), block):
            self._blocks[number] = ramp
            lead = self._blocks[0]
            if self._even == number and isinstance(lead, _Ramp):
                joins = ramp.stride == lead.stride and ramp.first == lead.first + lead.stride * number * BLOCK
                self._even += joins

    def _reopen(self, number: int) -> None:
        """Make block `number` writable again, as rows will be appended to it."""
        values = self._values(number)
        if number < self._thinned:
            self._thinned = number
        block = np.empty(BLOCK)
        block[: len(values)] = values
        self._blocks[number] = block

    def nbytes(self) -> int:
        """Bytes held."""
        return sum(block.nbytes for block in self._blocks if not isinstance(block, _Ramp))
