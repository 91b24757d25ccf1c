"""SIGTERM and SIGINT ask a trainer to stop at the end of its step; a second one insists.

Not every second SIGTERM is a second wish: Slurm signals a job's processes, and srun passes its own on to them; so does
torch's launcher. What follows within ECHO_S is the same wish, and under Slurm, which kills by itself when its time has
come, all of them are.
"""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

_ASKED = (signal.SIGTERM, signal.SIGINT)
ECHO_S = 3.0


class Stopped(Exception):
    """The run was asked to stop at a point where nothing is left to save."""


class StopFlag:
    """Set by a signal or by the cockpit; trainers look at it between steps, evaluations between batches."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._first = 0.0

    def __bool__(self) -> bool:
        return self.reason is not None

    def set(self, reason: str) -> None:
        """Ask for a stop; the first reason is the one that is reported."""
        self.reason = self.reason or reason

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT, and let through those that waited during an exec (see `hold`)."""
        for number in _ASKED:
            signal.signal(number, self._asked)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        echo = now - self._first < ECHO_S or "SLURM_JOB_ID" in os.environ
        if self and number == signal.SIGTERM and echo:
            return
        self._first = self._first or now
        if self:
            # Asked twice: whoever asks has no patience for a checkpoint.
            raise KeyboardInterrupt
        self.set(f"asked by {signal.Signals(number).name}")


def hold() -> None:
    """Let signals wait: an exec forgets handlers but keeps the mask, so none is lost on the way."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
