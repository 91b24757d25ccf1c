"""The first screen: the experiments as a tree, the shown one's charts live, findings, the machine, the log's tail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen

from cockpit.ui import actions
from cockpit.ui.deck_layout import PANES, Box, deck, is_wide
from cockpit.ui.messages import LineChosen, LineHighlighted
from cockpit.ui.widgets.boxes import Boxes
from cockpit.ui.widgets.charts_pane import ChartsPane
from cockpit.ui.widgets.panel import Panel

if TYPE_CHECKING:
    from cockpit.ui.app import CockpitApp


class FlightDeck(Screen[None]):
    """Everything at a glance: at 160x45 side by side, at 80x24 the tree above one pane that `tab` changes."""

    BINDINGS = actions.bindings(actions.DECK)
    CSS_PATH = "flight_deck.tcss"
    AUTO_FOCUS = "#tree"
    app: CockpitApp

    def __init__(self, app: CockpitApp) -> None:
        super().__init__()
        self.pane = "charts"
        """The pane below the tree where there is room for one alone."""
        self._cockpit = app

    def compose(self) -> ComposeResult:
        state, glyphs = self._cockpit.state, self._cockpit.glyphs
        yield Boxes(
            Panel(
                state, glyphs, "title", ("tree",), waiting="cockpit  reading the workspace …", focusable=False
            ),
            Panel(state, glyphs, "tree", ("tree",), title="Experiments", cursor=True),
            Panel(state, glyphs, "findings", ("findings", "selection"), title="Findings", cursor=True),
            Panel(state, glyphs, "header", ("tree", "selection", "live", "clock"), focusable=False),
            ChartsPane(state, glyphs),
            Panel(state, glyphs, "log", ("log", "selection"), title="Log", follow=True),
            Panel(state, glyphs, "hardware", ("hardware",), focusable=False),
            Panel(state, glyphs, "keys", ("tree", "selection"), waiting="? help  q leave", focusable=False),
            places=self._places,
            id="deck",
        )

    def _places(self, width: int, height: int) -> Mapping[str, Box]:
        state = self._cockpit.state
        rows = len(state.picture.experiments) if state.picture else 0
        findings = sum(2 for _ in state.shown_findings())
        return deck(width, height, pane=self.pane, rows=max(rows, self._face_rows()), findings=findings,
                    zoomed=state.zoomed is not None)  # fmt: skip

    def _face_rows(self) -> int:
        picture = self._cockpit.state.picture
        return 9 if picture is not None and not picture.experiments else 3

    def refresh_places(self) -> None:
        """The number of experiments or findings changed, or the pane: lay out anew if that moves anything."""
        boxes = self.query_one("#deck", Boxes)
        places = self._places(*boxes.size)
        if places != boxes.placed:
            boxes.rearrange()

    # -- panes ---------------------------------------------------------------------------------------------------

    def show_pane(self, name: str) -> None:
        """Bring a pane up (where only one fits) and put the focus on it."""
        if name != "tree":
            self.pane = name
        self.refresh_places()
        self.query_one(f"#{name}").focus()

    def do_next_pane(self, step: int = 1) -> None:
        here = self.focused_pane
        self.show_pane(PANES[(PANES.index(here) + step) % len(PANES)])

    def do_previous_pane(self) -> None:
        self.do_next_pane(-1)

    def do_clear(self) -> None:
        self._cockpit.commands.clear_filter()
        self.show_pane("tree")

    @property
    def focused_pane(self) -> str:
        name = self.focused.id if self.focused is not None else None
        return name if name in PANES else "tree"

    @property
    def wide(self) -> bool:
        return is_wide(*self.size)

    def do_open(self) -> None:
        if self.focused_pane == "findings":
            self._cockpit.commands.findings()
        else:
            self._cockpit.commands.open()

    # -- facts ---------------------------------------------------------------------------------------------------

    def on_line_highlighted(self, message: LineHighlighted) -> None:
        if message.view.id == "tree":
            self._cockpit.select(message.key)

    def on_line_chosen(self, message: LineChosen) -> None:
        if message.view.id in ("tree", "findings"):
            self.do_open()

    def on_screen_resume(self) -> None:
        for panel in self.query(Panel):
            panel.revise()
        self.query_one(ChartsPane).revise()
