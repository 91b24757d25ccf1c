"""What the charts show, and how: marked runs, the pinned one, scales, smoothing, zoom and range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cockpit.ui.commands.selection import selected
from cockpit.ui.widgets.charts_pane import ChartsPane

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit

SMOOTHING = (0.0, 0.6, 0.9, 0.98)
"""The weights of the past that `w` goes through."""


class ChartCommands:
    """One method for each action on the charts."""

    def __init__(self, cockpit: Cockpit) -> None:
        self._cockpit = cockpit

    def mark(self) -> None:
        view = selected(self._cockpit)
        if view is None:
            return
        if not self._cockpit.state.toggle_mark(view.id):
            self._cockpit.say(
                "No more than six experiments at once.", "space on a selected one drops it.", bad=True
            )
        self._cockpit.follow_shown()

    def pin(self) -> None:
        view = selected(self._cockpit)
        if view is not None:
            self._cockpit.state.toggle_pin(view.id)
            self._cockpit.follow_shown()

    def log_scale(self) -> None:
        self._cockpit.state.log_scale = not self._cockpit.state.log_scale
        self._redraw()

    def smooth(self) -> None:
        now = self._cockpit.state.smoothing
        self._cockpit.state.smoothing = next((value for value in SMOOTHING if value > now), SMOOTHING[0])
        self._redraw()

    def zoom(self) -> None:
        state = self._cockpit.state
        pane = next(iter(self._cockpit.screen.query(ChartsPane)), None)
        state.zoomed = None if state.zoomed or pane is None else pane.chosen
        self._redraw()

    def range_in(self) -> None:
        state = self._cockpit.state
        extent = state.steps_there()
        if extent:
            state.steps = max(10, (state.steps or extent) // 2)
            self._redraw()

    def range_out(self) -> None:
        state = self._cockpit.state
        extent = state.steps_there()
        if state.steps:
            state.steps = state.steps * 2 if state.steps * 2 < (extent or 0) else None
            self._redraw()

    def clear_reading(self) -> bool:
        """Take the charts' reading line away; True if there was one."""
        if self._cockpit.state.cursor is None:
            return False
        self._cockpit.state.cursor = None
        self._redraw()
        return True

    def _redraw(self) -> None:
        self._cockpit.state.touch("charts")
        self._cockpit.changed()
