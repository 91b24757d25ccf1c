"""The first screen: the experiments as a tree, the shown one's charts live, findings, the machine, the log's tail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from cockpit.ui import actions
from cockpit.ui.dashboard.layout import PANES, Need, dashboard_places, findings_columns, header_columns
from cockpit.ui.messages import LineChosen, LineHighlighted
from cockpit.ui.pages.search import SEARCH_STYLES, SearchScreen
from cockpit.ui.state import CockpitState
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.widgets.boxes import Boxes
from cockpit.ui.widgets.charts_pane import ChartsPane
from cockpit.ui.widgets.panel import Build, Panel, Shown
from cockpit.ui.widgets.places import Box

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit


def _pane(name: str) -> Build:
    """What a pane shows; the module with all of them is imported when there is something to show."""

    def build(state: CockpitState, glyphs: Glyphs, width: int, height: int) -> Shown:
        from cockpit.ui.dashboard import panes

        return panes.PANES[name](state, glyphs, width, height)

    return build


class Dashboard(SearchScreen):
    """Everything at a glance: at 160x45 side by side, at 80x24 the tree above one pane that `tab` changes.

    At the start the method log is in sight: in its pane where there is room, else in the pane below the tree
    while nothing runs, else as its newest line.
    """

    scope = actions.DASHBOARD
    BINDINGS = actions.bindings(actions.DASHBOARD)
    CSS_PATH: ClassVar = [SEARCH_STYLES, "screen.tcss"]
    AUTO_FOCUS = "#tree"
    ASKS = "show only experiments that hold these words; enter keeps them, esc drops them"

    def __init__(self, cockpit: Cockpit) -> None:
        super().__init__(cockpit)
        self.pane = ""
        """The pane below the tree where there is room for one alone; empty until the first look."""

    def compose(self) -> ComposeResult:
        state, glyphs = self.cockpit.state, self.cockpit.glyphs
        yield Boxes(
            Panel(
                state, glyphs, "title", ("tree",), _pane("title"),
                waiting="cockpit  reading the workspace …", focusable=False,
            ),
            Panel(state, glyphs, "problem", ("tree",), _pane("problem"), focusable=False),
            Panel(state, glyphs, "tree", ("tree",), _pane("tree"), title="Experiments", cursor=True),
            Panel(
                state, glyphs, "findings", ("findings", "selection"), _pane("findings"),
                title="Findings", cursor=True,
            ),
            Panel(
                state, glyphs, "decided", ("tree", "selection"), _pane("decided"),
                title="Method log", follow=True,
            ),
            Panel(
                state, glyphs, "header", ("tree", "selection", "live", "clock", "findings"), _pane("header"),
                focusable=False,
            ),
            ChartsPane(state, glyphs),
            Panel(state, glyphs, "log", ("log", "selection"), _pane("log"), title="Log", follow=True),
            Panel(state, glyphs, "newest", ("tree", "selection"), _pane("newest"), focusable=False),
            Panel(state, glyphs, "hardware", ("hardware",), _pane("hardware"), focusable=False),
            Panel(
                state, glyphs, "keys", ("tree", "selection"), _pane("keys"),
                waiting="? help  q leave", focusable=False,
            ),
            places=self._places,
            id="deck",
        )  # fmt: skip

    def _places(self, width: int, height: int) -> Mapping[str, Box]:
        return dashboard_places(width, height, self._need(width, height))

    def _need(self, width: int, height: int) -> Need:
        state = self.cockpit.state
        snapshot = state.snapshot
        if snapshot is None:
            return Need()
        from cockpit.ui.dashboard import panes
        from cockpit.ui.pages import panels

        columns = header_columns(width, height)
        return Need(
            pane=self.pane or "charts",
            experiments=len(snapshot.experiments),
            findings=len(panes.found_lines(state, self.cockpit.glyphs, findings_columns(width, height) - 1)),
            header=max(3, len(panels.header_lines(state, self.cockpit.glyphs, columns - 1))),
            alone=not snapshot.experiments,
            zoomed=state.zoomed is not None,
            problem=len(panes.problem_lines(state, max(1, width - 1))),
        )

    def refresh_places(self) -> None:
        """The number of experiments or findings changed, or the pane: lay out anew if that moves anything."""
        boxes = self.query_one("#deck", Boxes)
        if not self.pane and (snapshot := self.cockpit.state.snapshot) is not None:
            quiet = snapshot.method_log and not any(view.status == "running" for view in snapshot.experiments)
            self.pane = "decided" if quiet else "charts"
        if self._places(*boxes.size) != boxes.placed:
            boxes.rearrange()

    # -- panes ---------------------------------------------------------------------------------------------------

    def show_pane(self, name: str) -> None:
        """Bring a pane up (where only one fits) and put the focus on it."""
        if name != "tree":
            self.pane = name
        if self.cockpit.state.zoomed and name != "charts":
            self.cockpit.commands.act("zoom")
        self.refresh_places()
        if name in self.query_one("#deck", Boxes).placed:
            self.query_one(f"#{name}").focus()

    def do_next_pane(self, step: int = 1) -> None:
        here = self.focused_pane
        self.show_pane(PANES[(PANES.index(here) + step) % len(PANES)])

    def do_previous_pane(self) -> None:
        self.do_next_pane(-1)

    def do_clear(self) -> None:
        """esc: the search goes first, then the reading line, then the zoom and the way back to the tree."""
        if self.drop_search() or self.cockpit.commands.clear_reading():
            return
        if self.cockpit.state.zoomed:
            self.cockpit.commands.act("zoom")
        self.show_pane("tree")

    @property
    def focused_pane(self) -> str:
        name = self.focused.id if self.focused is not None else None
        return name if name in PANES else "tree"

    # -- filter --------------------------------------------------------------------------------------------------

    @property
    def words(self) -> str:
        return self.cockpit.state.words

    def search(self, words: str) -> None:
        self.cockpit.commands.set_filter(words)

    def leave_search(self) -> None:
        self.show_pane("tree")

    def do_open(self) -> None:
        if self.focused_pane == "findings":
            self.cockpit.commands.act("findings")
        else:
            self.cockpit.commands.act("open")

    # -- facts ---------------------------------------------------------------------------------------------------

    def on_line_highlighted(self, message: LineHighlighted) -> None:
        if message.view.id == "tree":
            self.cockpit.select(message.key)

    def on_line_chosen(self, message: LineChosen) -> None:
        if message.view.id in ("tree", "findings"):
            self.do_open()

    def on_screen_resume(self) -> None:
        for panel in self.query(Panel):
            panel.revise()
        self.query_one(ChartsPane).revise()
