"""Parts of a form: a row of choices, and the sentence below a field that says what is wrong with it, or noted."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from textual import events

from cockpit.core.safe_text import clean
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Span, fold, line
from cockpit.ui.text.styles import BAD, CURSOR, DIM, PLAIN
from cockpit.ui.widgets.line_view import LineView


class ChoiceRow(LineView):
    """One of a few words, chosen with the left and right arrows, a letter key of its own, or the mouse."""

    def __init__(
        self, id: str, options: Sequence[tuple[str, str]], glyphs: Glyphs, *, value: str = ""
    ) -> None:
        super().__init__(id=id, glyphs=glyphs)
        self.options = options
        self.value = value or options[0][0]
        self._show()

    def _show(self) -> None:
        spans: list[Span] = []
        for name, word in self.options:
            chosen = name == self.value
            text = f"[{word}]" if chosen else f" {word} "
            spans += [(text, CURSOR if chosen and self.has_focus else PLAIN if chosen else DIM), (" ", PLAIN)]
        self.set_lines([line(*spans)])

    def choose(self, delta: int) -> None:
        names = [name for name, _ in self.options]
        self.value = names[(names.index(self.value) + delta) % len(names)]
        self._show()

    def on_key(self, event: events.Key) -> None:
        if event.key in ("left", "right", "space"):
            event.stop()
            event.prevent_default()
            self.choose(-1 if event.key == "left" else 1)

    def on_click(self, event: events.Click) -> None:
        at = 0
        for name, word in self.options:
            if at <= event.x < at + len(word) + 2:
                self.value = name
                self._show()
            at += len(word) + 3

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self._show()


class Wrong(LineView):
    """Nothing, or why the field above can't stay as it is."""

    def __init__(self, id: str, glyphs: Glyphs) -> None:
        super().__init__(id=id, glyphs=glyphs, focusable=False)
        self.add_class("wrong")

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.lines)

    def say(self, text: str, width: int) -> None:
        """Show `text` (empty: nothing) in `width` cells, as what is wrong."""
        self._put(text, width, f"{self.glyphs.cross} ", BAD)

    def note(self, text: str, width: int) -> None:
        """Show `text` (empty: nothing) in `width` cells, as a remark."""
        self._put(text, width, "  ", DIM)

    def _put(self, text: str, width: int, mark: str, style: Style) -> None:
        parts = fold(clean(text), max(10, width - 3)) if text else []
        self.lines = [line((mark if n == 0 else "  ", style), (part, style)) for n, part in enumerate(parts)]
        self.refresh(layout=True)
