"""The tails that are open: those of the experiments on screen and no others. Folds what they read into the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cockpit.ui.state import CockpitState

if TYPE_CHECKING:
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.services.live.follower import Batch
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.backend.protocol import Backend, Feed

KEPT, KEPT_BYTES = 12, 150_000_000
"""Runs whose data stay in memory after they left the screen, and bytes of all; the oldest go first."""


class _Open(NamedTuple):
    feed: Feed
    folder: Path | None


class Feeds:
    """Opens and rests followers as the selection moves. Used from the screen's thread only.

    What left the screen is kept for a while, its follower at rest: shown again, it goes on where it was.
    """

    def __init__(self, backend: Backend, state: CockpitState, wake: Callable[[], None]) -> None:
        self.backend = backend
        self.state = state
        self.wake = wake
        self._open: dict[str, _Open] = {}
        self._resting: dict[str, _Open] = {}

    def show(self, views: Iterable[ExperimentView]) -> None:
        """Follow exactly `views`: those with an attempt."""
        shown = list(views)
        wanted = {view.id: view for view in shown if view.attempt_dir is not None}
        for view in shown:
            if view.attempt_dir is None and view.id in self.state.live and not self.state.live[view.id].gone:
                self.state.live[view.id].gone = True  # there was one, and it was deleted
                self.state.touch("live")
        for id_ in [i for i, o in self._open.items() if i not in wanted or o.folder != wanted[i].attempt_dir]:
            self._resting[id_] = self._open.pop(id_)
            self._resting[id_].feed.pause()
        for id_, view in wanted.items():
            if id_ not in self._open:
                self._open[id_] = self._opened(view)
                self.state.touch("live", "log", "charts")
        self._forget()

    def drain(self) -> None:
        """Fold everything that was read; touches the topics that changed."""
        for id_, opened in self._open.items():
            run = self.state.live[id_]
            for batch in opened.feed.drain():
                self._fold(run, batch)

    def close(self) -> None:
        for opened in (*self._open.values(), *self._resting.values()):
            opened.feed.close()
        self._open.clear()
        self._resting.clear()

    def _opened(self, view: ExperimentView) -> _Open:
        """The follower at rest, if it is of the same attempt; else a new one, which reads from the start."""
        from cockpit.services.live.attempt_state import LiveRun

        rested = self._resting.pop(view.id, None)
        if rested is not None and rested.folder == view.attempt_dir:
            rested.feed.resume()
            return rested
        if rested is not None:
            rested.feed.close()
        self.state.live[view.id] = LiveRun()
        return _Open(self.backend.follow(view, self.wake), view.attempt_dir)

    def _fold(self, run: LiveRun, batch: Batch) -> None:
        run.fold(batch)
        if batch.rows or batch.preview or batch.metrics_restarted or batch.whole:
            self.state.touch("charts", "live")
        if batch.events or batch.events_restarted or batch.malformed or batch.gone is not None:
            self.state.touch("charts", "live")
        if batch.log or batch.log_restarted or batch.partial is not None:
            self.state.touch("log")

    def _forget(self) -> None:
        """Let the oldest runs go that are not on screen, beyond `KEPT` of them or `KEPT_BYTES`."""
        held = sum(run.nbytes() for run in self.state.live.values())
        for id_ in list(self._resting):
            if len(self._resting) <= KEPT and held <= KEPT_BYTES:
                return
            self._resting.pop(id_).feed.close()
            held -= self.state.live.pop(id_).nbytes()
