"""From numbers to dots to characters: curves as braille (2 x 4 dots a cell) or ASCII (1 x 2).

Dot rows count from the top, dot columns from the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cockpit.core.chart.plot import Range
from cockpit.core.series.column import Columns, Floats, Ints

Bits = NDArray[np.bool_]
Codes = NDArray[np.uint32]

BRAILLE = 0x2800
_DOTS = (
    (0, 0, 0x01),
    (1, 0, 0x02),
    (2, 0, 0x04),
    (0, 1, 0x08),
    (1, 1, 0x10),
    (2, 1, 0x20),
    (3, 0, 0x40),
    (3, 1, 0x80),
)
_ASCII = np.array([0, ord("'"), ord("."), ord(":")], np.uint32)

DASHES = (0b11111111, 0b11111100, 0b11001100, 0b11110100, 0b10001000, 0b11100000)
"""Dot patterns by which overlaid curves differ where there is no colour; 8 dot columns, repeated."""


@dataclass(frozen=True, slots=True)
class Spans:
    """For each dot column the dots from `top` to `bottom`, where `there`."""

    top: Ints
    bottom: Ints
    there: Bits


def smooth(columns: Columns, weight: float) -> Floats:
    """TensorBoard's debiased exponential moving average, over the columns' means; NaN where there is nothing.

    Drawn points are what is averaged (at most one a dot column), so the effect looks the same at any zoom; with
    fewer points than columns it is exactly TensorBoard's average over the points.
    """
    out: list[float] = []
    total = debias = 0.0
    for mean in columns.mean().tolist():
        if mean == mean:
            total = total * weight + (1 - weight) * mean
            debias = debias * weight + (1 - weight)
            out.append(total / debias)
        else:
            out.append(mean)
    return np.array(out, np.float64)


def to_rows(values: Floats, limits: Range, log: bool, rows: int) -> Floats:
    """Dot rows (as floats, 0 at the top) of `values`; NaN for NaN, and for what a log scale can't show."""
    lo, hi = limits
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if log:
            part = np.log(np.where(values > 0, values, np.nan) / lo) / np.log(hi / lo)
        else:
            part = (values - lo) / (hi - lo)
    # Far outside is as good as just outside; huge floats would not fit an integer row.
    return np.clip((1.0 - part) * (rows - 1), -4.0 * rows, 5.0 * rows)


def trace(upper: Floats, lower: Floats, broken: Bits) -> Spans:
    """Join what lies in the columns into one curve.

    `upper`, `lower`: dot rows of each column's highest and lowest point (NaN: none). Columns between two points are
    filled by the straight line between them, unless one of them is `broken`: a value there was no number.
    """
    size = len(upper)
    have = ~np.isnan(upper)
    known = np.flatnonzero(have)
    top, bottom = np.zeros(size, np.int64), np.zeros(size, np.int64)
    if not len(known):
        return Spans(top, bottom, have)
    between = np.interp(np.arange(size), known, (upper[known] + lower[known]) / 2)
    top[:] = np.rint(np.where(have, upper, between))
    bottom[:] = np.rint(np.where(have, lower, between))
    there = have.copy()
    there[known[0] : known[-1] + 1] = True
    if broken.any():
        bad = np.cumsum(broken & ~have)
        gap = np.flatnonzero(bad[known[1:]] > bad[known[:-1]])
        for index in gap.tolist():
            there[known[index] + 1 : known[index + 1]] = False
    _bridge(top, bottom, there)
    return Spans(top, bottom, there)


def _bridge(top: Ints, bottom: Ints, there: Bits) -> None:
    """Lengthen neighbouring columns' spans until they touch, each half of the way."""
    both = there[:-1] & there[1:]
    down = np.flatnonzero(both & (bottom[:-1] + 1 < top[1:]))
    up = np.flatnonzero(both & (top[:-1] - 1 > bottom[1:]))
    down_at = (bottom[down] + top[down + 1]) // 2
    up_at = (top[up] + bottom[up + 1]) // 2
    bottom[down] = np.maximum(bottom[down], down_at)
    top[up] = np.minimum(top[up], up_at + 1)
    top[down + 1] = np.minimum(top[down + 1], down_at + 1)
    bottom[up + 1] = np.maximum(bottom[up + 1], up_at)


def fill(spans: Spans, rows: int) -> Bits:
    """The dots of a curve: an array of shape (rows, columns)."""
    index = np.arange(rows)[:, None]
    top = np.where(spans.there, spans.top, rows)
    return (index >= top) & (index <= spans.bottom)


def dash(dots: Bits, pattern: int) -> Bits:
    """Only the dot columns that `pattern` (8 bits, repeated) lets through."""
    keep = np.array([pattern >> (7 - column % 8) & 1 for column in range(8)], np.bool_)
    return dots & np.resize(keep, dots.shape[1])


def braille(dots: Bits) -> Codes:
    """Characters of dots (shape (4h, 2w)): shape (h, w), 0 where a cell is empty."""
    cells = np.zeros((dots.shape[0] // 4, dots.shape[1] // 2), np.uint32)
    for row, column, bit in _DOTS:
        cells += dots[row::4, column::2] * np.uint32(bit)
    return np.where(cells > 0, cells + np.uint32(BRAILLE), np.uint32(0))


def ascii_dots(dots: Bits, sign: str = "") -> Codes:
    """Characters of dots (shape (2h, w)): shape (h, w); `sign` stands for any dot, else their place shows."""
    cells = dots[0::2] + 2 * dots[1::2].astype(np.uint32)
    if sign:
        return np.where(cells > 0, np.uint32(ord(sign)), np.uint32(0))
    return _ASCII[cells]
