"""Follows one attempt in a thread: reads what is new when the kernel says so, hands it over in bounded batches.

    follower = Follower(attempt_dir, wake=lambda: app.post_message(DataArrived()))
    for batch in follower.drain():      # in the screen's thread, once it was woken
        ...
    follower.close()

`wake` is called once for all that waits, not again before the next `drain`. When `PENDING` bytes wait undrained, the
thread waits too, so that a file of any size goes through a few megabytes of memory.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from cockpit.services.live.attempt_tail import AttemptTail, Batch

__all__ = ["Batch", "Follower"]

PENDING = 2_000_000
"""Bytes that may wait to be drained; one more batch is read before the thread waits. Folding so much takes
the screen's thread some 10 ms, in which no key is heard."""
LOOK_S = 1.0
"""A look at the files in any case, for file systems that tell nobody of changes (NFS)."""
POLL_S = 0.25
"""Between two looks where no watch could be set."""
SEEN_S, DRAW_S = 1.0, 0.1
"""How long the first batch may wait to be drained, and what drawing it takes."""
_STEP_MS, _DEBOUNCE_MS = 50, 100
_BREATH_S = 0.0002  # between two chunks: lets the screen's thread have the interpreter

Watch = Callable[[Path, threading.Event], Iterator[object]]
"""Yields when something in the folder may have changed, and now and then; ends when the event is set."""


class Follower:
    """A running tail. `watch` and `poll_s` are for tests and for machines without inotify."""

    def __init__(
        self, root: Path, wake: Callable[[], None], *, watch: Watch | None = None, poll_s: float = POLL_S
    ) -> None:
        self.root = root
        self._wake = wake
        self._watch = watch or watch_files
        self._poll_s = poll_s
        self._tail = AttemptTail(root)
        self._waiting: deque[Batch] = deque()
        self._size = 0
        self._told = False
        self._room = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.resume()

    def drain(self) -> list[Batch]:
        """What was read since the last call, oldest first; never blocks for longer than a list is moved."""
        with self._room:
            batches = list(self._waiting)
            self._waiting.clear()
            self._size, self._told = 0, False
            self._room.notify()
        return batches

    def pause(self) -> None:
        """Read no more for now. What waits undrained stays; the thread ends soon, and nobody waits for it."""
        self._stop.set()
        with self._room:
            self._room.notify_all()

    def resume(self) -> None:
        """Go on reading from where it stopped."""
        self._stop = threading.Event()
        args = (self._stop, self._thread)
        self._thread = threading.Thread(target=self._run, args=args, name="cockpit-follower", daemon=True)
        self._thread.start()
        with self._room:
            waits = bool(self._waiting)
        if waits:
            self._wake()

    def close(self) -> None:
        """End it."""
        self.pause()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread's end."""
        if self._thread is not None:
            self._thread.join(timeout)

    # -- the thread

    def _run(self, stop: threading.Event, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # one reader at a time
        changes: Iterator[object] | None = None
        first = True
        while not stop.is_set():
            batch = self._tail.read()
            if batch:
                self._offer(batch, stop)
                if first or batch.preview is not None:
                    self._let_it_be_seen(stop)
                first = False
            if self._tail.more:
                time.sleep(_BREATH_S)
                continue
            changes = changes or self._watch(self.root, stop)
            try:
                if next(changes, self) is self:
                    changes = None
                    stop.wait(self._poll_s)
            except Exception:  # noqa: BLE001 - no watches left on this machine, or the folder is gone: it polls
                changes = None
                stop.wait(self._poll_s)

    def _let_it_be_seen(self, stop: threading.Event) -> None:
        """Leave the processor to whoever draws what came first: the rest is read behind what is seen."""
        with self._room:
            self._room.wait_for(lambda: not self._waiting or stop.is_set(), SEEN_S)
        stop.wait(DRAW_S)

    def _offer(self, batch: Batch, stop: threading.Event) -> None:
        with self._room:
            self._waiting.append(batch)
            self._size += batch.size
            tell, self._told = not self._told, True
        if tell:
            self._wake()
        with self._room:
            while self._size > PENDING and not stop.is_set():
                self._room.wait()


def watch_files(root: Path, stop: threading.Event) -> Iterator[object]:
    """Changes of the files directly in the attempt's folder and of its logs, and a beat every `LOOK_S`.

    Ends when a folder appears that has to be watched too. Raises OSError where nothing can be watched.
    """
    from watchfiles import watch

    logs = root / "logs"
    both = logs.is_dir()
    for changed in watch(
        *([root, logs] if both else [root]),
        watch_filter=None,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        stop_event=stop,
        rust_timeout=int(LOOK_S * 1000),
        yield_on_timeout=True,
        recursive=False,
        raise_interrupt=False,
    ):
        yield changed
        if both != logs.is_dir():
            return
