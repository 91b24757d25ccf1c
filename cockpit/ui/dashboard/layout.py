"""Where the panes of the dashboard lie, by the size of the terminal. Pure arithmetic."""

from __future__ import annotations

from typing import NamedTuple

from cockpit.ui.widgets.places import Box, is_wide

PANES = ("tree", "charts", "findings", "decided", "log")
"""The panes in the order of `tab`."""


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


def dashboard_places(width: int, height: int, need: Need) -> dict[str, Box]:
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
    """How wide the left side of a wide dashboard is."""
    return min(max(width * 47 // 100, 60), 88)


def header_columns(width: int, height: int) -> int:
    """How wide the dashboard's header is."""
    return width - left_columns(width) - 1 if is_wide(width, height) else width


def findings_columns(width: int, height: int) -> int:
    """How wide the dashboard's findings are."""
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
