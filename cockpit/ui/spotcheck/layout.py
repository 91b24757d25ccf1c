"""Where the panes of the spot check lie. Pure arithmetic."""

from __future__ import annotations

from cockpit.ui.widgets.places import Box, is_wide

PANES = ("mismatches", "train", "eval")
"""In the order of `tab`."""
RESTING = 3
"""Rows of a pane without the focus, where all three stand above each other."""


def spot(width: int, height: int, *, pane: str, found: int) -> dict[str, Box]:
    """Boxes by name; `pane` has the focus, `found` is how many lines the mismatches would fill.

    Wide: training left, eval right, what differs above them. Else stacked, most of the room for the focused one.
    """
    boxes = {"title": Box(0, 0, width, 1), "verdict": Box(0, 1, width, 2 if height >= 20 else 1)}
    top = 1 + boxes["verdict"].height
    if height >= 6:
        boxes["keys"] = Box(0, height - 1, width, 1)
    body = max(0, height - top - (1 if height >= 6 else 0))
    if is_wide(width, height):
        rows = min(found + 1, max(4, body * (3 if pane == "mismatches" else 2) // 5)) if found else 0
        left = (width - 1) // 2
        boxes["mismatches"] = Box(0, top, width, rows)
        boxes["train"] = Box(0, top + rows, left, body - rows)
        boxes["eval"] = Box(left + 1, top + rows, width - left - 1, body - rows)
        return boxes
    shown = [name for name in PANES if name != "mismatches" or found]
    pane = pane if pane in shown else shown[0]
    resting = RESTING if body >= RESTING * len(shown) else 0
    at = top
    for name in shown:
        rows = body - resting * (len(shown) - 1) if name == pane else resting
        if pane == "mismatches" and resting:  # no more than it fills; the others share the rest
            own = min(found + 1, body - resting * 2)
            half = (body - own) // 2
            rows = own if name == pane else half if name == "train" else body - own - half
        boxes[name] = Box(0, at, width, rows)
        at += rows
    return boxes
