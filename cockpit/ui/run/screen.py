"""One run: its series, the model's answers at each checkpoint, rollouts, checkpoints, log, recipe, held-out items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult

from cockpit.ui import actions
from cockpit.ui.backend.summary import SampleFile
from cockpit.ui.messages import LineChosen, LineHighlighted, RunFilesRead
from cockpit.ui.pages.page import Page
from cockpit.ui.pages.search import SearchScreen
from cockpit.ui.run.answers import item_lines
from cockpit.ui.run.reader import RunReader
from cockpit.ui.run.tabs import TABS, RunTabs
from cockpit.ui.text.lines import Line, line
from cockpit.ui.widgets.boxes import Boxes
from cockpit.ui.widgets.charts_pane import ChartsPane
from cockpit.ui.widgets.deck_layout import Box
from cockpit.ui.widgets.deck_layout import run as run_places
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.panel import Panel

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.app import CockpitApp


class RunScreen(SearchScreen):
    """Tabs over one experiment, the one that was selected when it opened."""

    scope = actions.RUN
    BINDINGS = actions.bindings(actions.RUN)
    CSS_PATH: ClassVar = ["../pages/search.tcss", "screen.tcss"]
    AUTO_FOCUS = ""
    ASKS = "search the log; enter keeps the words (n, N go between matches), esc drops them"

    def __init__(self, app: CockpitApp, tab: str = "charts") -> None:
        super().__init__()
        self.cockpit = app
        self.tab = tab
        self.reader = RunReader(app.backend, self.post_message)
        self.files: Sequence[SampleFile] = ()
        self.rows: Sequence[Mapping[str, Any]] = ()
        self.rows_of = ""
        """Which line of the index the rows belong to."""
        self.log_text: Sequence[str] = ()
        self.recipe: Mapping[str, Any] = {}
        self._news: object = None
        self._read_at = -1
        self._words = ""
        self.tabs = RunTabs(self)

    @property
    def view(self) -> ExperimentView | None:
        return self.cockpit.state.shown

    def compose(self) -> ComposeResult:
        state, glyphs = self.cockpit.state, self.cockpit.glyphs
        yield Boxes(
            Panel(
                state, glyphs, "header", ("tree", "selection", "live", "clock", "findings"), focusable=False
            ),
            LineView(id="tabs", glyphs=glyphs, focusable=False),
            ChartsPane(state, glyphs, every=True),
            LineView(id="index", glyphs=glyphs, title="…", cursor=True),
            LineView(id="detail", glyphs=glyphs, title="…", cursor=True),
            LineView(id="text", glyphs=glyphs, title="…"),
            Panel(state, glyphs, "run_keys", ("tree", "selection"), id="keys", focusable=False),
            places=self._places,
            id="run",
        )

    def _places(self, width: int, height: int) -> Mapping[str, Box]:
        from cockpit.ui.dashboard import panes

        header = len(panes.header_lines(self.cockpit.state, self.cockpit.glyphs, width - 1))
        return run_places(width, height, tab=self.tab, header=max(3, header))

    def on_mount(self) -> None:
        state = self.cockpit.state
        state.opened = state.selected
        state.touch("selection")
        self.cockpit.follow_shown()
        self.watch(self.cockpit, "revision", self._revised, init=False)
        self.show_tab(self.tab)

    def on_unmount(self) -> None:
        self.cockpit.state.opened = None
        self.cockpit.state.touch("selection")
        self.cockpit.follow_shown()

    # -- tabs ----------------------------------------------------------------------------------------------------

    def show_tab(self, tab: str) -> None:
        """Bring up one tab, and read what it needs."""
        self.tab = tab
        spans = [
            ((f"[{word}]" if name == tab else f" {word} "), self.tabs.style(name)) for name, word in TABS
        ]
        self.query_one("#tabs", LineView).set_lines([line(*spans)])
        self._news = self.tabs.news(tab)
        self._read()
        self.fill()
        self.query_one("#run", Boxes).rearrange()
        self.query_one(f"#{self.tabs.focus(tab)}").focus()

    def action_show_tab(self, tab: str) -> None:
        """A click on a tab's name."""
        self.show_tab(tab)

    def do_next_pane(self, step: int = 1) -> None:
        names = [name for name, _ in TABS]
        self.show_tab(names[(names.index(self.tab) + step) % len(names)])

    def do_previous_pane(self) -> None:
        self.do_next_pane(-1)

    def do_right(self) -> None:
        self._sideways(1)

    def do_left(self) -> None:
        self._sideways(-1)

    def _sideways(self, step: int) -> None:
        """Between index and items where there are two lists, else between columns of the text."""
        if self.tab in ("answers", "rollouts", "held_out"):
            self.query_one("#detail" if step > 0 else "#index").focus()
        elif self.tab == "charts":
            self.query_one(ChartsPane).scroll_columns(step)
        else:
            self.query_one("#text", LineView).scroll_columns(8 * step)

    # -- content -------------------------------------------------------------------------------------------------

    def _revised(self) -> None:
        """Something changed: read the tab's files anew where they may have grown, and show what is known."""
        if not self.is_current:
            return
        news, second = self.tabs.news(self.tab), int(self.cockpit.state.now)
        if (
            news != self._news and second != self._read_at
        ):  # the rest of a second's news comes with the next tick
            self._news, self._read_at = news, second
            self._read()
        if self.tab in ("answers", "checkpoints"):
            self.fill()

    def _read(self) -> None:
        if (view := self.view) is not None:
            for what in self.tabs.needs(self.tab):
                self.reader.ask(what, view)

    def fill(self) -> None:
        """Build the lines of the tab that is up."""
        if self.is_mounted:
            self.tabs.fill(self.tab)

    def on_run_files_read(self, message: RunFilesRead) -> None:
        if message.what == "files":
            self.files = message.value
        elif message.what == "recipe":
            self.recipe = message.value
        elif message.what == "log":
            self.log_text = message.value
        else:
            self.rows, self.rows_of = message.value, message.what
        self.fill()

    def on_line_highlighted(self, message: LineHighlighted) -> None:
        if message.view.id == "index":
            self.fill()

    def on_line_chosen(self, message: LineChosen) -> None:
        self.do_open()

    def do_open(self) -> None:
        """From the index to its items, from an item to the whole of it; a chart to the whole pane."""
        if self.tab == "charts":
            self.cockpit.commands.zoom()
        elif self.focused is not None and self.focused.id == "index":
            self.query_one("#detail").focus()
        elif self.focused is not None and self.focused.id == "detail":
            self.tabs.open_item()

    def do_back(self) -> None:
        if self.drop_search() or self.cockpit.commands.clear_reading():
            return
        if self.focused is not None and self.focused.id == "detail":
            self.query_one("#index").focus()
        elif self.cockpit.state.zoomed and self.tab == "charts":
            self.cockpit.commands.zoom()
        else:
            self.cockpit.pop_screen()

    def on_screen_resume(self) -> None:
        for panel in self.query(Panel):
            panel.revise()
        self.query_one(ChartsPane).revise()

    # -- search --------------------------------------------------------------------------------------------------

    @property
    def words(self) -> str:
        return self._words

    def do_filter(self) -> None:
        if self.tab != "log":
            self.show_tab("log")
        super().do_filter()

    def search(self, words: str) -> None:
        self._words = words
        self.fill()
        if words:
            self.tabs.to_match(0)

    def leave_search(self) -> None:
        self.query_one("#text").focus()

    def do_next_match(self) -> None:
        self.tabs.to_match(1)

    def do_previous_match(self) -> None:
        self.tabs.to_match(-1)


class ItemScreen(Page):
    """One item whole."""

    heading = "One item"

    def __init__(self, app: CockpitApp, row: Mapping[str, Any]) -> None:
        super().__init__(app)
        self.row = row

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        return [[item] for item in item_lines(self.row, width=width, glyphs=self.cockpit.glyphs)]
