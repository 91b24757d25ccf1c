"""A screen that is one long text: help, the method log, findings, the doctor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from cockpit.core.safe_text import clean
from cockpit.ui import actions
from cockpit.ui.pages.search import SEARCH_STYLES, SearchScreen
from cockpit.ui.text.keys_line import keys_line
from cockpit.ui.text.lines import Line, line
from cockpit.ui.text.styles import DIM
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.revisions import on_revision
from cockpit.ui.widgets.seen import is_open

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit


PAGE_STYLES = Path(__file__).with_name("page.tcss")


class Page(SearchScreen):
    """A title, blocks of lines to scroll through (a block is what the filter keeps or drops), the keys."""

    scope: ClassVar[str] = actions.LIST
    BINDINGS = actions.bindings(actions.LIST)
    CSS_PATH: ClassVar = [SEARCH_STYLES, PAGE_STYLES]
    AUTO_FOCUS = "#body"
    ASKS = "show only what holds these words; enter keeps them, esc drops them"
    heading: ClassVar[str] = ""
    cursor: ClassVar[bool] = False
    newest_last: ClassVar[bool] = False

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self._words = ""

    def compose(self) -> ComposeResult:
        glyphs = self.cockpit.glyphs
        yield LineView(
            id="body", title=self.heading, glyphs=glyphs, cursor=self.cursor, follow=self.newest_last
        )
        yield LineView(id="foot", glyphs=glyphs, focusable=False)

    def on_mount(self) -> None:
        on_revision(self, self.fill)

    def on_resize(self) -> None:
        self.fill()

    def fill(self) -> None:
        """Build the lines for the size there is."""
        if not is_open(self) or not self.size.area:
            return
        width = max(20, self.size.width - 2)
        offered = actions.footer(self.scope, frozenset({"any"}))
        self.query_one("#foot", LineView).set_lines([keys_line(offered, width)])
        found = [block for block in self.blocks(width) if self._holds(block)]
        lines = [item for block in found for item in block]
        none = [line((f"nothing holds “{self.words}”; esc drops the filter", DIM))]
        title = f"{self.heading} /{self.words}" if self.words else self.heading
        self.query_one("#body", LineView).set_lines(lines or none, title=clean(title, newlines="show"))

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        """The text in `width` cells, by what belongs together."""
        raise NotImplementedError

    def _holds(self, block: Sequence[Line]) -> bool:
        text = " ".join(item.plain for item in block).lower()
        return all(word in text for word in self.words.lower().split())

    # -- filter ----------------------------------------------------------------------------------------------------

    @property
    def words(self) -> str:
        return self._words

    def search(self, words: str) -> None:
        self._words = words
        self.fill()

    def leave_search(self) -> None:
        self.query_one("#body").focus()

    def do_back(self) -> None:
        if not self.drop_search():
            self.cockpit.commands.act("back")
