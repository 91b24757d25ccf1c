"""The cockpit without a terminal: what would be sent to one is counted, looks at the workspace are made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual._compositor import CompositorUpdate
from textual.pilot import Pilot

from cockpit.services.workspace.workspace import ExperimentView
from cockpit.ui.app import CockpitApp
from cockpit.ui.backend.local import LocalBackend
from cockpit.ui.backend.summary import Hardware
from tests.support.ui import drive
from tests.support.ui.stage import NOW


class Still(LocalBackend):
    """The real services on a machine that is always the same."""

    def hardware(self, view: ExperimentView | None) -> Hardware:
        return Hardware(cpu=7, memory_used=1.5, memory_total=24.0)


class CountingApp(CockpitApp):
    """Collects what it would write."""

    def __init__(self, root: Path, *, fps: float = 30.0) -> None:
        super().__init__(Still(root), clock=lambda: NOW, fps=fps, live=False)
        self.sent: list[str] = []

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate) and self._running and not self._batch_count:
            self.sent.append(renderable.render_segments(self.console))
        super()._display(screen, renderable)

    @property
    def sent_bytes(self) -> int:
        return sum(len(text.encode()) for text in self.sent)

    def text(self) -> str:
        """What stands on the screen."""
        strips = self.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def look(pilot: Pilot[Any]) -> None:
    """One round of the poller, and what follows from it."""
    app: CountingApp = pilot.app  # type: ignore[assignment]
    app.poller.refresh()
    await pilot.pause()


async def until(pilot: Pilot[Any], done: Callable[[], bool]) -> None:
    """Wait for a condition."""
    app: CountingApp = pilot.app  # type: ignore[assignment]
    await drive.until(pilot, done, says=app.text)
