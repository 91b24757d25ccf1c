"""A question in a box over the screen: some words, a choice to make, perhaps a line to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from cockpit.core.safe_text import clean
from cockpit.ui.messages import LineChosen
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, fold, line
from cockpit.ui.text.styles import BAD, BOLD, KEY
from cockpit.ui.widgets.line_view import LineView

Answer = TypeVar("Answer")
WIDTH = 69
"""Cells that the words of a dialog may take."""


class Choice(NamedTuple):
    """One way to answer: its key, its id, what it does."""

    key: str
    id: str
    label: str


class Words(LineView):
    """Lines that are as high as they are many."""

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.lines) + bool(self.title)


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """The box; subclasses say what is in it. `esc` closes it without an answer."""

    CSS_PATH: ClassVar = Path(__file__).with_name("dialog.tcss")
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = [
        Binding("escape", "leave", "back", show=False, id="dialog.leave"),
        Binding("enter", "choose", "choose", show=False, id="dialog.choose"),
        Binding("j,down", "move(1)", "down", show=False, id="dialog.down"),
        Binding("k,up", "move(-1)", "up", show=False, id="dialog.up"),
    ]

    def __init__(
        self, glyphs: Glyphs, heading: str, words: Sequence[str], choices: Sequence[Choice] = ()
    ) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.heading = heading
        self.words = words
        self.choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            words = Words(id="words", glyphs=self.glyphs, focusable=False)
            words.lines = self._head()
            yield words
            yield from self.fields()
            if self.choices:
                choices = Words(id="choices", glyphs=self.glyphs, cursor=True)
                choices.lines = [self.choice_line(choice) for choice in self.choices]
                choices.cursor = self.choices[0].id
                yield choices

    def fields(self) -> Sequence[Widget]:
        """What stands between the words and the choices."""
        return ()

    def on_mount(self) -> None:
        first = next(iter([*self.query(Input), *self.query("#choices")]), None)
        if first is not None:
            first.focus()

    def choice_line(self, choice: Choice) -> Line:
        """How a choice reads."""
        return line((f" {choice.key:<5} ", KEY), choice.label, key=choice.id)

    def _words(self) -> list[Line]:
        return [line(part) for text in self.words for part in fold(clean(text, newlines="keep"), WIDTH)]

    def _head(self) -> list[Line]:
        heading = fold(clean(self.heading, newlines="show"), WIDTH)
        return [
            *(line((part, BOLD)) for part in heading),
            line(),
            *self._words(),
            *([line()] if self.words else []),
        ]

    def complain(self, text: str) -> None:
        """Say below the words what is missing."""
        words = self.query_one("#words", Words)
        words.lines = [*self._head(), *(line((part, BAD)) for part in fold(clean(text), WIDTH))]
        words.refresh(layout=True)

    def on_key(self, event: events.Key) -> None:
        """A choice's own key answers at once, unless a line is being typed."""
        if isinstance(self.focused, Input):
            return
        for choice in self.choices:
            if event.key == choice.key:
                event.stop()
                self.answer(choice.id)
                return

    def on_line_chosen(self, message: LineChosen) -> None:
        self.answer(message.key)

    def on_input_submitted(self) -> None:
        self.action_choose()

    def action_move(self, delta: int) -> None:
        if self.choices:
            self.query_one("#choices", Words).move(delta)

    def action_choose(self) -> None:
        cursor = self.query_one("#choices", Words).cursor if self.choices else None
        if cursor is not None:
            self.answer(cursor)

    def action_leave(self) -> None:
        self.dismiss(None)

    def answer(self, choice: str) -> None:
        """What a choice does."""
        raise NotImplementedError
