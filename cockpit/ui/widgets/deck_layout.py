"""Where the panes of the flight deck lie, by the size of the terminal. Pure arithmetic."""

from __future__ import annotations

from typing import NamedTuple

PANES = ("tree", "charts", "findings", "decided", "log")
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


class Need(NamedTuple):
    """What decides about the places: `pane` has the focus, the rest are rows that there is something for."""

    pane: str = "charts"
    experiments: int = 0
    findings: int = 0
    header: int = 3
    alone: bool = False
    """There is nothing but the tree's words: no workspace, or no experiment."""
    zoomed: bool = False
    problem: int = 0
    """Lines that say what is wrong with the workspace."""


def deck(width: int, height: int, need: Need) -> dict[str, Box]:
    """Boxes by name for a terminal of `width` x `height` cells. What isn't named isn't shown."""
    boxes = _bars(width, height)
    body = max(0, height - len(boxes))
    problem = min(need.problem, body // 2)
    panes = _panes(width, height, body - problem, need)
    if problem:
        panes = {name: box._replace(y=box.y + problem) for name, box in panes.items()}
        panes["problem"] = Box(0, 1, width, problem)
    return boxes | panes


def _panes(width: int, height: int, body: int, need: Need) -> dict[str, Box]:
    if need.alone:
        return {"tree": Box(0, 1, width, body)}
    if need.zoomed:
        return _zoomed(width, body, need)
    return (_wide if is_wide(width, height) else _narrow)(width, body, need)


def _bars(width: int, height: int) -> dict[str, Box]:
    boxes = {"title": Box(0, 0, width, 1)}
    if height >= 3:
        boxes["keys"] = Box(0, height - 1, width, 1)
    if height >= 8:
        boxes["hardware"] = Box(0, height - 2, width, 1)
    return boxes


def _zoomed(width: int, body: int, need: Need) -> dict[str, Box]:
    header = min(need.header, body)
    return {"header": Box(0, 1, width, header), "charts": Box(0, 1 + header, width, max(0, body - header))}


def _wide(width: int, body: int, need: Need) -> dict[str, Box]:
    """Left: the tree, findings, the method log, each as high as it needs. Right: one run."""
    left = left_columns(width)
    right = width - left - 1
    findings = min(max(need.findings + 1, 3), body // 2)
    tree = min(max(need.experiments + 1, body // 4), body - findings - 5)
    decided = body - tree - findings
    header = min(need.header, body // 3)
    log = min(max(body // 4, 6), 14)
    return {
        "tree": Box(0, 1, left, tree),
        "findings": Box(0, 1 + tree, left, findings),
        "decided": Box(0, 1 + tree + findings, left, decided),
        "header": Box(left + 1, 1, right, header),
        "charts": Box(left + 1, 1 + header, right, body - header - log),
        "log": Box(left + 1, 1 + body - log, right, log),
    }


def left_columns(width: int) -> int:
    """How wide the left side of a wide deck is."""
    return min(max(width * 47 // 100, 60), 88)


def header_columns(width: int, height: int) -> int:
    """How wide the deck's header is."""
    return width - left_columns(width) - 1 if is_wide(width, height) else width


def findings_columns(width: int, height: int) -> int:
    """How wide the deck's findings are."""
    return left_columns(width) if is_wide(width, height) else width


def _narrow(width: int, body: int, need: Need) -> dict[str, Box]:
    """The tree above one other pane; where there is room, the newest decision in a line."""
    lower = need.pane if need.pane in PANES and need.pane != "tree" else "charts"
    header = need.header if body >= 16 else 2 if body >= 10 else 0
    tree = min(max(need.experiments + 1, 4), max(4, (body - header) * 2 // 5)) if body >= 8 else body
    newest = int(lower != "decided" and body >= 18)
    boxes = {"tree": Box(0, 1, width, tree)}
    if header:
        boxes["header"] = Box(0, 1 + tree, width, header)
    rest = body - tree - header - newest
    if rest > 0:
        boxes[lower] = Box(0, 1 + tree + header, width, rest)
    if newest:
        boxes["newest"] = Box(0, 1 + body - 1, width, 1)
    return boxes


def run(width: int, height: int, *, tab: str, header: int = 3) -> dict[str, Box]:
    """Boxes of the run screen: header and tabs above, below them what the tab shows."""
    boxes = {"keys": Box(0, height - 1, width, 1)} if height >= 4 else {}
    header = header if height >= 16 else 1
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
    index = min(7, max(3, rest // 3), rest)
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
