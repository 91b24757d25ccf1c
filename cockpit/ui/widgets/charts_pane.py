"""The charts of the flight deck; until there is something to draw, the words of why not."""

from __future__ import annotations

from cockpit.ui.glyphs import Glyphs
from cockpit.ui.state import CockpitState
from cockpit.ui.widgets.panel import Panel


class ChartsPane(Panel):
    """Loss or reward, and the mid-evals."""

    def __init__(self, state: CockpitState, glyphs: Glyphs, *, every: bool = False) -> None:
        super().__init__(state, glyphs, "charts", ("live", "charts", "selection"), title="Charts")
        self.every = every

    def move(self, delta: int) -> None: ...
