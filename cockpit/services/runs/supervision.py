"""The supervisor's wait for the trainer's end, a signal, the time budget or a stop; it sleeps in between."""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from cockpit.contract import control
from cockpit.contract.layout import AttemptLayout
from cockpit.core.runs.evidence import Pid
from cockpit.services.runs import observe, trackers
from cockpit.services.runs.aftermath import Beside
from cockpit.services.runs.record import ProcessFile
from cockpit.services.system.processes import (
    Row,
    alive,
    belonging,
    descendants,
    end_all,
    look,
    send,
    table,
)
from cockpit.services.system.spawn import LAUNCH

TICK_S = 5.0  # how often the folder and its control requests are looked at
GRACE_S = 60.0  # before SIGTERM, and again before SIGKILL, where the recipe says nothing
NOW_GRACE_S = 2.0  # for a stop that has to be now
ORPHAN_GRACE_S = 5.0  # for what the trainer left behind, trackers that upload among it
GRACE_FILE = "grace_s"  # in control/: another grace for this stop

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ash", "ksh"})
_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)


@dataclass
class Stop:
    """A stop under way. `deadline` (monotonic seconds) is when the next, harder step comes."""

    reason: str
    phase: Literal["asked", "terminated", "killed"]
    grace_s: float
    deadline: float
    patient: bool = True
    """Whether a trainer that answered the request has another grace: SIGTERM would cut its checkpoint short."""


class Watch:
    """Waits for one trainer. Made before it is started, so that no signal to the supervisor is lost."""

    def __init__(
        self,
        layout: AttemptLayout,
        record: ProcessFile,
        *,
        grace_s: float | None,
        beside: Beside,
        reporter: trackers.Kept,
    ) -> None:
        self.layout = layout
        self.record = record
        self.beside = beside
        self.reporter = reporter
        self.stop: Stop | None = None
        self.forced = False
        self.now = False
        """Whether the user wants no checkpoint."""
        self._grace_s = GRACE_S if grace_s is None else grace_s
        self._folder = _open_folder(layout.root)
        self._old_stops = control.carried_out(layout, "stop")
        self._bell, bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in _HEARD:
            signal.signal(number, _heard)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)

    @property
    def reason(self) -> str | None:
        """Why the trainer was asked to stop, or None."""
        return self.stop.reason if self.stop else None

    def until_end(self, trainer: Pid, *, child: bool) -> int | None:
        """Wait for the end; gives the exit status (negative: a signal), None where it can't be known."""
        budget = _deadline(self.record)
        handle = _pidfd(trainer.pid)
        heard = [self._bell] if handle is None else [self._bell, handle]
        try:
            while True:
                over, status = _reap(trainer) if child else (not alive(trainer), None)
                if over:
                    return status
                self._act(trainer, budget)
                self.beside.look()
                self.reporter.look(trainer.pid)
                next_step = budget if self.stop is None else self.stop.deadline
                wake = min(TICK_S, next_step - time.monotonic())
                select.select(heard, [], [], max(0.0, wake))
        finally:
            self.beside.end()
            if handle is not None:
                os.close(handle)

    def write_stop(self) -> None:
        """Put into the record who asked for the stop and how hard it went; not yet on the disk."""
        if self.stop is not None:
            self.record.update(stop_reason=self.stop.reason, stop_now=self.now, forced=self.forced)

    def told_to_leave(self) -> bool:
        """Return True if this process was asked to end since it last looked: under Slurm its node is taken away."""
        return any(number in (signal.SIGTERM, signal.SIGINT) for number in self._signals())

    def sweep(self, trainer: Pid) -> None:
        """End what the trainer left running: in its session, marked as its own, or orphaned to us."""
        token = str(self.record.values.get("launch") or "")

        def left() -> list[Row]:
            _reap(None)
            rows = table()
            found = {row.pid: row for row in belonging(token, [trainer.pid], rows)}
            found |= {row.pid: row for row in descendants(os.getpid(), rows) if not row.zombie}
            spared = self.beside.alerts.processes(rows)
            return [row for row in found.values() if row.pid not in spared]

        grace = NOW_GRACE_S if self.forced else ORPHAN_GRACE_S
        begun = time.monotonic()
        while left() and not self.forced and time.monotonic() - begun < grace:
            time.sleep(0.05)
        swept = end_all(left, grace_s=grace)
        self.record.update(swept=[{"pid": row.pid, "name": row.name} for row in swept])

    def _act(self, trainer: Pid, budget: float) -> None:
        for number in self._signals():
            if number == signal.SIGUSR1:
                self._stop_now(trainer, "user")
            elif number in (signal.SIGTERM, signal.SIGINT) and self.stop is None:
                self._ask("user" if self._stop_asked() else "signal")
        if self.stop is None:
            if time.monotonic() >= budget:
                self._ask("time_budget")
            elif self._deleted():
                # Straight to SIGKILL: a checkpoint made in answer would bring half of the folder back.
                self.stop = Stop("deleted", "terminated", 0.0, 0.0)
                self._harder(trainer, self.stop)
            elif self._stop_asked():  # dropped by a cockpit on another machine, or by hand
                self._ask("user")
        elif time.monotonic() >= self.stop.deadline:
            self._harder(trainer, self.stop)

    def _ask(self, reason: str) -> None:
        """The first step: a control file, which the trainer finds at the end of its step."""
        grace = self._grace()
        try:
            if (
                not self._stop_answered()
            ):  # a quick trainer may have: asked again, it would owe a second answer
                control.request(self.layout, "stop")
        except OSError:
            asked = False  # no room to ask: SIGTERM says the same
        else:
            asked = True
        self.stop = Stop(reason, "asked", grace, time.monotonic() + grace * asked, patient=asked)
        self._note()

    def _stop_now(self, trainer: Pid, reason: str) -> None:
        self.now = True
        if self.stop is None or self.stop.phase == "asked":
            reason = self.stop.reason if self.stop else reason
            self.stop = Stop(reason, "asked", NOW_GRACE_S, 0.0, patient=False)
            self._note()
            self._harder(trainer, self.stop)
        else:
            self.stop.deadline = 0.0

    def _harder(self, trainer: Pid, stop: Stop) -> None:
        if stop.phase == "asked" and stop.patient and (self._stop_answered() or not self._stop_pending()):
            stop.patient = False
            stop.deadline = time.monotonic() + stop.grace_s
            return
        if stop.phase == "asked":
            stop.phase = "terminated"
            stop.deadline = time.monotonic() + stop.grace_s
            children = [row for row in descendants(trainer.pid) if row.parent == trainer.pid]
            row = look(trainer.pid)
            if row is not None and row.name in _SHELLS:  # a shell passes no signal on
                for child in children:
                    send(child.key, signal.SIGTERM)
            elif LAUNCH in self.record.values.get("argv", ()) and children:
                # A launcher ends its processes after 30 s, a checkpoint or not: they are asked themselves.
                for child in children:
                    send(child.key, signal.SIGTERM)
                return
            send(trainer, signal.SIGTERM)
            return
        stop.phase = "killed"
        stop.deadline = time.monotonic() + 1.0
        self.forced = True
        send(trainer, signal.SIGKILL)
        for row in belonging(str(self.record.values.get("launch") or ""), [trainer.pid]):
            send(row.key, signal.SIGKILL)

    def _grace(self) -> float:
        """The recipe's grace, but never less than two steps: a checkpoint is made between steps."""
        try:
            return float((self.layout.control / GRACE_FILE).read_text())
        except (OSError, ValueError):
            step = observe.signs(self.layout).step_time or 0.0
            return max(self._grace_s, 2 * step)

    def _note(self) -> None:
        assert self.stop is not None
        self.record.update(stop_reason=self.stop.reason, stop_requested=round(time.time(), 3))
        self.record.write()

    def _signals(self) -> bytes:
        try:
            return os.read(self._bell, 4096)
        except BlockingIOError:
            return b""

    def _stop_asked(self) -> bool:
        return self._stop_pending() or self._stop_answered()

    def _stop_pending(self) -> bool:
        return any(request.name == "stop" for request in control.pending(self.layout))

    def _stop_answered(self) -> bool:
        """Whether the trainer carried out a stop; it may before this process has seen the request."""
        return bool(control.carried_out(self.layout, "stop") - self._old_stops)

    def _deleted(self) -> bool:
        """Whether the attempt's folder was removed: nobody can find or stop this trainer then but us.

        A folder that was moved, or a server that does not answer, is not taken for a deleted one.
        """
        if self._folder is None:
            return False
        try:
            return os.fstat(self._folder).st_nlink == 0
        except OSError:
            return False


def _heard(number: int, frame: FrameType | None) -> None:
    """Nothing: the wake-up pipe has the signal, and an exec resets a handler but not an ignored signal."""


def _deadline(record: ProcessFile) -> float:
    """When the budget is used up, in monotonic seconds; each launch has the whole budget."""
    facts = record.facts
    if facts.time_budget_s is None:
        return float("inf")
    used = time.time() - facts.started if facts.started is not None else 0.0
    return time.monotonic() + facts.time_budget_s - max(0.0, used)


def _reap(trainer: Pid | None) -> tuple[bool, int | None]:
    """Collect children that ended, orphans handed to us among them; says whether `trainer` was one, and how."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return trainer is not None, None
        if pid == 0:
            return False, None
        if trainer is not None and pid == trainer.pid:
            return True, os.waitstatus_to_exitcode(status)


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def _open_folder(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
