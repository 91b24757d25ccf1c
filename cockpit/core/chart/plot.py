"""The arithmetic of a chart in a terminal: what it shows, where its parts lie, which numbers stand at its axes.

Values in, values out, and no numpy: a screen can be laid out before there is a number to draw. What turns
numbers into dots is in `raster`, what puts everything together in `figure`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from cockpit.core.safe_text import clean

if TYPE_CHECKING:
    from cockpit.core.series.column import Columns, Floats

Range = tuple[float, float]

SNAPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Mantissas at which the x axis of a growing run may end: it is redrawn whole only when it reaches one."""


class Source(Protocol):
    """Where a line's numbers come from; `series.SeriesColumn` is one."""

    @property
    def revision(self) -> int:
        """Rises with every change."""
        ...

    @property
    def history(self) -> int:
        """Rises when something changed at or before `frontier()`."""
        ...

    def extent(self) -> Range | None:
        """First and last x; None when there is nothing."""
        ...

    def frontier(self) -> float:
        """The x up to which everything is there and stays, as long as `history` does; NaN for nothing."""
        ...

    def last(self) -> Range | None:
        """The newest point as (x, y); y may be NaN or infinite."""
        ...

    def nearest(self, x: float) -> Range | None:
        """The point nearest to `x`, None if there is none."""
        ...

    def reduce(self, edges: Floats) -> Columns:
        """Extremes, sum and number of the points between consecutive edges."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One curve. `tag` (one character) marks its end where several are overlaid; `points` sets a dot at each value."""

    name: str
    source: Source
    smooth: bool = True
    points: bool = False
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign at `x`: on the curve's height `y`, or on the x axis when `y` is None."""

    x: float
    y: float | None = None
    kind: Literal["point", "best", "checkpoint", "alarm"] = "point"


@dataclass(frozen=True, slots=True)
class Level:
    """A dashed horizontal line with a name: the baseline."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class View:
    """How to look: the part in sight, the scale, the smoothing.

    `window`: x range, None for all of it. `x_end`: where the run will end, if that is known. `live`: the run may
    grow, so the axis ends at a round number ahead of it. `y_limits`: None for what the values need.
    `smoothing`: 0 (off) to below 1, TensorBoard's weight. `clip`: leave outliers out of the y range.
    `reach`: steps that the x axis spans at least, so that charts beside each other show the same ones.
    """

    window: Range | None = None
    x_end: float | None = None
    live: bool = True
    log: bool = False
    smoothing: float = 0.0
    y_limits: Range | None = None
    clip: bool = False
    cursor: float | None = None
    ascii: bool = False
    mono: bool = False
    reach: Range | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the parts of a chart lie, in cells; `legend_y` and `axis_y` are None where there is no room."""

    width: int
    height: int
    gutter: int
    plot_y: int
    plot_width: int
    plot_height: int
    legend_y: int | None
    axis_y: int | None


def layout(width: int, height: int, label_width: int) -> Frame:
    """Divide `width` x `height` cells; what matters least goes first when there is little room.

    `label_width`: cells of the widest y label.
    """
    legend = height >= 3
    axis = height >= 5 and width >= 12
    gutter = label_width + 1 if width >= 20 and height >= 3 and width - label_width - 1 >= 12 else 0
    plot_y = 1 if legend else 0
    return Frame(
        width=width,
        height=height,
        gutter=gutter,
        plot_y=plot_y,
        plot_width=max(0, width - gutter),
        plot_height=max(0, height - plot_y - axis),
        legend_y=0 if legend else None,
        axis_y=height - 1 if axis else None,
    )


def nice_step(span: float, count: int) -> float:
    """The smallest of 1, 2, 2.5, 5 x 10^k that divides `span` into at most `count` steps."""
    rough = span / max(1, count)
    if not (rough > 0 and math.isfinite(rough)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    if power == 0.0:
        return rough
    for mantissa in (1.0, 2.0, 2.5, 5.0):
        if mantissa * power >= rough * (1 - 1e-9):
            return mantissa * power
    return 10.0 * power


def ticks(lo: float, hi: float, count: int) -> list[float]:
    """At most `count` round numbers, evenly spaced, from `lo` to `hi`."""
    if not (hi > lo) or count < 1:
        return [lo]
    step = nice_step(hi - lo, count)
    first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
    if last - first + 1 > count:
        step = nice_step(hi - lo, max(1, count - 1))
        first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
    found = [round(index * step, 12 - math.floor(math.log10(step))) for index in range(first, last + 1)]
    return found[:count]


def log_ticks(lo: float, hi: float, count: int) -> list[float]:
    """At most `count` powers of ten (or 1, 2, 5 of each, where they fit) from `lo` to `hi`, both above 0."""
    if not (hi > lo > 0):
        return [lo]
    first, last = math.floor(math.log10(lo)), math.ceil(math.log10(hi))
    for mantissas in ((1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**k for k in range(first, last + 1) for m in mantissas]
        found = [tick for tick in found if lo * (1 - 1e-9) <= tick <= hi * (1 + 1e-9)]
        if 2 <= len(found) <= count:
            return found
    if len(found) > count:
        return found[:: -(-len(found) // count)]
    return [tick for tick in ticks(lo, hi, count) if tick > 0]


def snap_end(x: float) -> float:
    """The first of `SNAPS` x 10^k at or above `x` (`x` above 0): stays put while a run grows towards it."""
    if not (x > 0 and math.isfinite(x)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(x))
    return next(m * power for m in (*SNAPS, 20.0) if m * power >= x * (1 - 1e-12))


def x_range(extent: Range, view: View) -> Range:
    """The steps in sight: the window, or from 0 (the first step, where that is far off) to the end.

    The end is where the run will end if that is known, else the next round number while it runs.
    """
    if view.window is not None:
        x0, x1 = view.window
        return (x0, x1) if x1 > x0 else (x0, x0 + 1.0)
    first, last = extent
    x0 = 0.0 if 0 <= first <= 0.25 * last else first
    x1 = last
    if view.live:
        x1 = x0 + max(10.0, snap_end(last - x0))
        if view.x_end is not None and view.x_end >= last > 0:
            x1 = view.x_end
    return (x0, x1) if x1 > x0 else (x0, x0 + 1.0)


def y_range(lo: float, hi: float, *, log: bool = False, before: Range | None = None) -> Range:
    """Round limits around `lo` to `hi`; those of `before` are kept while they still fit well.

    "Well" is half of the height: a chart that rescales with every new value can't be read, and costs a redraw.
    On a log scale `lo` is above 0.
    """
    if (
        before is not None
        and before[0] <= lo
        and hi <= before[1]
        and _span(lo, hi, log) >= 0.5 * _span(*before, log)
    ):
        return before
    if log:
        return _round_log(lo, hi)
    if hi <= lo:
        pad = 0.1 * abs(lo) or 1.0
        lo, hi = lo - pad, hi + pad
    step = nice_step(hi - lo, 8)
    low, high = math.floor(lo / step + 1e-9) * step, math.ceil(hi / step - 1e-9) * step
    return (low, high) if high > low else (lo - 1.0, hi + 1.0)  # values too small to be told apart


def _span(lo: float, hi: float, log: bool) -> float:
    return math.log10(hi / lo) if log else hi - lo


def _round_log(lo: float, hi: float) -> Range:
    below = [m * 10.0 ** (math.floor(math.log10(lo)) + k) for k in (-1, 0) for m in (1, 1.5, 2, 3, 5, 7)]
    above = [m * 10.0 ** (math.floor(math.log10(hi)) + k) for k in (0, 1) for m in (1, 1.5, 2, 3, 5, 7)]
    low = max((v for v in below if v <= lo * (1 + 1e-9)), default=lo)
    high = min((v for v in above if v >= hi * (1 - 1e-9)), default=hi)
    return (low, high) if high > low else (low * 0.9, low * 1.1)


def fraction(value: float, limits: Range, log: bool) -> float:
    """Where `value` lies between the limits: 0 at the lower, 1 at the upper; NaN where it can't be shown."""
    lo, hi = limits
    if log:
        return math.log(value / lo) / math.log(hi / lo) if value > 0 and lo > 0 else math.nan
    return (value - lo) / (hi - lo)


def tick_labels(values: Sequence[float]) -> list[str]:
    """The same number of decimals for all of them, as few as tell them apart: `0.5`, `1.25M`, `2e-05`."""
    if not values:
        return []
    top = max(abs(v) for v in values)
    if top and (top < 1e-3 or top >= 1e15):
        return [_exponent(v) for v in values]
    scale, suffix = next(
        ((s, u) for s, u in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")) if top >= s), (1.0, "")
    )
    scale = 1e3 if suffix == "k" else scale
    for decimals in range(7):
        texts = [f"{v / scale:.{decimals}f}" for v in values]
        if all(abs(float(t) * scale - v) <= 1e-9 * top for t, v in zip(texts, values, strict=True)):
            break
    else:
        return [format_value(v) for v in values]
    return [t + suffix if float(t) else "0" for t in texts]


def log_label(value: float) -> str:
    """A label for one value of a log axis: `0.01`, `300`, `2e-05`."""
    return f"{value:,.6g}" if 1e-4 <= value < 1e5 else _exponent(value)


def format_value(value: float) -> str:
    """Four significant digits, at most nine characters: `0.05231`, `1,234`, `1.2e-05`, `nan`."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e7):
        return f"{value:.3g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.{max(0, 3 - math.floor(math.log10(size)))}f}" if size < 1e4 else f"{value:,.0f}"


def _exponent(value: float) -> str:
    if value == 0:
        return "0"
    mantissa, power = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"


def place_labels(
    columns: Sequence[int], texts: Sequence[str], width: int, gap: int = 2
) -> list[tuple[int, str]]:
    """Where x labels begin: centred under their columns, inside `width`, those that would touch left out."""
    placed: list[tuple[int, str]] = []
    free = 0
    for column, text in zip(columns, texts, strict=True):
        start = min(max(0, column - len(text) // 2), width - len(text))
        if start >= free:
            placed.append((start, text))
            free = start + len(text) + gap
    return placed


def one_cell_each(text: str, *, ascii_only: bool = False) -> str:
    """`text` on one line, harmless, one character a cell; wide and combining characters get a stand-in."""
    text = clean(text, newlines="show")
    if ascii_only:
        return "".join(c if " " <= c <= "~" else "?" for c in text)
    if text.isascii():
        return text
    return "".join(
        "\ufffd"
        if unicodedata.east_asian_width(c) in "WF" or unicodedata.category(c) in ("Mn", "Me", "Cf")
        else c
        for c in text
    )


def wrap(text: str, width: int) -> list[str]:
    """`text` in rows of at most `width` characters, broken at spaces where there are any."""
    rows: list[str] = []
    row = ""
    for word in text.split():
        if row and len(row) + 1 + len(word) > width:
            rows.append(row)
            row = word
        else:
            row = f"{row} {word}".strip()
        while width > 0 and len(row) > width:
            rows.append(row[:width])
            row = row[width:]
    return [*rows, row] if row else rows
