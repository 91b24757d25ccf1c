"""A screen that is one long text: help, the method log, findings, the doctor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen

from cockpit.ui import actions
from cockpit.ui.lines import Line
from cockpit.ui.views import bars
from cockpit.ui.widgets.line_view import LineView

if TYPE_CHECKING:
    from cockpit.ui.app import CockpitApp


class Page(Screen[None]):
    """A title, lines to scroll through, the keys."""

    BINDINGS = actions.bindings(actions.LIST)
    CSS_PATH = "page.tcss"
    AUTO_FOCUS = "#body"
    heading: ClassVar[str] = ""
    cursor: ClassVar[bool] = False

    def __init__(self, app: CockpitApp) -> None:
        super().__init__()
        self.cockpit = app

    def compose(self) -> ComposeResult:
        glyphs = self.cockpit.glyphs
        yield LineView(id="body", title=self.heading, glyphs=glyphs, cursor=self.cursor)
        yield LineView(id="foot", glyphs=glyphs, focusable=False)

    def on_mount(self) -> None:
        self.watch(self.cockpit, "revision", self.fill, init=False)

    def on_resize(self) -> None:
        self.fill()

    def fill(self) -> None:
        """Build the lines for the size there is."""
        if not self.is_mounted or not self.size.area:
            return
        width = max(20, self.size.width - 2)
        offered = actions.footer(actions.LIST, frozenset())
        self.query_one("#foot", LineView).set_lines([bars.keys_line(offered, width)])
        self.query_one("#body", LineView).set_lines(self.lines(width), title=self.heading)

    def lines(self, width: int) -> Sequence[Line]:
        """The text, in `width` cells."""
        raise NotImplementedError
