"""The list of themes: each is shown as the cursor comes to it; esc takes the one that was."""

from __future__ import annotations

from collections.abc import Callable

from cockpit.ui.messages import LineHighlighted
from cockpit.ui.pages.dialog import Choice, Dialog
from cockpit.ui.text import themes
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Line, line


class ThemeScreen(Dialog[str]):
    """Answers the theme's name, or None."""

    def __init__(self, now: str, show: Callable[[str], None], glyphs: Glyphs) -> None:
        self._show = show
        names = [now, *(name for name in themes.NAMES if name != now)]
        words = [f"{themes.VARIABLE}=NAME in your shell's start-up file keeps it. {themes.TERMINALS} is the "
                 "terminal's own colours."]  # fmt: skip
        super().__init__(glyphs, "Theme", words, [Choice("", name, name) for name in names])

    def choice_line(self, choice: Choice) -> Line:
        return line(f" {choice.label}", key=choice.id)

    def on_line_highlighted(self, message: LineHighlighted) -> None:
        if message.key is not None:
            self._show(message.key)

    def answer(self, choice: str) -> None:
        self.dismiss(choice)
