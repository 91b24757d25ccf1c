"""A line chart that is cheap to keep live: only cells that changed are sent to the terminal.

    chart = Chart(empty="no loss yet")
    chart.show(
        [Line("loss", table.column("loss"))],
        levels=[Level(0.32, "baseline")],
        marks=[Mark(100, 0.61, "best")],
        view=View(smoothing=0.6, x_end=600),
    )
    table.extend(...)        # later, whenever rows arrive:
    chart.redraw()           # looks at the new rows alone, refreshes the cells that differ

What is drawn where is worked out in `core.figure`; numpy is imported with the first thing to draw, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cockpit.core.chart.plot import Level, Line, Mark, View, one_cell_each, wrap
from cockpit.ui.widgets.chart_inks import CHOSEN, EMPTY, style_of
from cockpit.ui.widgets.line_view import grounded

if TYPE_CHECKING:
    from cockpit.core.chart.canvas import Grid
    from cockpit.core.chart.figure import Figure

_TITLE = 3  # core.canvas.Ink.TITLE
JOIN = 8
"""Unchanged cells between two changed ones that are sent along: a cursor move and a colour cost as much."""


class Chart(Widget):
    """Draws lines, levels and marks; see the module. Without data (or with too little room) it says `empty`."""

    DEFAULT_CSS = "Chart { width: 1fr; height: 1fr; }"

    @dataclass
    class Pointed(Message):
        """The mouse pointed at `step` of `chart`."""

        chart: Chart
        step: float

        @property
        def control(self) -> Chart:
            return self.chart

    def __init__(
        self, *, empty: str = "nothing logged yet", id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.empty = empty
        self.lines: Sequence[Line] = ()
        self.levels: Sequence[Level] = ()
        self.marks: Sequence[Mark] = ()
        self.view = View()
        self.chosen = False
        """Whether its name is shown as the one under the cursor."""
        self._figure: Figure | None = None
        self._grid: Grid | None = None
        self._drawn: tuple[int, int] | None = None  # the size of what was drawn last; None: draw it anew

    def show(
        self,
        lines: Sequence[Line],
        *,
        levels: Sequence[Level] = (),
        marks: Sequence[Mark] = (),
        view: View | None = None,
        empty: str | None = None,
    ) -> None:
        """Set what is shown, and draw it. The first line's colour is the same whatever stands behind it."""
        self.lines, self.levels, self.marks = lines, levels, marks
        self.view = view or self.view
        if empty is not None and empty != self.empty:
            self.empty, self._drawn = empty, None
        self.redraw()

    def choose(self, chosen: bool) -> None:
        """Show the chart as the one under the cursor, or no longer."""
        if chosen != self.chosen:
            self.chosen = chosen
            self.refresh(Region(0, 0, self.size.width, 1))

    def next_step(self, cursor: float | None, columns: int) -> float | None:
        """The step `columns` cells to the right of `cursor`; from None, in at the newest value (or the oldest, going
        right). None where that leaves the plot: the reading line goes out.
        """
        return self._figure.moved_step(cursor, columns) if self._figure is not None else None

    def redraw(self) -> None:
        """Draw what changed since the last time; while out of sight, remember to do so when seen again."""
        if not self.is_mounted or not self.size.area or not self.is_on_screen:
            self._drawn = None
            return
        if self._drawn != (self.size.width, self.size.height):
            self.refresh()
            return
        before, self._grid = self._grid, self._paint()
        if before is self._grid:
            return
        if before is None or self._grid is None:
            self.refresh()
            return
        from cockpit.core.chart.canvas import changes

        pieces = changes(before, self._grid, JOIN)
        if pieces:
            self.refresh(*(Region(x, y, width, 1) for y, x, width in pieces))

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if self._drawn != (width, height):
            self._grid, self._drawn = self._paint(), (width, height)
        if self._grid is None:
            return grounded(self, self._empty_line(y))
        pieces = [Segment(text, style_of(ink)) for text, ink in self._grid.runs(y)]
        if y == 0 and self.chosen:
            pieces = [
                Segment(text, CHOSEN if ink == _TITLE else style_of(ink)) for text, ink in self._grid.runs(y)
            ]
        return grounded(self, Strip(pieces, width))

    def on_click(self, event: events.Click) -> None:
        spot = event.get_content_offset(self)
        step = self._figure.column_step(spot.x) if spot is not None and self._figure is not None else None
        if step is not None:
            self.post_message(self.Pointed(self, step))

    def _paint(self) -> Grid | None:
        if not self.lines and not self.marks:
            return None
        if self._figure is None:
            from cockpit.core.chart.figure import Figure

            self._figure = Figure()
        return self._figure.paint(*self.size, self.lines, self.levels, self.marks, self.view)

    def _empty_line(self, y: int) -> Strip:
        width, height = self.size
        rows = wrap(one_cell_each(self.empty, ascii_only=self.view.ascii), width)[:height]
        row = y - (height - len(rows)) // 2
        text = rows[row] if 0 <= row < len(rows) else ""
        return Strip([Segment(text.center(width), EMPTY)], width)
