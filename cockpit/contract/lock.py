"""Locks on files, between processes: the kernel lets go of one when its holder dies, so none is ever stale.

`flock` on a file of its own, which is never removed or written to. The standard library is enough here: the filelock
package makes the same call, knows no shared lock, and on a file system without locks falls back to a file that a
killed holder leaves behind for ever. Linux passes the call on to the server of an NFS mount. Where nobody offers locks
`take` says so (`state == "none"`) and the caller decides what it can do without one.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal

State = Literal["held", "busy", "none"]
PROBE_S = 0.2
"""How long to wait for a lock that others look at: `is_held` has it for an instant, and is no holder."""
EVERY_S = 0.05  # how often a lock that somebody holds is asked for again


class Lock:
    """What came of asking for a lock: `held`, `busy` (somebody else has it), or `none` (no locks on this file system).

    It is let go of by `release`, at the end of a `with` block, or when the process ends.
    """

    def __init__(self, state: State, handle: int) -> None:
        self.state: State = state
        self._handle = handle

    @property
    def free(self) -> bool:
        """Whether nobody else is known to hold it, so that one may go on."""
        return self.state != "busy"

    def is_on(self, path: Path) -> bool:
        """Return True if the file that is held is still the one at `path`: a lease's file may be removed."""
        try:
            return self._handle >= 0 and path.stat().st_ino == os.fstat(self._handle).st_ino
        except OSError:
            return False

    def release(self) -> None:
        """Let go of it; a second call does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    close = release

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def take(
    path: Path,
    *,
    wait_s: float = 0.0,
    shared: bool = False,
    waiting: Callable[[], None] | None = None,
    every_s: float = EVERY_S,
) -> Lock:
    """Ask for the lock on `path`, for at most `wait_s` seconds (`float("inf")`: until it is free).

    `waiting` is called before each further try; what it raises ends the waiting. Raises OSError where the file can't
    be made: its folder has to be there.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        state = _wait(handle, wait_s, shared=shared, waiting=waiting, every_s=every_s)
    except BaseException:
        os.close(handle)
        raise
    if state == "busy":
        os.close(handle)
        handle = -1
    return Lock(state, handle)


def is_held(path: Path, *, unknown: bool = False) -> bool:
    """Return True if some process holds the lock on `path` now. Makes no file, and holds nothing afterwards.

    It looks by taking the lock for an instant: whoever gives up where it is busy waits `PROBE_S` seconds first.

    `unknown` is the answer where it can't be told: the file can't be opened, or the file system has no locks.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return unknown
    try:
        state = _try(handle, shared=False)
    finally:
        os.close(handle)
    return unknown if state == "none" else state == "busy"


def _wait(
    handle: int, wait_s: float, *, shared: bool, waiting: Callable[[], None] | None, every_s: float
) -> State:
    until = time.monotonic() + wait_s
    while (state := _try(handle, shared=shared)) == "busy" and time.monotonic() < until:
        if waiting is not None:
            waiting()
        time.sleep(every_s * random.uniform(0.5, 1.0))  # many who wait are not to ask all at once
    return state


def _try(handle: int, *, shared: bool) -> State:
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return "busy"
    except OSError:
        return "none"
    return "held"
