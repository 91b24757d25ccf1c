"""Moving the cursor and the view: in the list or the charts that have the focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cockpit.ui.widgets.charts_pane import ChartsPane
from cockpit.ui.widgets.line_view import LineView

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit


class MovingCommands:
    """One method for each action that moves."""

    def __init__(self, cockpit: Cockpit) -> None:
        self._cockpit = cockpit

    def down(self) -> None:
        self._move(lambda view: view.move(1))

    def up(self) -> None:
        self._move(lambda view: view.move(-1))

    def first(self) -> None:
        self._move(lambda view: view.move_to_end(last=False))

    def last(self) -> None:
        self._move(lambda view: view.move_to_end(last=True))

    def page_down(self) -> None:
        self._move(lambda view: view.move(max(1, view.rows - 1)))

    def page_up(self) -> None:
        self._move(lambda view: view.move(-max(1, view.rows - 1)))

    def left(self) -> None:
        self._move(lambda view: view.scroll_columns(-8))

    def right(self) -> None:
        self._move(lambda view: view.scroll_columns(8))

    def _move(self, move: Callable[[LineView | ChartsPane], None]) -> None:
        view = self._list()
        if view is not None:
            move(view)

    def _list(self) -> LineView | ChartsPane | None:
        focused = self._cockpit.focused
        if isinstance(focused, LineView | ChartsPane):
            return focused
        there = self._cockpit.screen.query(LineView)
        return next((view for view in there if view.can_focus and view.display), None)
