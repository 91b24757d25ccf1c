"""What is drawn and where: a reduced line, and the part of the grid that the curves are painted on."""

from __future__ import annotations

from dataclasses import dataclass

from cockpit.core.chart import plot
from cockpit.core.chart.canvas import Grid
from cockpit.core.chart.plot import Frame, Line, Range, View
from cockpit.core.chart.raster import Bits, ascii_dots, braille
from cockpit.core.series.column import Columns, Floats

ASCII_SIGNS = "*+ox#@%&"
"""Signs that tell overlaid lines apart where there are no dots."""


@dataclass(slots=True)
class Curve:
    """One line, ready to draw: columns, and the averaged values (NaN where none) if it is smoothed."""

    line: Line
    columns: Columns
    averaged: Floats | None


@dataclass(slots=True)
class Stage:
    """Where and in what measure the curves are drawn."""

    grid: Grid
    frame: Frame
    x: Range
    y: Range
    view: View
    columns: int

    @property
    def rows(self) -> int:
        """Dot rows."""
        return self.frame.plot_height * (2 if self.view.ascii else 4)

    def cell(self, x: float, y: float | None) -> tuple[int, int] | None:
        """The cell (column, row) of a point, the bottom one for no `y`; None outside."""
        x0, x1 = self.x
        frame = self.frame
        if not x0 <= x <= x1 or frame.plot_width < 1 or frame.plot_height < 1:
            return None
        column = min(frame.plot_width - 1, int((x - x0) / (x1 - x0) * frame.plot_width))
        row = frame.plot_height - 1
        if y is not None:
            part = plot.fraction(y, self.y, self.view.log)
            if not 0 <= part <= 1:
                return None
            row = round((1 - part) * (self.rows - 1)) // (2 if self.view.ascii else 4)
        return frame.gutter + column, frame.plot_y + row

    def dots(self, dots: Bits, ink: int, sign: str = "") -> None:
        """Paint a curve's dots."""
        codes = ascii_dots(dots, sign) if self.view.ascii else braille(dots)
        self.grid.stamp(self.frame.gutter, self.frame.plot_y, codes, ink)
