"""Boxes of cells, and the grid that charts lie in. Pure arithmetic."""

from __future__ import annotations

from typing import NamedTuple

WIDE_COLUMNS, WIDE_ROWS = 110, 28


class Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int


def is_wide(width: int, height: int) -> bool:
    """Whether all panes fit side by side; else the tree stands above one of the others."""
    return width >= WIDE_COLUMNS and height >= WIDE_ROWS


def chart_boxes(
    width: int, height: int, count: int, *, least_width: int = 34, least_height: int = 7
) -> list[Box]:
    """A grid for `count` charts, each wider than high; what has no room is left out."""
    if count <= 0 or width <= 0 or height <= 0:
        return []
    best = max(range(1, count + 1), key=lambda columns: _worth(width, height, count, columns))
    columns = max(1, min(best, width // least_width or 1))
    rows = min(-(-count // columns), max(1, height // least_height))
    shown = min(count, rows * columns)
    rows = -(-shown // columns)
    boxes: list[Box] = []
    for index in range(shown):
        row, column = divmod(index, columns)
        in_row = min(columns, shown - row * columns)
        x0, x1 = width * column // in_row, width * (column + 1) // in_row
        y0, y1 = height * row // rows, height * (row + 1) // rows
        boxes.append(Box(x0, y0, x1 - x0 - (1 if column < in_row - 1 else 0), y1 - y0))
    return boxes


def _worth(width: int, height: int, count: int, columns: int) -> float:
    """How near the charts of such a grid come to four times as wide as high (cells are twice as high as wide)."""
    rows = -(-count // columns)
    ratio = (width / columns) / max(1e-9, height / rows)
    return -abs(ratio - 4.0) if ratio <= 4 else -abs(ratio - 4.0) / 2
