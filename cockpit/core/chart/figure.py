"""A chart, from its lines to a grid of cells; pure, so that it can be tested and printed without a screen.

    figure = Figure()
    grid = figure.paint(80, 20, [Line("loss", table.column("loss"))], view=View(smoothing=0.6))
    print("\\n".join(grid.rows()))

A `Figure` remembers what it reduced: painting again after rows were appended looks at the new rows alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cockpit.core.chart import parts, plot
from cockpit.core.chart.canvas import Grid, Ink
from cockpit.core.chart.plot import Frame, Level, Line, Mark, Range, View
from cockpit.core.chart.raster import (
    DASHES,
    Spans,
    dash,
    fill,
    smooth,
    to_rows,
    trace,
)
from cockpit.core.chart.stage import ASCII_SIGNS, Curve, Stage
from cockpit.core.series.column import Columns, Floats

HUGE, TINIEST = 1e300, 1e-300
"""No axis reaches further: beyond, the arithmetic of round numbers overflows."""


@dataclass(slots=True)
class _Reduced:
    """One line's columns, and up to where they hold."""

    columns: Columns
    history: int
    frontier: float
    revision: int


class Figure:
    """Paints charts of one place on the screen, with a memory of the one before."""

    def __init__(self) -> None:
        self._reduced: dict[int, _Reduced] = {}
        self._edges_key: tuple[float, float, int] | None = None
        self._edges: Floats = np.empty(0)
        self._limits: Range | None = None
        self._limits_log = False
        self._label_width = 4
        self._level_places: dict[str, int] = {}
        self._painted: tuple[object, Grid] | None = None
        self._axes: tuple[object, Grid] | None = None
        self.frame: Frame | None = None
        self.x_range: Range | None = None
        self._newest = 0.0

    def paint(
        self,
        width: int,
        height: int,
        lines: Sequence[Line],
        levels: Sequence[Level] = (),
        marks: Sequence[Mark] = (),
        view: View | None = None,
    ) -> Grid | None:
        """The chart in `width` x `height` cells; None when there is nothing to draw (yet), or no room.

        The same grid as the last time, where nothing changed.
        """
        view = view or View()
        extents = [extent for line in lines if (extent := line.source.extent()) is not None]
        extents += [(mark.x, mark.x) for mark in marks]
        if not extents or width < 2 or height < 1:
            return None
        extents += [view.reach] if view.reach is not None else []
        x_limits = plot.x_range((min(e[0] for e in extents), max(e[1] for e in extents)), view)
        key = (width, height, [(line, line.source.revision) for line in lines], levels, marks, x_limits,
               replace(view, reach=None))  # fmt: skip
        if self._painted is not None and self._painted[0] == key:
            return self._painted[1]
        frame, curves, limits, ticks = self._fit(width, height, lines, levels, marks, x_limits, view)
        self.frame, self.x_range, self._newest = frame, x_limits, max(e[1] for e in extents)
        grid = self._with_axes(frame, x_limits, limits, ticks, view)
        stage = Stage(grid, frame, x_limits, limits, view, len(self._edges) - 1)
        _paint_plot(stage, curves, levels, marks, self._level_places)
        parts.paint_legend(grid, frame, curves, view)
        self._painted = (key, grid)
        return grid

    def column_step(self, x: int) -> float | None:
        """The step shown in cell column `x` of the last chart; None outside its plot."""
        if self.frame is None or self.x_range is None or self.frame.plot_width < 1:
            return None
        place = x - self.frame.gutter
        if not 0 <= place < self.frame.plot_width:
            return None
        x0, x1 = self.x_range
        return x0 + (x1 - x0) * (place + 0.5) / self.frame.plot_width

    def moved_step(self, step: float | None, columns: int) -> float | None:
        """The step `columns` cells to the right of `step`; from None, in at the newest value for a move to the left,
        at the first column for one to the right. None outside the plot.
        """
        if self.frame is None or self.x_range is None or self.frame.plot_width < 1:
            return None
        x0, x1 = self.x_range
        width = self.frame.plot_width
        if step is not None:
            place = math.floor((step - x0) / (x1 - x0) * width) + columns
        else:
            place = 0 if columns > 0 else math.floor((self._newest - x0) / (x1 - x0) * width)
        return self.column_step(self.frame.gutter + min(place, width - (step is None)))

    # -- numbers

    def _fit(
        self,
        width: int,
        height: int,
        lines: Sequence[Line],
        levels: Sequence[Level],
        marks: Sequence[Mark],
        x: Range,
        view: View,
    ) -> tuple[Frame, list[Curve], Range, list[tuple[float, str]]]:
        """Settle the frame: the gutter's width depends on the labels, and they on what is in sight beside it."""
        for last in (False, False, True):
            frame = plot.layout(width, height, self._label_width)
            curves = self._curves(lines, x, frame, view)
            limits = self._y_limits(curves, levels, marks, x, view)
            ticks = parts.y_ticks(limits, view.log, frame.plot_height)
            widest = max((len(text) for _, text in ticks), default=1)
            if last or widest <= self._label_width <= widest + 1:
                return frame, curves, limits, ticks
            self._label_width = widest
        raise AssertionError("unreachable")

    def _with_axes(
        self, frame: Frame, x: Range, y: Range, ticks: list[tuple[float, str]], view: View
    ) -> Grid:
        """A grid with the axes on it; they are painted once for as long as they stay the same."""
        key = (frame, x, y, view.log, view.ascii)
        if self._axes is None or self._axes[0] != key:
            grid = Grid(frame.width, frame.height)
            parts.paint_axes(grid, frame, x, y, ticks, view)
            self._axes = (key, grid)
        return self._axes[1].copy()

    def _curves(self, lines: Sequence[Line], limits: Range, frame: Frame, view: View) -> list[Curve]:
        count = max(1, frame.plot_width * (1 if view.ascii else 2))
        key = (*limits, count)
        if key != self._edges_key:
            self._edges_key, self._reduced = key, {}
            x0, x1 = limits
            self._edges = x0 + (x1 - x0) / count * np.arange(count + 1, dtype=np.float64)
            self._edges[-1] = np.nextafter(x1, np.inf)
        curves: list[Curve] = []
        kept: dict[int, _Reduced] = {}
        for line in lines:
            reduced = kept[id(line.source)] = self._reduce(line)
            averaged = smooth(reduced.columns, view.smoothing) if line.smooth and view.smoothing > 0 else None
            curves.append(Curve(line, reduced.columns, averaged))
        self._reduced = kept
        return curves

    def _reduce(self, line: Line) -> _Reduced:
        source = line.source
        old = self._reduced.get(id(source))
        if old is not None and old.revision == source.revision:
            return old
        fresh = _Reduced(
            old.columns if old else Columns.empty(0), source.history, source.frontier(), source.revision
        )
        first = 0
        if old is not None and old.history == source.history and not math.isnan(old.frontier):
            first = max(0, int(np.searchsorted(self._edges, old.frontier, side="right")) - 1)
            first = min(first, len(self._edges) - 1)
        if first == 0:
            fresh.columns = source.reduce(self._edges)
        elif first < len(self._edges) - 1:
            fresh.columns.replace_from(first, source.reduce(self._edges[first:]))
        return fresh

    def _y_limits(
        self, curves: list[Curve], levels: Sequence[Level], marks: Sequence[Mark], x: Range, view: View
    ) -> Range:
        if view.y_limits is not None and (not view.log or view.y_limits[0] > 0):
            return view.y_limits
        lows, highs = [np.empty(0)], [np.empty(0)]
        for curve in curves:
            seen = curve.columns.count > 0
            lows.append(curve.columns.lo[seen])
            highs.append(curve.columns.hi[seen])
        extra = [level.y for level in levels] + [
            m.y for m in marks if m.y is not None and x[0] <= m.x <= x[1]
        ]
        lo, hi = _value_range(np.concatenate(lows), np.concatenate(highs), extra, view)
        before = self._limits if self._limits_log == view.log else None
        self._limits, self._limits_log = plot.y_range(lo, hi, log=view.log, before=before), view.log
        return self._limits


def _value_range(lows: Floats, highs: Floats, extra: list[float], view: View) -> Range:
    extra = [value for value in extra if math.isfinite(value)]
    if view.log:
        lows, highs = np.where(lows > 0, lows, highs), highs
        lows, highs = lows[lows > 0], highs[highs > 0]
        extra = [value for value in extra if value > 0]
    if view.clip and len(lows) >= 20:
        # Outliers: what 1 % of the columns reach, when leaving it out gives at least three times the height.
        low, high = float(np.quantile(lows, 0.01)), float(np.quantile(highs, 0.99))
        if high - low < (float(highs.max()) - float(lows.min())) / 3:
            lows, highs = np.array([low]), np.array([high])
    values = [*extra, *([float(lows.min()), float(highs.max())] if len(lows) else [])]
    if not values:
        return (0.1, 1.0) if view.log else (0.0, 1.0)
    least = TINIEST if view.log else -HUGE
    return max(least, min(min(values), HUGE)), max(least, min(max(values), HUGE))


def _paint_plot(
    stage: Stage, curves: list[Curve], levels: Sequence[Level], marks: Sequence[Mark], places: dict[str, int]
) -> None:
    if stage.frame.plot_width < 1 or stage.frame.plot_height < 1:
        return
    for level in levels:
        _paint_level(stage, level)
    overlaid = len(curves) > 1
    spans: list[Spans] = []
    for number, curve in enumerate(curves):
        if curve.averaged is not None:
            raw = _spans(stage, curve.columns.lo, curve.columns.hi, curve.columns)
            stage.dots(
                fill(raw, stage.rows), Ink.RAW + number % 16, "." if stage.view.ascii and overlaid else ""
            )
    for number, curve in enumerate(curves):
        lo, hi = (
            (curve.columns.lo, curve.columns.hi)
            if curve.averaged is None
            else (curve.averaged, curve.averaged)
        )
        spans.append(_spans(stage, lo, hi, curve.columns))
        dots = fill(spans[-1], stage.rows)
        if overlaid and stage.view.mono and not stage.view.ascii:
            dots = dash(dots, DASHES[number % len(DASHES)])
        stage.dots(dots, Ink.LINE + number % 16, ASCII_SIGNS[number % 8] if overlaid else "")
    parts.paint_level_labels(stage.grid, stage.frame, stage.cell, stage.x, levels, places)
    for number, (curve, span) in enumerate(zip(curves, spans, strict=True)):
        parts.paint_points(stage, curve, span, Ink.LINE + number % 16)
        parts.paint_bad(stage, curve)
    if overlaid:
        parts.paint_tags(stage, curves, spans)
    parts.paint_marks(stage, marks)
    parts.paint_cursor(stage)


def _spans(stage: Stage, lo: Floats, hi: Floats, columns: Columns) -> Spans:
    seen = columns.count > 0
    low, high = np.where(seen, lo, np.nan), np.where(seen, hi, np.nan)
    if stage.view.log:
        low = np.where(low > 0, low, high)  # the least positive value isn't known: the column's top is shown
    upper = to_rows(high, stage.y, stage.view.log, stage.rows)
    lower = to_rows(low, stage.y, stage.view.log, stage.rows)
    return trace(upper, lower, columns.bad > 0)


def _paint_level(stage: Stage, level: Level) -> None:
    part = plot.fraction(level.y, stage.y, stage.view.log)
    if not 0 <= part <= 1:
        return
    dots = np.zeros((stage.rows, stage.columns), np.bool_)
    dots[round((1 - part) * (stage.rows - 1))] = True
    if stage.view.ascii:
        stage.dots(dots & (np.arange(stage.columns) % 2 == 0), Ink.LEVEL, "-")
    else:
        stage.dots(dash(dots, 0b11110000), Ink.LEVEL)
