"""From the rows of a column to the columns of a chart: exact, whichever way is the faster one."""

from __future__ import annotations

import numpy as np

from cockpit.core.series.column import BUCKET, MISSING, Column, Columns, Floats, Ints, reduce_at


def merge_pieces(values: Floats, rows: Ints, out: Columns) -> None:
    """Fold `values[rows[i]:rows[i + 1]]` into entry `i` of `out`."""
    filled = rows[1:] > rows[:-1]
    if filled.any():
        out.merge(filled, reduce_at(values[rows[0] : rows[-1]], rows[:-1][filled] - rows[0]))


def reduce_raw(column: Column, rows: Ints, out: Columns) -> None:
    """Fold rows `rows[i]` to `rows[i + 1]` into entry `i` of `out` by looking at each of them."""
    start, stop = int(rows[0]), int(rows[-1])
    merge_pieces(column.raw(start, stop), rows - start, out)


def reduce_buckets(column: Column, rows: Ints, out: Columns) -> None:
    """From the 64-row summaries; the rows at the ends of each part, short of a whole 64, from the values."""
    starts, stops = rows[:-1], rows[1:]
    inner_start, inner_stop = -(-starts // BUCKET), stops // BUCKET
    whole = inner_stop > inner_start
    if whole.any():
        out.merge(whole, _reduce_summaries(column, inner_start[whole], inner_stop[whole]))
    same = starts // BUCKET == stops // BUCKET
    head = (stops > starts) & ((starts % BUCKET != 0) | same)
    if head.any():
        number = starts[head] // BUCKET
        end = np.minimum(stops[head] - number * BUCKET, BUCKET)
        out.merge(head, _reduce_ends(column, number, starts[head] % BUCKET, end))
    tail = (stops % BUCKET != 0) & ~same
    if tail.any():
        number = stops[tail] // BUCKET
        out.merge(tail, _reduce_ends(column, number, np.zeros_like(number), stops[tail] % BUCKET))


def _reduce_summaries(column: Column, starts: Ints, stops: Ints) -> Columns:
    b = column.buckets
    # reduceat takes pieces end to end: every second one is the gap between two parts, and left out.
    cuts = np.stack([starts, stops], 1).ravel()
    cuts = cuts[:-1] if cuts[-1] >= b.size else cuts
    pick = slice(None, None, 2)
    return Columns(
        np.minimum.reduceat(b.lo[: b.size], cuts)[pick],
        np.maximum.reduceat(b.hi[: b.size], cuts)[pick],
        np.add.reduceat(b.total[: b.size], cuts)[pick],
        np.add.reduceat(b.count[: b.size], cuts, dtype=np.int64)[pick],
        np.add.reduceat(b.bad[: b.size], cuts, dtype=np.int64)[pick],
    )


def _reduce_ends(column: Column, numbers: Ints, start: Ints, stop: Ints) -> Columns:
    offsets = np.arange(BUCKET)
    inside = (offsets >= start[:, None]) & (offsets < stop[:, None])
    rows = np.where(inside, column.bucket_rows(numbers), MISSING).ravel()
    return reduce_at(rows, np.arange(0, len(rows), BUCKET))
