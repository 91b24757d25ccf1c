"""The thread that reads the workspace, the machine and the findings, and says what changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from textual.message import Message

from cockpit.contract.errors import CockpitError
from cockpit.ui.backend.summary import Problem, WorkspaceSnapshot
from cockpit.ui.messages import FindingsRead, HardwareRead, WorkspaceRefreshed

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.backend.protocol import Backend

T = TypeVar("T")
REFRESH_S, IDLE_REFRESH_S = 1.0, 2.5
"""Seconds between two readings of the workspace while something runs, and while nothing does."""
HARDWARE_S = 5.0
FINDINGS_S = 4.0
FINDINGS_SHARE = 300.0
"""Judging a long run takes a while: it is done no oftener than takes a third of a percent."""


class Poller:
    """Reads at once, then at intervals; `poke` makes it read now. Posts only what differs from the last time."""

    def __init__(
        self,
        backend: Backend,
        post: Callable[[Message], object],
        shown: Callable[[], ExperimentView | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self.backend, self.post, self.shown, self.clock, self.cpu = backend, post, shown, clock, cpu
        self._findings_pause = FINDINGS_S
        self._wake = threading.Event()
        self._stop = False
        self._snapshot: WorkspaceSnapshot | None = None
        self._hardware_at = self._findings_at = float("-inf")
        self._hardware: object = None
        self._findings: object = None
        self._thread = threading.Thread(target=self._run, name="cockpit-poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poke(self) -> None:
        """Read now: an action changed something, or the selection moved."""
        self._findings_at = self._hardware_at = float("-inf")
        self._wake.set()

    def stop(self) -> None:
        """Ends the thread soon; it is a daemon, so nobody waits for it."""
        self._stop = True
        self._wake.set()

    def _run(self) -> None:
        while not self._stop:
            running = self.refresh()
            self._wake.wait(REFRESH_S if running else IDLE_REFRESH_S)
            self._wake.clear()

    def refresh(self) -> bool:
        """One round; whether anything runs."""
        try:
            snapshot = self.backend.refresh()
        except CockpitError as error:
            last = self._snapshot or WorkspaceSnapshot()
            snapshot = last._replace(problem=Problem(error.title, error.fix))
        except Exception as error:  # noqa: BLE001 - one broken file must not end the looking; the log has it
            self.backend.complain(error)
            snapshot = (self._snapshot or WorkspaceSnapshot())._replace(
                problem=Problem("the workspace could not be read")
            )
        first, changed = self._snapshot is None, snapshot != self._snapshot
        self._snapshot = snapshot
        if changed:
            self.post(WorkspaceRefreshed(snapshot))
        if not first:
            self._refresh_rest()
        return first or any(view.status == "running" for view in snapshot.experiments)

    def _refresh_rest(self) -> None:
        """The slower looks, only once the first snapshot stands: the machine, the shown run's findings."""
        now = self.clock()
        view = self.shown()
        if now - self._hardware_at >= HARDWARE_S:
            self._hardware_at = now
            hardware = self._tried(self.backend.hardware, view)
            if hardware is not None and hardware != self._hardware:
                self._hardware = hardware
                self.post(HardwareRead(hardware))
        if view is not None and now - self._findings_at >= self._findings_pause:
            self._findings_at = now
            began = self.cpu()
            findings = self._tried(self.backend.run_findings, view)
            self._findings_pause = max(FINDINGS_S, FINDINGS_SHARE * (self.cpu() - began))
            if findings is not None and (view.id, findings) != self._findings:
                self._findings = (view.id, findings)
                self.post(FindingsRead(view.id, tuple(findings)))

    def _tried(self, ask: Callable[[Any], T], about: Any) -> T | None:
        """What `ask` says, or None where it failed: the log has the traceback, the looking goes on."""
        try:
            return ask(about)
        except Exception as error:  # noqa: BLE001 - see above
            self.backend.complain(error)
            return None
