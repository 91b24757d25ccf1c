"""A screen with a line at its foot to type words into: they filter a list, or search a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.ui.pages.worker_screen import WorkerScreen

if TYPE_CHECKING:
    from textual.widgets import Input


SEARCH_STYLES = Path(__file__).with_name("search.tcss")
"""Whole paths, since Textual looks for what a screen inherits in the folder of the heir."""


class SearchScreen(WorkerScreen[None]):
    """`/` opens the line, enter keeps the words, esc drops them. Subclasses say what the words do."""

    ASKS = "words to look for; enter keeps them, esc drops them"

    @property
    def words(self) -> str:
        """What is looked for; empty for nothing."""
        raise NotImplementedError

    def search(self, words: str) -> None:
        """The words changed."""
        raise NotImplementedError

    def leave_search(self) -> None:
        """The line closed: put the focus back on what was searched."""
        raise NotImplementedError

    searching = False
    """Whether the line is open."""

    def do_filter(self) -> None:
        """Open the line. It is made when it is first asked for: the first frame has no time for an input."""
        field = self._field()
        field.value = self.words
        field.display = self.searching = True
        self.set_focus(field)

    def _field(self) -> Input:
        from textual.widgets import Input

        there = self.query("#search")
        if there:
            return there.first(Input)
        field = Input(id="search", compact=True, placeholder=self.ASKS, select_on_focus=False)
        field.cursor_blink = False
        self.mount(field)
        return field

    def drop_search(self) -> bool:
        """What esc does first: close the line and forget the words; whether there was anything to drop."""
        if not self.searching and not self.words:
            return False
        self.search("")
        self._close()
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.searching and event.input.id == "search":
            self.search(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "search":
            self._close()

    def _close(self) -> None:
        self.searching = False
        if there := self.query("#search"):
            there.first().display = False
        self.leave_search()
