"""The list of a technique's settings: every field of TRL's config, to search and to take into the form."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget
from textual.widgets import Input

from cockpit.core.recipe import trl_fields
from cockpit.core.recipe.settings import shown
from cockpit.core.recipe.trl_fields import TrlField
from cockpit.core.safe_text import clean
from cockpit.ui.messages import LineHighlighted
from cockpit.ui.pages.dialog import WIDTH, Choice, Dialog, Words
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, cell, fold, line
from cockpit.ui.text.styles import BOLD, DIM, KEY

NO_MATCH = "no setting's name or description holds these words"
TOLD = 6
"""Lines of the selected setting's description; the whole of it is said by `cockpit settings`."""


class SettingsListScreen(Dialog[str]):
    """Answers a setting's name, or None."""

    def __init__(self, technique: str, glyphs: Glyphs) -> None:
        self.technique = technique
        self.found = trl_fields.search(technique, "")
        heading = f"{technique.upper()} takes {len(self.found)} settings, here with TRL's defaults"
        super().__init__(glyphs, heading, [], [Choice("", field.name, "") for field in self.found])

    def fields(self) -> Sequence[Widget]:
        return (Input(placeholder="words of its name or description", id="find", compact=True),)

    def _words(self) -> list[Line]:
        """What the selected setting does, as many lines for each, so that the list stays where it is."""
        choices = self.query("#choices")
        cursor = choices.first(Words).cursor if choices else None
        field = next((f for f in self.found if f.name == cursor), self.found[0] if self.found else None)
        told = self._about(field) if field is not None else []
        return [*told, *(line() for _ in range(TOLD + 1 - len(told)))]

    def _about(self, field: TrlField) -> list[Line]:
        allowed = cell(f"takes {field.allowed()}", WIDTH, ellipsis=self.glyphs.ellipsis).rstrip()
        about = fold(clean(field.about), WIDTH)
        if len(about) > TOLD:
            end = cell(about[TOLD - 1], WIDTH - 2).rstrip() + " " + self.glyphs.ellipsis
            about = [*about[: TOLD - 1], end]
        return [line((allowed, KEY)), *(line((part, DIM)) for part in about)]

    def choice_line(self, choice: Choice) -> Line:
        field = trl_fields.fields(self.technique)[choice.id]
        default = shown(field.default)
        room = WIDTH - min(38, max(26, len(field.name))) - 2
        value = cell(default, min(len(default), 16), ellipsis=self.glyphs.ellipsis)
        text = cell(field.line, room - len(value) - 2, ellipsis=self.glyphs.ellipsis)
        return line(
            (cell(field.name, WIDTH - room - 2), BOLD), (f" {value}  ", KEY), (text, DIM), key=field.name
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep what holds every word in its name or its description."""
        self.found = trl_fields.search(self.technique, event.value)
        self.choices = [Choice("", field.name, "") for field in self.found]
        choices = self.query_one("#choices", Words)
        choices.top = 0
        choices.set_lines([self.choice_line(choice) for choice in self.choices] or [line((NO_MATCH, DIM))])
        choices.select_key(self.found[0].name if self.found else None)
        self._tell()

    def on_line_highlighted(self, _message: LineHighlighted) -> None:
        self._tell()

    def _tell(self) -> None:
        self.query_one("#words", Words).set_lines(self._head())

    def answer(self, choice: str) -> None:
        self.dismiss(choice)
