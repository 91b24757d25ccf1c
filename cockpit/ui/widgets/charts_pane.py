"""The charts of the shown run: as many as fit, live; one of them is chosen, and `z` gives it the whole pane."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from cockpit.ui.state import CockpitState, Topic
from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import line
from cockpit.ui.text.styles import BOLD, DIM
from cockpit.ui.widgets.boxes import Boxes
from cockpit.ui.widgets.line_view import LineView
from cockpit.ui.widgets.places import Box, chart_boxes
from cockpit.ui.widgets.revisions import on_revision
from cockpit.ui.widgets.seen import can_be_seen

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.app_protocol import Cockpit
    from cockpit.ui.widgets.chart import Chart

TOPICS: tuple[Topic, ...] = ("live", "charts", "selection")
DECK_MOST = 4
"""Charts on the dashboard; the run screen has all of them."""


class ChartsPane(Boxes):
    """Loss or reward, the mid-evals, and what else was logged. Hidden or covered, it rests; shown again, it catches up.

    `every`: all series, in pages of what fits; else the first few.
    """

    DEFAULT_CSS = "ChartsPane { width: 1fr; height: 1fr; }"
    can_focus = True

    def __init__(self, state: CockpitState, glyphs: Glyphs, *, every: bool = False) -> None:
        self._title = LineView(id="charts-title", glyphs=glyphs, focusable=False)
        super().__init__(self._title, places=self._places, id="charts")
        self.state = state
        self.glyphs = glyphs
        self.every = every
        self.charts: list[Chart] = []
        self._names: list[str] = []
        self._page: list[str] = []
        self._seen = -1
        self.builds = 0
        """How often the charts were looked through: tests see by it that a hidden pane rests."""

    def on_mount(self) -> None:
        on_revision(self, self.revise)

    # -- where they lie ------------------------------------------------------------------------------------------

    def _places(self, width: int, height: int) -> Mapping[str, Box]:
        top = 1 if height >= 5 else 0
        boxes = {"charts-title": Box(0, 0, width, top)}
        for index, box in enumerate(self._fitting(width, height - top)):
            boxes[f"chart-{index}"] = box._replace(y=box.y + top)
        return boxes

    def _fitting(self, width: int, height: int) -> list[Box]:
        if self.state.zoomed is not None:
            return chart_boxes(width, height, min(1, len(self._names)))
        most = len(self._names) if self.every else min(len(self._names), self._room(width, height))
        return chart_boxes(width, height, most)

    def _room(self, width: int, height: int) -> int:
        """Charts worth showing beside each other on the deck: two, four where each is still a good size."""
        return DECK_MOST if width >= 80 and height >= 20 else 3 if height >= 24 else 2

    # -- what they show ------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> str | None:
        """The chart that `z` gives the pane to."""
        names = self._names
        wanted = self.state.zoomed or self.state.chart
        return wanted if wanted in names else names[0] if names else None

    def revise(self) -> None:
        """Draw anew what changed, if it can be seen."""
        if not can_be_seen(self):
            return
        seen = self.state.revision(TOPICS)
        if seen != self._seen:
            self._seen = seen
            self.show_run()

    def show_run(self) -> None:
        """Bring the charts in line with the state."""
        view = self.state.shown
        if view is None:
            self._lay_out([])
            self._set_title("Charts")
            return
        from cockpit.ui.widgets import charts_view

        self.builds += 1
        run = self.state.shown_run
        self._lay_out(charts_view.names(view, run))
        first = self._names.index(self._page[0]) if self._page else 0
        self._set_title(charts_view.title(self.state, view, self._page, len(self._names), first))
        for chart, name in zip(self.charts, self._page, strict=False):
            self._show(chart, name, view)

    def _show(self, chart: Chart, name: str, view: ExperimentView) -> None:
        from cockpit.ui.widgets import charts_view

        made = charts_view.spec(name, self.state, view, ascii_only=self.glyphs.ascii, mono=_mono())
        chart.choose(self.has_focus and name == self.chosen and len(self._page) > 1)
        chart.show(made.lines, levels=made.levels, marks=made.marks, view=made.view, empty=made.empty)

    def _lay_out(self, names: list[str]) -> None:
        """Have a widget for each chart that fits, and choose the page that holds the chosen one."""
        self._names = names
        places = self._places(*self.size)
        fit = len(places) - 1
        index = names.index(self.chosen) if self.chosen else 0
        first = index if self.state.zoomed is not None else index // fit * fit if fit else 0
        self._page = names[first : first + fit]
        while len(self.charts) < fit:
            from cockpit.ui.widgets.chart import (
                Chart,
            )  # not before there is one to make: the first frame has none

            chart = Chart(id=f"chart-{len(self.charts)}")
            self.charts.append(chart)
            self.mount(chart)
        if places != self.placed:
            self.rearrange()

    def _set_title(self, title: str) -> None:
        sign, style = (self.glyphs.cursor, BOLD) if self.has_focus else (self.glyphs.rule, DIM)
        head = f"{sign} {title} "
        self._title.set_lines(
            [line((head, style), (self.glyphs.rule * max(0, self.size.width - 1 - len(head)), DIM))]
        )

    # -- moving --------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Charts a page."""
        return max(1, len(self._page))

    def move(self, delta: int) -> None:
        """Choose the next chart, or one before."""
        if not self._names or self.chosen is None:
            return
        index = min(max(0, self._names.index(self.chosen) + delta), len(self._names) - 1)
        self.state.chart = self._names[index]
        if self.state.zoomed is not None:
            self.state.zoomed = self.state.chart
        self._changed()

    def move_to_end(self, *, last: bool) -> None:
        """Choose the first or the last chart."""
        self.move(len(self._names) if last else -len(self._names))

    def scroll_columns(self, delta: int) -> None:
        """Move the reading line by a column; it comes in at the newest value and goes out at the ends."""
        chart = next(
            (c for c, name in zip(self.charts, self._page, strict=False) if name == self.chosen), None
        )
        if chart is not None:
            self.state.cursor = chart.next_step(self.state.cursor, 1 if delta > 0 else -1)
            self._changed()

    def on_chart_pointed(self, event: Chart.Pointed) -> None:
        """A click sets the reading line; a second one at the same place takes it away."""
        event.stop()
        if event.chart in self.charts:
            index = self.charts.index(event.chart)
            if index < len(self._page):
                self.state.chart = self._page[index]
        self.state.cursor = None if event.step == self.state.cursor else event.step
        self._changed()

    def _changed(self) -> None:
        self.state.touch("charts")
        cast("Cockpit", self.app).changed()  # pyright: ignore[reportUnknownMemberType]

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Title and chosen chart show it. Not `on_focus`: that comes before the widget knows."""
        super().watch_has_focus(_has_focus)
        self._again()

    def on_show(self) -> None:
        self.revise()

    def on_resize(self) -> None:
        self._again()

    def _again(self) -> None:
        self._seen = -1
        self.revise()


def _mono() -> bool:
    return bool(os.environ.get("NO_COLOR"))
