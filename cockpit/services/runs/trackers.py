"""Runs left open in an experiment tracker: their reporter was killed, or the tracker was out of reach."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.lock import is_held

RESTARTS = 5  # of a reporter that died; what ends it each time would end the next one too
SURE_S = (
    30.0  # until a reporter that was started holds its lock, on a busy machine; doubled with each restart
)
CLOSE_S = 180.0  # the closer gives up by itself a good deal sooner
MODULE = "trainers.report.tracker"
LOCK = ".tracker.lock"  # in the attempt's folder; a reporter holds it while it lives


def start(attempt: AttemptLayout, pid: int, env: Mapping[str, str]) -> None:
    """Report a trainer of the user's own, `pid`, which starts no reporter itself. Never raises."""
    try:
        attempt.tracker_log.parent.mkdir(parents=True, exist_ok=True)
        atomic.mark_opening(attempt.tracker)
        with attempt.tracker_log.open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", MODULE, str(attempt.root), "--watch", str(pid)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True,
            )  # fmt: skip
    except OSError:
        return


class Kept:
    """Keeps a run's reporter alive: one that died is started anew, and goes on where tracker.json says it got to."""

    def __init__(
        self,
        attempt: AttemptLayout,
        env: Mapping[str, str],
        say: Callable[[str], None],
        *,
        start: Callable[[AttemptLayout, int, Mapping[str, str]], None] = start,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._attempt, self._env, self._say = attempt, env, say
        self._start, self._clock = start, clock
        self._started = 0
        self._next = clock() + SURE_S

    def look(self, trainer: int) -> None:
        """Start it anew where nobody reports `trainer`, a process id, that is to be reported; cheap otherwise."""
        if self._started > RESTARTS or self._clock() < self._next:
            return
        self._next = self._clock() + SURE_S
        if not left_open(self._attempt) or is_held(self._attempt.root / LOCK, unknown=True):
            return
        self._started += 1
        if self._started > RESTARTS:
            self._say(
                f"the tracker's process died {self._started} times, and is left alone until the run's end"
            )
            return
        self._say(f"the tracker's process died: started anew ({self._started} of at most {RESTARTS} times)")
        self._next = self._clock() + SURE_S * 2**self._started
        self._start(self._attempt, trainer, self._env)


def left_open(attempt: AttemptLayout) -> bool:
    """Whether a reporter began on this attempt and never ended its run there."""
    record = atomic.read_object(attempt.tracker)
    return record is not None and record.get("state") != "closed"


def close_left(attempt: AttemptLayout) -> None:
    """Send what is missing and end the run, if it can be reached; waits for that, within bounds. Never raises."""
    process = start_closing(attempt)
    if process is None:
        return
    try:
        process.wait(CLOSE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_closing(attempt: AttemptLayout) -> subprocess.Popen[bytes] | None:
    """The same in the background, for a run that nobody supervises any more; None where nothing was started."""
    if not left_open(attempt):
        return None
    try:
        with attempt.tracker_log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", MODULE, str(attempt.root), "--close"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
    except OSError:
        return None
