"""Two to six experiments side by side: a curve overlaid, scores, only the settings that differ, items won and lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult

from cockpit.contract.errors import CockpitError
from cockpit.ui import actions
from cockpit.ui.compare import view
from cockpit.ui.messages import Answer, Compared, LineChosen
from cockpit.ui.pages.page import PAGE_STYLES, Page
from cockpit.ui.pages.search import SEARCH_STYLES
from cockpit.ui.text.lines import Line, line
from cockpit.ui.text.styles import ACCENT, BAD, DIM, KEY
from cockpit.ui.widgets.chart import Chart

if TYPE_CHECKING:
    from cockpit.core.chart.plot import Line as Curve
    from cockpit.core.tree.comparing import Axis, Comparison
    from cockpit.ui.app_protocol import Cockpit

AXES: tuple[Axis, ...] = ("step", "tokens", "time")
_AXIS_WORDS = {"step": "steps", "tokens": "tokens seen", "time": "seconds"}


class CompareScreen(Page):
    """Left and right change the metric, enter changes what it runs over; `/` filters items by their words."""

    heading = "Compare"
    cursor = True
    scope = actions.COMPARE
    BINDINGS = actions.bindings(actions.COMPARE)
    CSS_PATH: ClassVar = [SEARCH_STYLES, PAGE_STYLES, "screen.tcss"]

    def __init__(self, cockpit: Cockpit, ids: Sequence[str]) -> None:
        super().__init__(cockpit)
        self.ids = list(ids)
        self.axis: Axis = "step"
        self.metric: str | None = None
        self.whole: Comparison | None = None
        self.wrong = ""

    def compose(self) -> ComposeResult:
        yield Chart(id="chart", empty="reading …")
        yield from super().compose()

    def on_mount(self) -> None:
        self._read()

    def _read(self) -> None:
        axis = self.axis
        self.in_thread("compare", lambda: self._compare(axis))

    def _compare(self, axis: Axis) -> Compared:
        try:
            return Compared(self.cockpit.backend.compare(self.ids, axis))
        except CockpitError as error:
            return Compared(None, str(error))
        except Exception as error:  # noqa: BLE001 - said on the screen, the log has the traceback
            self.cockpit.backend.complain(error)
            return Compared(None, f"they could not be compared: {error}")

    def answered(self, answer: Answer) -> None:
        if isinstance(answer, Compared):
            self.whole, self.wrong = answer.comparison or self.whole, answer.wrong
            self._show()

    def _show(self) -> None:
        self._draw()
        self.fill()

    # -- the chart -----------------------------------------------------------------------------------------------

    def _metrics(self) -> list[str]:
        there = self.whole.metrics() if self.whole else []
        first = [name for name in ("mini_eval", "reward", "loss") if name in there]
        return [*first, *(name for name in there if name not in first)]

    def _draw(self) -> None:
        from cockpit.core.chart.plot import View

        metrics = self._metrics()
        if self.metric not in metrics:
            self.metric = metrics[0] if metrics else None
        chart = self.query_one("#chart", Chart)
        curves = self._curves(self.metric) if self.metric else []
        chart.show(curves, view=View(ascii=self.cockpit.glyphs.ascii), empty=self.wrong or self._nothing())

    def _nothing(self) -> str:
        return (
            "reading …"
            if self.whole is None
            else f"none of them logged anything over {_AXIS_WORDS[self.axis]}"
        )

    def _curves(self, metric: str) -> list[Curve]:
        import numpy as np

        from cockpit.core.chart.plot import Line as Curve
        from cockpit.core.series.table import SeriesTable

        made: list[Curve] = []
        for tag, side in zip(view.TAGS, self.whole.sides if self.whole else (), strict=False):
            points = side.curves.get(metric)
            if points:
                table = SeriesTable()
                x, y = (np.array(values, np.float64) for values in zip(*points, strict=True))
                table.extend(x, {metric: y})
                name = f"{metric} {side.id}" if not made else side.id
                made.append(
                    Curve(name, table.column(metric), smooth=False, points=metric == "mini_eval", tag=tag)
                )
        return made

    # -- the words -----------------------------------------------------------------------------------------------

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        if self.whole is None:
            return [[line((self.wrong or "reading …", BAD if self.wrong else DIM))]]
        metrics = self._metrics()
        at = metrics.index(self.metric) + 1 if self.metric in metrics else 0
        head = [
            line(("left right", KEY), f" metric {at} of {len(metrics)}: ", (self.metric or "none", ACCENT), "   ",
                 ("enter", KEY), " over ", (_AXIS_WORDS[self.axis], ACCENT), key="axis")
        ]  # fmt: skip
        return [head, *view.blocks(self.whole, width=width, glyphs=self.cockpit.glyphs)]

    # -- keys ----------------------------------------------------------------------------------------------------

    def do_left(self) -> None:
        self._turn(-1)

    def do_right(self) -> None:
        self._turn(1)

    def _turn(self, by: int) -> None:
        metrics = self._metrics()
        if metrics and self.metric in metrics:
            self.metric = metrics[(metrics.index(self.metric) + by) % len(metrics)]
            self._show()

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter" and not self.searching:
            event.stop()
            self.do_open()

    def do_open(self) -> None:
        """Let the curves run over the next axis."""
        self.axis = AXES[(AXES.index(self.axis) + 1) % len(AXES)]
        self._read()

    def do_export(self) -> None:
        """Write what is shown, whatever the filter hides."""
        whole = self.whole
        if whole is None:
            self.cockpit.say("There is nothing to write yet.", "", bad=True)
            return
        self.cockpit.commands.call_service(None, "writing", lambda: self.cockpit.backend.export(whole))

    def on_line_chosen(self, message: LineChosen) -> None:
        if message.key == "axis":
            self.do_open()
