"""Where the panes of the flight deck lie, by the size of the terminal. Pure arithmetic."""

from __future__ import annotations

from typing import NamedTuple

PANES = ("tree", "charts", "findings", "log")
"""The panes in the order of `tab`."""
WIDE_COLUMNS, WIDE_ROWS = 110, 28


class Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int


def is_wide(width: int, height: int) -> bool:
    """Whether all panes fit side by side; else the tree stands above one of the others."""
    return width >= WIDE_COLUMNS and height >= WIDE_ROWS


def deck(
    width: int, height: int, *, pane: str, rows: int, findings: int, zoomed: bool = False
) -> dict[str, Box]:
    """Boxes by name for a terminal of `width` x `height` cells. What isn't named isn't shown.

    `pane` is the one that has the focus, `rows` the experiments, `findings` the lines that the findings would fill.
    """
    if zoomed:
        return _zoomed(width, height)
    wide = is_wide(width, height)
    return _wide(width, height, rows, findings) if wide else _narrow(width, height, pane, rows)


def _bars(width: int, height: int) -> dict[str, Box]:
    boxes = {"title": Box(0, 0, width, 1)}
    if height >= 3:
        boxes["keys"] = Box(0, height - 1, width, 1)
    if height >= 8:
        boxes["hardware"] = Box(0, height - 2, width, 1)
    return boxes


def _zoomed(width: int, height: int) -> dict[str, Box]:
    boxes = _bars(width, height)
    body = max(0, height - len(boxes))
    return boxes | {"header": Box(0, 1, width, min(3, body)), "charts": Box(0, 4, width, max(0, body - 3))}


def _wide(width: int, height: int, rows: int, findings: int) -> dict[str, Box]:
    boxes = _bars(width, height)
    body = height - len(boxes)
    left = min(max(width * 47 // 100, 60), 88)
    right = width - left - 1
    low = min(max(findings + 1, body // 4), max(body // 2, body - rows - 2))
    log = min(max(body // 4, 6), 14)
    boxes["tree"] = Box(0, 1, left, body - low)
    boxes["findings"] = Box(0, 1 + body - low, left, low)
    boxes["header"] = Box(left + 1, 1, right, 3)
    boxes["charts"] = Box(left + 1, 4, right, body - 3 - log)
    boxes["log"] = Box(left + 1, 1 + body - log, right, log)
    return boxes


def _narrow(width: int, height: int, pane: str, rows: int) -> dict[str, Box]:
    boxes = _bars(width, height)
    body = max(0, height - len(boxes))
    lower = pane if pane in PANES and pane != "tree" else "charts"
    header = 3 if body >= 16 else 2 if body >= 10 else 0
    tree = min(max(rows + 1, 4), max(4, (body - header) * 2 // 5)) if body >= 8 else body
    boxes["tree"] = Box(0, 1, width, tree)
    if header:
        boxes["header"] = Box(0, 1 + tree, width, header)
    rest = body - tree - header
    if rest > 0:
        boxes[lower] = Box(0, 1 + tree + header, width, rest)
    return boxes


def run(width: int, height: int, *, tab: str) -> dict[str, Box]:
    """Boxes of the run screen: header and tabs above, below them what the tab shows."""
    boxes = {"keys": Box(0, height - 1, width, 1)} if height >= 4 else {}
    header = 3 if height >= 16 else 1
    boxes["header"] = Box(0, 0, width, header)
    boxes["tabs"] = Box(0, header, width, 1)
    top, rest = header + 1, max(0, height - header - 1 - len(boxes.keys() & {"keys"}))
    if tab == "charts":
        return boxes | {"charts": Box(0, top, width, rest)}
    if tab not in ("answers", "rollouts", "held_out"):
        return boxes | {"text": Box(0, top, width, rest)}
    if width >= WIDE_COLUMNS:
        left = min(44, width * 3 // 10)
        return boxes | {
            "index": Box(0, top, left, rest),
            "detail": Box(left + 1, top, width - left - 1, rest),
        }
    index = min(7, max(3, rest // 3))
    return boxes | {"index": Box(0, top, width, index), "detail": Box(0, top + index, width, rest - index)}


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
