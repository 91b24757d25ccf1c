"""Every key, from the table of actions."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.ui.actions import ACTIONS, DASHBOARD, LIST, RUN, key_names, listed
from cockpit.ui.pages.page import Page
from cockpit.ui.text.lines import Line, cell, fold, line
from cockpit.ui.text.styles import ACCENT, BOLD, DIM, KEY

_WHERE = {frozenset({DASHBOARD}): "flight deck", frozenset({RUN}): "run screen", frozenset({RUN, LIST}): ""}


class HelpScreen(Page):
    """Keys by group, what each does, and the command that does the same."""

    heading = "Help"

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        return help_blocks(width)


def help_blocks(width: int) -> list[list[Line]]:
    """The whole help in `width` cells: a block an action."""
    blocks: list[list[Line]] = []
    for group in dict.fromkeys(action.group for action in ACTIONS):
        blocks.append([line((group, BOLD))])
        for action in listed():
            if action.group == group:
                where = _WHERE.get(action.scopes, "")
                equivalent = f"cockpit {action.cli_equivalent}" if action.cli_equivalent else where
                blocks.append(_row(key_names(action), action.help, equivalent, width))
        blocks.append([line()])
    return [*blocks, [line((part, DIM)) for text in LAST_WORDS for part in fold(text, width)]]


LAST_WORDS = (
    "Runs belong to their supervisors: closing the cockpit, the terminal or the connection does not touch them.",
    "The mouse works: click a line to select it, again to open it; click a key at the foot to press it.",
)


def _row(shown: str, text: str, equivalent: str, width: int) -> list[Line]:
    room = min(64, max(20, width - 22 - (18 if width >= 76 else 0)))
    parts = fold(text, room)
    first = line(
        ("  " + cell(shown, 19), KEY), cell(parts[0], room), (f" {equivalent}" if width >= 76 else "", ACCENT)
    )
    return [first, *(line(" " * 21, part) for part in parts[1:])]
