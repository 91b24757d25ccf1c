"""Where the parts of the run screen lie. Pure arithmetic."""

from __future__ import annotations

from cockpit.ui.widgets.places import WIDE_COLUMNS, Box


def run_places(width: int, height: int, *, tab: str, header: int = 3) -> dict[str, Box]:
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
