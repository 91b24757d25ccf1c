"""The numbers of a run, held small and reduced fast.

    table = SeriesTable()
    table.extend(np.array([1.0, 2.0]), {"loss": np.array([2.1, 1.9])})
    table.append(3, {"loss": 1.8, "reward": 0.2})
    table.downsample("loss", 0, 3, columns=80)     # -> Columns(lo, hi, total, count, bad)
    table.column("loss")                           # what a chart takes

One row a step, steps strictly rising. What a file says a second time:

- the step of the last row again: the new values join that row (a later value of the same series wins);
- an earlier step with series that hold nothing from there on: a late value, put in at its place;
- an earlier step otherwise: the run was resumed from a checkpoint before it, so everything from that step on
  is history that did not happen; it is dropped and the new rows go on from there.

A million rows of five series take about 45 MB. Beyond `keep_rows` the oldest rows are thinned to summaries of
64, so that memory stays bounded whatever the file holds.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cockpit.core.series.column import (
    BLOCK,
    LOGGED_NAN,
    MISSING,
    Column,
    Columns,
    Floats,
    is_logged,
)
from cockpit.core.series.reduce import merge_pieces, reduce_buckets, reduce_raw
from cockpit.core.series.steps import Steps

__all__ = ["LOGGED_NAN", "MISSING", "Columns", "SeriesColumn", "SeriesTable"]

RAW_ROWS = 131_072  # rows up to which looking at each of them is as fast as the summaries
KEEP_ROWS = 2_000_000  # rows held in full: 100 MB with five series
LATE_ROWS = 65_536  # how far back a late value may lie: putting it in copies the rows after it


@dataclass(slots=True)
class Preview:
    """Some rows of a file that is still being read: its shape, before its numbers are there."""

    steps: Floats
    columns: dict[str, Floats]


class SeriesTable:
    """Append-only series over a common step column; see the module for what repeated steps mean.

    `revision` rises with every change; `history` rises when rows that were there changed or went (a reader that
    sees it change looks at everything again, otherwise only at rows from the last one it saw).
    """

    def __init__(self, keep_rows: int = KEEP_ROWS) -> None:
        self.revision = 0
        self.history = 0
        self.first_time: float | None = None
        self.last_time: float | None = None
        self._keep_blocks = max(2, -(-keep_rows // BLOCK))
        self._steps = Steps()
        self._columns: dict[str, Column] = {}
        self._handles: dict[str, SeriesColumn] = {}
        self._preview: Preview | None = None
        self._recent: deque[tuple[float, float]] = deque(maxlen=64)  # (step, epoch seconds)

    # -- what is there

    @property
    def rows(self) -> int:
        return self._steps.rows

    @property
    def names(self) -> tuple[str, ...]:
        """The series, in the order in which they were first seen (the preview's after those)."""
        extra = self._preview.columns if self._preview else {}
        return (*self._columns, *(name for name in extra if name not in self._columns))

    @property
    def previewed(self) -> bool:
        """Whether some of what is drawn comes from a preview: the rest is still being read."""
        return self._preview is not None

    def column(self, name: str) -> SeriesColumn:
        """A handle on one series, whether it is there yet or not; the same one every time, so that charts know it."""
        handle = self._handles.get(name)
        if handle is None:
            handle = self._handles[name] = SeriesColumn(self, name)
        return handle

    def extent(self) -> tuple[float, float] | None:
        """The first and the last step, the preview's included; None when there is no row."""
        if not self.rows and self._preview is None:
            return None
        ends = [self._steps.first(), self._steps.last()] if self.rows else []
        if self._preview is not None:
            ends += [float(self._preview.steps[0]), float(self._preview.steps[-1])]
        return min(ends), max(ends)

    def frontier(self) -> float:
        """The last step that was read (NaN when none was): what lies before it stays, as `history` does."""
        return self._steps.last()

    def last(self, name: str) -> tuple[float, float] | None:
        """The newest logged value of `name` as (step, value); the value may be NaN or infinite."""
        preview = self._preview
        if preview is not None and name in preview.columns:
            logged = np.flatnonzero(is_logged(preview.columns[name]))
            if len(logged):
                return float(preview.steps[logged[-1]]), float(preview.columns[name][logged[-1]])
        column = self._columns.get(name)
        if column is None or column.last_row < 0:
            return None
        return self._steps.at(column.last_row), column.last_value

    def nearest(self, name: str, step: float) -> tuple[float, float] | None:
        """The logged value of `name` nearest to `step` as (step, value), within 4,096 rows; None if none is."""
        column = self._columns.get(name)
        if column is None or not self.rows:
            return None
        row = int(self._steps.rows_before(np.array([step]))[0])
        start, stop = max(0, row - 4096), min(self.rows, row + 4096)
        values = column.raw(start, min(stop, column.rows))
        logged = np.flatnonzero(is_logged(values))
        if not len(logged):
            return None
        steps = self._steps.raw(start, stop)[logged]
        best = int(np.argmin(np.abs(steps - step)))
        return float(steps[best]), float(values[logged[best]])

    def pace(self) -> float | None:
        """Steps a second over the last 64 rows that carried a time; None until two did."""
        if len(self._recent) < 2:
            return None
        (step0, time0), (step1, time1) = self._recent[0], self._recent[-1]
        return (step1 - step0) / (time1 - time0) if time1 > time0 and step1 > step0 else None

    def values(self, name: str) -> tuple[Floats, Floats]:
        """All rows of `name` in which it was logged, as (steps, values). Thinned rows have none."""
        column = self._columns.get(name)
        if column is None:
            return np.empty(0), np.empty(0)
        values = column.raw(0, column.rows)
        logged = is_logged(values)
        return self._steps.raw(0, column.rows)[logged], values[logged]

    def nbytes(self) -> int:
        """Bytes held."""
        return self._steps.nbytes() + sum(column.nbytes() for column in self._columns.values())

    # -- reducing

    def downsample(self, name: str, x0: float, x1: float, columns: int) -> Columns:
        """`name` from step `x0` to `x1` (both included) in `columns` equal parts."""
        edges = x0 + (x1 - x0) / columns * np.arange(columns + 1, dtype=np.float64)
        edges[-1] = np.nextafter(x1, np.inf)
        return self.reduce(name, edges)

    def reduce(self, name: str, edges: Floats) -> Columns:
        """`name` between consecutive `edges` (steps, rising): the left one included, the right one not."""
        out = Columns.empty(len(edges) - 1)
        column = self._columns.get(name)
        if column is not None and column.last_row >= 0:
            rows = np.minimum(self._steps.rows_before(edges), column.rows)
            if rows[0] >= self._steps.thin_rows and rows[-1] - rows[0] <= RAW_ROWS:
                reduce_raw(column, rows, out)
            else:
                reduce_buckets(column, rows, out)
        if self._preview is not None:
            self._reduce_preview(name, edges, out)
        return out

    def _reduce_preview(self, name: str, edges: Floats, out: Columns) -> None:
        assert self._preview is not None
        values = self._preview.columns.get(name)
        if values is None:
            return
        rows = np.searchsorted(self._preview.steps, edges, side="left")
        if self.rows:
            rows = np.maximum(rows, np.searchsorted(self._preview.steps, self._steps.last(), side="right"))
        merge_pieces(values[rows[0] : rows[-1]], rows - rows[0], out)

    # -- growing

    def append(self, step: float, values: Mapping[str, float], time: float | None = None) -> None:
        """Add one row. Raises ValueError when `step` is not finite."""
        arrays = {name: np.array([value], np.float64) for name, value in values.items()}
        self.extend(np.array([step], np.float64), arrays, None if time is None else np.array([time]))

    def extend(self, steps: Floats, columns: Mapping[str, Floats], times: Floats | None = None) -> None:
        """Add rows, in the order in which they were logged; NaN means "not logged in this row".

        `times`: epoch seconds of the rows (NaN where unknown), for the pace. Raises ValueError when a step is
        not finite or a column's length differs from that of `steps`.
        """
        if not len(steps):
            return
        steps = np.asarray(steps, np.float64)
        if not np.isfinite(steps).all():
            raise ValueError("a step is not a finite number")
        if any(len(values) != len(steps) for values in columns.values()):
            raise ValueError("a column's length differs from the steps'")
        self._note_times(steps, times)
        self.revision += 1
        merged_steps, merged = _merge_repeats(steps, columns)
        breaks = np.flatnonzero(np.diff(merged_steps) < 0) + 1
        bounds = [0, *breaks.tolist(), len(merged_steps)]
        for start, stop in itertools.pairwise(bounds):
            run = {name: values[start:stop] for name, values in merged.items()}
            self._extend_rising(merged_steps[start:stop], run)
        self._settle_preview()
        self._thin_oldest()

    def preview(self, steps: Floats, columns: Mapping[str, Floats]) -> None:
        """Show these rows (rising steps) until reading has passed the last of them."""
        rising = np.flatnonzero(np.diff(steps, prepend=-np.inf) > 0)
        if not len(rising):
            return
        self._preview = Preview(steps[rising], {name: values[rising] for name, values in columns.items()})
        self.revision += 1
        self.history += 1
        self._settle_preview()

    def end_preview(self) -> None:
        """Show only what was read: all of the file has been."""
        if self._preview is not None:
            self._preview = None
            self.revision += 1
            self.history += 1

    def clear(self) -> None:
        """Forget everything: the file was truncated or replaced."""
        self._steps, self._columns, self._preview = Steps(), {}, None
        self._recent.clear()
        self.first_time = self.last_time = None
        self.revision += 1
        self.history += 1

    def _extend_rising(self, steps: Floats, columns: Mapping[str, Floats]) -> None:
        """Add rows with strictly rising steps, settling first what an already seen step means."""
        last = self._steps.last()
        if self.rows and steps[0] <= last:
            if steps[0] == last:
                steps, columns = self._join_last(steps, columns)
            elif self._is_late(float(steps[0]), columns):
                self._insert(steps, columns)
                return
            else:
                self._truncate(int(self._steps.rows_before(steps[:1])[0]))
        if len(steps):
            self._put(steps, columns)

    def _put(self, steps: Floats, columns: Mapping[str, Floats]) -> None:
        start = self.rows
        self._steps.extend(steps)
        for name, values in columns.items():
            if not (np.isfinite(values[0]) or is_logged(values).any()):
                continue  # a column lags behind until it has a value again
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = Column()
            if column.rows < start:
                column.pad(start)
            column.extend(values)

    def _join_last(self, steps: Floats, columns: Mapping[str, Floats]) -> tuple[Floats, dict[str, Floats]]:
        """Fold the first new row into the last one, which has the same step; gives the rows after it."""
        row = self.rows - 1
        for name, values in columns.items():
            if not is_logged(values[:1])[0]:
                continue
            column = self._columns.setdefault(name, Column())
            column.pad(row)
            column.truncate(row)
            column.extend(values[:1])
        return steps[1:], {name: values[1:] for name, values in columns.items()}

    def _is_late(self, step: float, columns: Mapping[str, Floats]) -> bool:
        """Whether none of the series in these rows was logged at `step` or after it, not too far back."""
        row = int(self._steps.rows_before(np.array([step]))[0])
        if self.rows - row > LATE_ROWS or row < self._steps.thin_rows:
            return False
        logged = [name for name, values in columns.items() if is_logged(values).any()]
        return all(self._columns[name].last_row < row for name in logged if name in self._columns)

    def _insert(self, steps: Floats, columns: Mapping[str, Floats]) -> None:
        """Put late rows in at their places: take off the rows after them, and put both back in order."""
        row = int(self._steps.rows_before(steps[:1])[0])
        tail_steps = self._steps.raw(row, self.rows)
        tail = {name: column.raw(row, self.rows) for name, column in self._columns.items()}
        self._truncate(row)
        every = np.concatenate([tail_steps, steps])
        order = np.argsort(every, kind="stable")
        both = {
            name: np.concatenate(
                [
                    tail.get(name, np.full(len(tail_steps), MISSING)),
                    columns.get(name, np.full(len(steps), MISSING)),
                ]
            )[order]
            for name in (*tail, *(name for name in columns if name not in tail))
        }
        self._extend_rising(*_merge_repeats(every[order], both))

    def _truncate(self, rows: int) -> None:
        self._steps.truncate(rows)
        for column in self._columns.values():
            column.truncate(rows)
        self.history += 1

    def _settle_preview(self) -> None:
        if self._preview is not None and self.rows and self._steps.last() >= self._preview.steps[-1]:
            self._preview = None
            self.history += 1

    def _thin_oldest(self) -> None:
        while (self.rows - self._steps.thin_rows) > self._keep_blocks * BLOCK:
            number = self._steps.thin_rows // BLOCK
            self._steps.thin(number)
            for column in self._columns.values():
                column.thin(number)

    def _note_times(self, steps: Floats, times: Floats | None) -> None:
        if times is None:
            return
        known = np.flatnonzero(np.isfinite(times))
        if not len(known):
            return
        if self.first_time is None:
            self.first_time = float(times[known[0]])
        self.last_time = float(times[known[-1]])
        for index in known[-64:].tolist():
            step = float(steps[index])
            if self._recent and step < self._recent[-1][0]:
                self._recent.clear()  # resumed: the pace begins anew
            self._recent.append((step, float(times[index])))


class SeriesColumn:
    """One series of a table, as a chart takes it: a name, and questions answered from what is there now."""

    __slots__ = ("name", "table")

    def __init__(self, table: SeriesTable, name: str) -> None:
        self.table = table
        self.name = name

    @property
    def revision(self) -> int:
        return self.table.revision

    @property
    def history(self) -> int:
        return self.table.history

    @property
    def previewed(self) -> bool:
        return self.table.previewed

    def extent(self) -> tuple[float, float] | None:
        return self.table.extent()

    def frontier(self) -> float:
        return self.table.frontier()

    def last(self) -> tuple[float, float] | None:
        return self.table.last(self.name)

    def nearest(self, x: float) -> tuple[float, float] | None:
        return self.table.nearest(self.name, x)

    def reduce(self, edges: Floats) -> Columns:
        return self.table.reduce(self.name, edges)


def _merge_repeats(steps: Floats, columns: Mapping[str, Floats]) -> tuple[Floats, Mapping[str, Floats]]:
    """Make one row of consecutive rows with the same step; of each series, the last logged value stays."""
    fresh = np.diff(steps, prepend=np.nan) != 0
    if fresh.all():
        return steps, columns
    group = np.cumsum(fresh) - 1
    merged: dict[str, Floats] = {}
    for name, values in columns.items():
        out = np.full(int(group[-1]) + 1, MISSING)
        logged = is_logged(values)
        out[group[logged]] = values[logged]  # numpy assigns in order: the last one wins
        merged[name] = out
    return steps[fresh], merged
