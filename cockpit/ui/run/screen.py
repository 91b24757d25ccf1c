"""One run: its series, the model's answers at each checkpoint, rollouts, checkpoints, log, recipe, held-out items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.app import ComposeResult

from cockpit.ui import actions
from cockpit.ui.messages import Answer, LineChosen, LineHighlighted, RunFilesRead
from cockpit.ui.pages import panels
from cockpit.ui.pages.search import SEARCH_STYLES, SearchScreen
from cockpit.ui.run import tabs
from cockpit.ui.run.layout import run_places
from cockpit.ui.run.read import RunFiles
from cockpit.ui.run.reader import RunReader
from cockpit.ui.run.tabs import LISTS, TABS
from cockpit.ui.text.lines import line
from cockpit.ui.text.styles import BOLD, DIM
from cockpit.ui.widgets.boxes import Boxes
from cockpit.ui.widgets.charts_pane import ChartsPane
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.panel import Panel
from cockpit.ui.widgets.places import Box
from cockpit.ui.widgets.revisions import on_revision
from cockpit.ui.widgets.seen import is_open

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.app_protocol import Cockpit


class RunScreen(SearchScreen):
    """Tabs over one experiment, the one that was selected when it opened."""

    scope = actions.RUN
    BINDINGS = actions.bindings(actions.RUN)
    CSS_PATH: ClassVar = [SEARCH_STYLES, "screen.tcss"]
    AUTO_FOCUS = ""
    ASKS = "search the log; enter keeps the words (n, N go between matches), esc drops them"

    def __init__(self, cockpit: Cockpit, tab: str = "charts") -> None:
        super().__init__(cockpit)
        self.tab = tab
        self.reader = RunReader(cockpit.backend, self.deliver)
        self.files = RunFiles()
        self._news: object = None
        self._read_at = -1
        self._words = ""

    @property
    def view(self) -> ExperimentView | None:
        return self.cockpit.state.shown

    @property
    def run(self) -> LiveRun | None:
        return self.cockpit.state.shown_run

    def compose(self) -> ComposeResult:
        state, glyphs = self.cockpit.state, self.cockpit.glyphs
        yield Boxes(
            Panel(state, glyphs, "header", panels.HEADER_TOPICS, panels.header, focusable=False),
            LineView(id="tabs", glyphs=glyphs, focusable=False),
            ChartsPane(state, glyphs, every=True),
            LineView(id="index", glyphs=glyphs, title="…", cursor=True),
            LineView(id="detail", glyphs=glyphs, title="…", cursor=True),
            LineView(id="text", glyphs=glyphs, title="…"),
            Panel(state, glyphs, "keys", ("tree", "selection"), panels.keys(actions.RUN), focusable=False),
            places=self._places,
            id="run",
        )

    def _places(self, width: int, height: int) -> Mapping[str, Box]:
        header = len(panels.header_lines(self.cockpit.state, self.cockpit.glyphs, width - 1))
        return run_places(width, height, tab=self.tab, header=max(3, header))

    def on_mount(self) -> None:
        state = self.cockpit.state
        state.opened = state.selected
        state.touch("selection")
        self.cockpit.follow_shown()
        on_revision(self, self._revised)
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
            ((f"[{word}]" if name == tab else f" {word} "), self._tab_style(name)) for name, word in TABS
        ]
        self.query_one("#tabs", LineView).set_lines([line(*spans)])
        self._news = tabs.news(tab, self.run, self.cockpit.state.now)
        self._read()
        self.fill()
        self.query_one("#run", Boxes).rearrange()
        self.query_one(f"#{tabs.focus(tab)}").focus()

    def _tab_style(self, tab: str) -> Style:
        """Bold for the one that is up; a click brings another one up."""
        click = Style(meta={"@click": f"screen.show_tab({tab!r})"})
        return (BOLD if tab == self.tab else DIM) + click

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
        if self.tab in LISTS:
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
        now = self.cockpit.state.now
        news, second = tabs.news(self.tab, self.run, now), int(now)
        if (
            news != self._news and second != self._read_at
        ):  # the rest of a second's news comes with the next tick
            self._news, self._read_at = news, second
            self._read()
        if self.tab in ("answers", "checkpoints"):
            self.fill()

    def _read(self) -> None:
        if (view := self.view) is not None:
            for what in tabs.needs(self.tab):
                self.reader.ask(what, view)

    def fill(self) -> None:
        """Build the lines of the tab that is up."""
        if not is_open(self):
            return
        if self.tab in LISTS:
            self._fill_lists()
        elif self.tab != "charts":
            view = self._list("text")
            view.tail(self.tab == "log")
            shown = tabs.text(
                self.tab, self.run, self.files, self.words, width=max(20, self.size.width - 1),
                now=self.cockpit.state.now, glyphs=self.cockpit.glyphs,
            )  # fmt: skip
            view.set_lines(shown.lines, title=shown.title)

    def _fill_lists(self) -> None:
        index, detail, glyphs = self._list("index"), self._list("detail"), self.cockpit.glyphs
        shown = tabs.index(self.tab, self.run, self.files, glyphs)
        index.set_lines(shown.lines, title=shown.title)
        chosen = index.cursor or ""
        wanted = tabs.rows_wanted(self.tab, chosen, self.files)
        if wanted is not None:
            self.reader.ask_rows(*wanted)
        shown = tabs.detail(self.tab, chosen, self.files, max(20, detail.size.width - 1), glyphs)
        detail.set_lines(shown.lines, title=shown.title)

    def _list(self, name: str) -> LineView:
        return self.query_one(f"#{name}", LineView)

    def answered(self, answer: Answer) -> None:
        if isinstance(answer, RunFilesRead):
            self.files.take(answer)
            self.fill()

    def on_line_highlighted(self, message: LineHighlighted) -> None:
        if message.view.id == "index":
            self.fill()

    def on_line_chosen(self, message: LineChosen) -> None:
        self.do_open()

    def do_open(self) -> None:
        """From the index to its items, from an item to the whole of it; a chart to the whole pane."""
        if self.tab == "charts":
            self.cockpit.commands.act("zoom")
        elif self.focused is not None and self.focused.id == "index":
            self.query_one("#detail").focus()
        elif self.focused is not None and self.focused.id == "detail":
            self._open_item()

    def _open_item(self) -> None:
        """The item under the cursor, whole."""
        from cockpit.ui.run.item import ItemScreen

        chosen = self._list("index").cursor or ""
        row = tabs.item(self.tab, chosen, self._list("detail").cursor, self.files)
        if row is not None:
            self.cockpit.push_screen(ItemScreen(self.cockpit, row))

    def do_back(self) -> None:
        if self.drop_search() or self.cockpit.commands.clear_reading():
            return
        if self.focused is not None and self.focused.id == "detail":
            self.query_one("#index").focus()
        elif self.cockpit.state.zoomed and self.tab == "charts":
            self.cockpit.commands.act("zoom")
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
            self._to_match(0)

    def leave_search(self) -> None:
        self.query_one("#text").focus()

    def do_next_match(self) -> None:
        self._to_match(1)

    def do_previous_match(self) -> None:
        self._to_match(-1)

    def _to_match(self, step: int) -> None:
        """Scroll to the next line that holds the words searched for (1), the one before (-1), or this one (0)."""
        view = self._list("text")
        row = tabs.match_row(self.files.log, self.words, view.top, step) if self.tab == "log" else None
        if row is not None:
            view.top = min(row, max(0, len(view.lines) - view.rows))
            view.redraw()
