"""The parts of a chart around and upon its curves: axes, legend, labels, points and signs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cockpit.core.chart import plot
from cockpit.core.chart.canvas import SPACE, Grid, Ink
from cockpit.core.chart.plot import Frame, Level, Mark, Range, View
from cockpit.core.chart.raster import DASHES, Spans, braille, dash
from cockpit.core.chart.stage import ASCII_SIGNS, Curve, Stage

SIGNS = {"point": ("●", "o"), "best": ("★", "*"), "checkpoint": ("▲", "^"), "alarm": ("!", "!")}
_MARK_INKS = {"point": Ink.POINT, "best": Ink.BEST, "checkpoint": Ink.CHECKPOINT, "alarm": Ink.ALARM}


def y_ticks(limits: Range, log: bool, height: int) -> list[tuple[float, str]]:
    """Values and labels for the y axis of a plot `height` rows high."""
    count = max(2, min(8, height // 3 + 1))
    values = plot.log_ticks(*limits, count) if log else plot.ticks(*limits, count)
    labels = [plot.log_label(v) for v in values] if log else plot.tick_labels(values)
    return list(zip(values, labels, strict=True))


def paint_axes(
    grid: Grid, frame: Frame, x: Range, y: Range, ticks: list[tuple[float, str]], view: View
) -> None:
    """The y axis with its labels in the gutter, the x axis with its labels on the line."""
    upright, tick_sign, corner, line = ("|", "+", "+", "-") if view.ascii else ("│", "┤", "└", "─")
    if frame.gutter:
        for row in range(frame.plot_height):
            grid.write(frame.gutter - 1, frame.plot_y + row, upright, Ink.AXIS)
        for value, text in ticks:
            part = plot.fraction(value, y, view.log)
            if not -1e-9 <= part <= 1 + 1e-9 or frame.plot_height < 1:
                continue
            row = frame.plot_y + round((1 - part) * (frame.plot_height - 1))
            grid.write(0, row, text[: frame.gutter - 1].rjust(frame.gutter - 1), Ink.LABEL)
            grid.write(frame.gutter - 1, row, tick_sign, Ink.AXIS)
    if frame.axis_y is None:
        return
    grid.write(frame.gutter, frame.axis_y, line * frame.plot_width, Ink.AXIS)
    if frame.gutter:
        grid.write(frame.gutter - 1, frame.axis_y, corner, Ink.AXIS)
    values = plot.ticks(*x, max(2, frame.plot_width // 12))
    columns = [min(frame.plot_width - 1, int((v - x[0]) / (x[1] - x[0]) * frame.plot_width)) for v in values]
    for start, text in plot.place_labels(columns, plot.tick_labels(values), frame.plot_width):
        grid.write(frame.gutter + start, frame.axis_y, text, Ink.LABEL)


# -- legend


def paint_legend(grid: Grid, frame: Frame, curves: Sequence[Curve], view: View) -> None:
    """Names and newest values (those at the cursor, where one is set) on the left, remarks on the right."""
    if frame.legend_y is None:
        return
    pieces: list[tuple[str, int]] = []
    for number, curve in enumerate(curves):
        pieces += _entry(curve, number, len(curves), view)
    names = sum(len(text) for text, _ in pieces)
    notes = _notes(curves, view)
    while notes and names + 2 + sum(len(n) + 2 for n in notes) - 2 > frame.width:
        notes.pop()
    room = frame.width - (sum(len(n) + 2 for n in notes) if notes else 0)
    x = 0
    for text, ink in pieces:
        if x + len(text) > room:
            text = text[: max(0, room - x - 1)] + ("~" if view.ascii else "…")
        grid.write(x, frame.legend_y, text[: max(0, room - x)], ink)
        x += len(text)
        if x >= room:
            break
    if notes:
        text = "  ".join(notes)
        grid.write(frame.width - len(text), frame.legend_y, text, Ink.NOTE)


def _entry(curve: Curve, number: int, count: int, view: View) -> list[tuple[str, int]]:
    ink = Ink.LINE + number % 16
    sample = _sample(curve, number, count, view)
    name = plot.one_cell_each(curve.line.name, ascii_only=view.ascii)
    point = curve.line.source.last() if view.cursor is None else curve.line.source.nearest(view.cursor)
    value = plot.format_value(point[1]) if point else "-"
    bad = bool(point) and not math.isfinite(point[1]) if point else False
    gap = "   " if number + 1 < count else ""
    return [(f"{sample} ", ink), (f"{name} ", Ink.TITLE), (value, Ink.BAD if bad else ink), (gap, Ink.TITLE)]


def _sample(curve: Curve, number: int, count: int, view: View) -> str:
    tag = f"{curve.line.tag[:1]} " if curve.line.tag and count > 1 else ""
    if view.ascii:
        return tag + (ASCII_SIGNS[number % 8] * 2 if count > 1 else "--")
    if count > 1 and view.mono:
        dots = np.zeros((4, 8), np.bool_)
        dots[1] = True
        codes = braille(dash(dots, DASHES[number % len(DASHES)]))[0]
        return tag + "".join(chr(c) if c else " " for c in codes.tolist())
    return tag + "──"


def _notes(curves: Sequence[Curve], view: View) -> list[str]:
    """Remarks, the most important first."""
    bad = sum(int(curve.columns.bad.sum()) for curve in curves)
    times = "x" if view.ascii else "×"
    notes: list[str] = []
    if view.cursor is not None:
        notes.append(f"at {plot.format_value(view.cursor)}")
    if bad:
        notes.append(f"{times} {bad:,} not finite")
    if any(getattr(curve.line.source, "previewed", False) for curve in curves):
        notes.append("reading")
    if view.log:
        below = any(bool((c.columns.lo[c.columns.count > 0] <= 0).any()) for c in curves)
        notes.append("log, some at or below 0" if below else "log")
    if view.window is not None:
        notes.append("zoomed")
    if any(curve.averaged is not None for curve in curves):
        notes.append(f"ema {view.smoothing:g}")
    if view.clip:
        notes.append("outliers cut")
    return notes


# -- upon the plot


def paint_level_labels(
    grid: Grid,
    frame: Frame,
    cell: Callable[[float, float | None], tuple[int, int] | None],
    x: Range,
    levels: Sequence[Level],
    places: dict[str, int],
) -> None:
    """Each level's name and value beside its line, where the curves leave room; stays where it was if it can."""
    for level in levels:
        spot = cell(x[0], level.y)
        if spot is None:
            continue
        label = plot.one_cell_each(f" {level.label} {plot.format_value(level.y)} ")
        if len(label) + 2 > frame.plot_width:
            continue
        row, right = spot[1], frame.gutter + frame.plot_width - len(label)
        spots = [(right, row - 1), (frame.gutter, row - 1), (right, row + 1), (frame.gutter, row + 1)]
        spots = [s for s in spots if frame.plot_y <= s[1] < frame.plot_y + frame.plot_height] or [
            (right, row)
        ]
        taken = [int((grid.codes[y, left : left + len(label)] != SPACE).sum()) for left, y in spots]
        before = places.get(level.label, -1)
        choice = before if 0 <= before < len(spots) and taken[before] <= 2 else int(np.argmin(taken))
        places[level.label] = choice
        grid.write(*spots[choice], label, Ink.LEVEL)


def paint_points(stage: Stage, curve: Curve, spans: Spans, ink: int) -> None:
    """A dot at each value, where there are few enough to tell apart; always where there is only one."""
    columns = np.flatnonzero(curve.columns.count > 0)
    few = len(columns) == 1 or (curve.line.points and len(columns) * 3 <= stage.frame.plot_width)
    if not few:
        return
    per_cell, per_row = (1, 2) if stage.view.ascii else (2, 4)
    sign = SIGNS["point"][stage.view.ascii]
    for column in columns.tolist():
        row = int(spans.top[column] + spans.bottom[column]) // 2
        if spans.there[column] and 0 <= row < stage.rows:
            stage.grid.write(
                stage.frame.gutter + column // per_cell, stage.frame.plot_y + row // per_row, sign, ink
            )


def paint_bad(stage: Stage, curve: Curve) -> None:
    """A cross at the foot of the plot wherever a value was logged that is no finite number."""
    per_cell = 1 if stage.view.ascii else 2
    row = stage.frame.plot_y + stage.frame.plot_height - 1
    for place in np.unique(np.flatnonzero(curve.columns.bad > 0) // per_cell).tolist():
        stage.grid.write(stage.frame.gutter + place, row, "x" if stage.view.ascii else "×", Ink.BAD)


def paint_tags(stage: Stage, curves: Sequence[Curve], spans: Sequence[Spans]) -> None:
    """Each overlaid line's tag where it ends, so that no line is known by its colour alone."""
    frame = stage.frame
    per_cell, per_row = (1, 2) if stage.view.ascii else (2, 4)
    used: set[tuple[int, int]] = set()
    for number, (curve, span) in enumerate(zip(curves, spans, strict=True)):
        there = np.flatnonzero(span.there)
        if not curve.line.tag or not len(there):
            continue
        end = int(there[-1])
        x = frame.gutter + min(frame.plot_width - 1, end // per_cell + 1)
        middle = int(span.top[end] + span.bottom[end]) // 2 // per_row
        middle = min(max(0, middle), frame.plot_height - 1)
        rows = sorted(range(frame.plot_height), key=lambda row, m=middle: abs(row - m))
        row = next((r for r in rows if (x, r) not in used), middle)
        used.add((x, row))
        stage.grid.write(
            x, frame.plot_y + row, plot.one_cell_each(curve.line.tag)[:1], Ink.LINE + number % 16
        )


def paint_marks(stage: Stage, marks: Sequence[Mark]) -> None:
    """Signs upon the plot, the best one last; those without a height upon the x axis."""
    for mark in sorted(marks, key=lambda m: m.kind == "best"):
        spot = stage.cell(mark.x, mark.y)
        if spot is None:
            continue
        column, row = spot
        if mark.y is None and stage.frame.axis_y is not None:
            row = stage.frame.axis_y
        stage.grid.write(column, row, SIGNS[mark.kind][stage.view.ascii], _MARK_INKS[mark.kind])


def paint_cursor(stage: Stage) -> None:
    """An upright line at the cursor's step; the curves stay in front of it."""
    cursor = stage.view.cursor
    spot = None if cursor is None else stage.cell(cursor, None)
    if spot is None:
        return
    sign = ord("|" if stage.view.ascii else "│")
    part = slice(stage.frame.plot_y, stage.frame.plot_y + stage.frame.plot_height)
    free = stage.grid.codes[part, spot[0]] == SPACE
    stage.grid.codes[part, spot[0]][free] = sign
    stage.grid.inks[part, spot[0]][free] = Ink.CURSOR
