"""SIGTERM and SIGINT ask a trainer to stop at the end of its step; a second one stops it at once.

The same request can arrive twice: Slurm signals each process of a job, and srun and torch's launcher pass on the signal
that they got themselves. So a SIGTERM within ECHO_S of the first counts as the same request. Under Slurm every further
SIGTERM does, because Slurm kills a job by itself when its time is up.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
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

    def follow(self) -> None:
        """Ask for a stop because another process of the run was asked; a signal that comes soon is the same wish."""
        if not self:
            self.set("asked in another of its processes")
            self._first = time.monotonic()

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


def hold(*, again: bool = False) -> None:
    """Let signals wait: an exec forgets handlers but keeps the mask, so none is lost on the way.

    `again`: the stop was asked for already, too late for this program; the next one is to hear of it as well.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
    if again:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


def over() -> None:
    """Take no more signals: how the run ended is about to be written down, and that is what its exit code has to say.

    Python gives the signals their deadly default back while it shuts down; only an ignored one stays ignored. That is
    left to the exit itself, since a program started before then would inherit it.
    """
    for number in _ASKED:
        signal.signal(number, _unheard)
    atexit.register(_ignore)


def _unheard(number: int, frame: FrameType | None) -> None:
    """Nothing."""


def _ignore() -> None:
    for number in _ASKED:
        signal.signal(number, signal.SIG_IGN)
