"""Every key, from the table of actions."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.ui.actions import ACTIONS, DECK, LIST, RUN
from cockpit.ui.lines import Line, cell, fold, line
from cockpit.ui.screens.page import Page
from cockpit.ui.styles import ACCENT, BOLD, DIM, KEY

_WHERE = {frozenset({DECK}): "flight deck", frozenset({RUN}): "run screen", frozenset({RUN, LIST}): ""}


class HelpScreen(Page):
    """Keys by group, what each does, and the command that does the same."""

    heading = "Help"

    def lines(self, width: int) -> Sequence[Line]:
        return help_lines(width)


def help_lines(width: int) -> list[Line]:
    """The whole help in `width` cells."""
    lines: list[Line] = []
    for group in dict.fromkeys(action.group for action in ACTIONS):
        lines.append(line((group, BOLD)))
        for action in ACTIONS:
            if action.group != group or action.id in ("clear", "previous_pane"):
                continue
            where = _WHERE.get(action.scopes, "")
            twin = f"cockpit {action.twin}" if action.twin else where
            lines += _row(action.keys, action.help, twin, width)
        lines.append(line())
    lines.append(
        line(("Runs belong to their supervisors: closing the cockpit, the terminal or the connection", DIM))
    )
    lines.append(
        line(("does not touch them. The mouse works: click a line to select it, again to open it.", DIM))
    )
    return lines


def _row(keys: str, says: str, twin: str, width: int) -> list[Line]:
    shown = " ".join(_NAMES.get(key, key) for key in keys.split(","))
    room = max(20, width - 20 - (18 if width >= 76 else 0))
    parts = fold(says, room)
    first = line(
        ("  " + cell(shown, 17), KEY), cell(parts[0], room), (f" {twin}" if width >= 76 else "", ACCENT)
    )
    return [first, *(line(" " * 19, part) for part in parts[1:])]


_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "colon": ":",
    "pagedown": "pgdn",
    "pageup": "pgup",
}
