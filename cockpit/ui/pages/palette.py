"""The command palette: every action of the screen in front, by name. Type to find it, enter does it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget
from textual.widgets import Input

from cockpit.ui import actions
from cockpit.ui.actions import Action
from cockpit.ui.pages.dialog import WIDTH, Choice, Dialog, Words
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, cell, line
from cockpit.ui.text.styles import BOLD, DIM, KEY

NO_MATCH = "no action holds these words"


class PaletteScreen(Dialog[str]):
    """Answers an action's id, or None."""

    def __init__(self, scope: str, glyphs: Glyphs) -> None:
        there = [a for a in actions.in_scope(scope) if a.id != "palette"]
        self.actions = sorted(there, key=lambda action: action.group == actions.MOVING)
        super().__init__(glyphs, "Commands", [], [_choice(action) for action in self.actions])

    def fields(self) -> Sequence[Widget]:
        return (Input(placeholder="what you want to do", id="find", compact=True),)

    def choice_line(self, choice: Choice) -> Line:
        action = actions.BY_ID[choice.id]
        room = WIDTH - 26
        text = cell(action.help, room, ellipsis=self.glyphs.ellipsis)
        return line(
            (cell(action.label, 13), BOLD), (text, DIM), ("  " + action.shown, KEY), key=choice.id
        )  # fmt: skip

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep what holds every word in its name, its help or its keys."""
        words = event.value.lower().split()
        self.choices = [_choice(action) for action in self.actions if _holds(action, words)]
        found = self.query_one("#choices", Words)
        found.set_lines([self.choice_line(choice) for choice in self.choices] or [line((NO_MATCH, DIM))])
        found.select_key(self.choices[0].id if self.choices else None)

    def answer(self, choice: str) -> None:
        self.dismiss(choice)


def _choice(action: Action) -> Choice:
    return Choice("", action.id, action.label)


def _holds(action: Action, words: Sequence[str]) -> bool:
    hay = f"{action.label} {action.id.replace('_', ' ')} {action.help} {action.cli_equivalent}".lower()
    return all(word in hay for word in words)
