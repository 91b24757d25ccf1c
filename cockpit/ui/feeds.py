"""The tails that are open: those of the experiments on screen and no others. Folds what they read into the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cockpit.ui.state import CockpitState

if TYPE_CHECKING:
    from cockpit.services.follower import Batch
    from cockpit.services.workspace import ExperimentView
    from cockpit.ui.backend import Backend, Feed
    from cockpit.ui.live import LiveRun

KEPT = 12
"""Runs whose data stay in memory after they left the screen; the oldest go first."""


class _Open(NamedTuple):
    feed: Feed
    folder: Path | None


class Feeds:
    """Opens and closes followers as the selection moves. Used from the screen's thread only."""

    def __init__(self, backend: Backend, state: CockpitState, wake: Callable[[], None]) -> None:
        self.backend = backend
        self.state = state
        self.wake = wake
        self._open: dict[str, _Open] = {}

    def show(self, views: Iterable[ExperimentView]) -> None:
        """Follow exactly `views`: those with an attempt."""
        from cockpit.ui.live import LiveRun

        wanted = {view.id: view for view in views if view.attempt_dir is not None}
        for id_ in [i for i, o in self._open.items() if i not in wanted or o.folder != wanted[i].attempt_dir]:
            self._open.pop(id_).feed.close()
            self.state.live.pop(id_, None) if id_ in wanted else None
        for id_, view in wanted.items():
            if id_ not in self._open:
                self.state.live[id_] = LiveRun()  # read from the start: a tail has no memory of its own
                self._open[id_] = _Open(self.backend.follow(view, self.wake), view.attempt_dir)
                self.state.touch("live", "log", "charts")
        self._forget(wanted)

    def drain(self) -> None:
        """Fold everything that was read; touches the topics that changed."""
        for id_, opened in self._open.items():
            run = self.state.live[id_]
            for batch in opened.feed.drain():
                self._fold(run, batch)

    def close(self) -> None:
        for opened in self._open.values():
            opened.feed.close()
        self._open.clear()

    def _fold(self, run: LiveRun, batch: Batch) -> None:
        run.fold(batch)
        if batch.rows or batch.preview or batch.metrics_restarted or batch.whole:
            self.state.touch("charts", "live")
        if batch.events or batch.events_restarted or batch.malformed or batch.gone is not None:
            self.state.touch("charts", "live")
        if batch.log or batch.log_restarted or batch.partial is not None:
            self.state.touch("log")

    def _forget(self, wanted: Iterable[str]) -> None:
        spare = [id_ for id_ in self.state.live if id_ not in set(wanted)]
        for id_ in spare[: max(0, len(self.state.live) - KEPT)]:
            del self.state.live[id_]
