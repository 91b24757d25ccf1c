"""Reads what the run screen shows from the disk, in a thread, one request at a time; the newest request wins."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.message import Message

from cockpit.ui.messages import RunFilesRead

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.backend.protocol import Backend
    from cockpit.ui.backend.summary import SampleFile

MOST_ROWS = 2000
KEPT = 8
"""Files of answers that stay in memory."""


class RunReader:
    """`ask(what, view)` answers with a RunFilesRead message: "files", "recipe", "log", or rows of one file."""

    def __init__(self, backend: Backend, post: Callable[[Message], object]) -> None:
        self.backend, self.post = backend, post
        self._kept: OrderedDict[tuple[str, object], Any] = OrderedDict()
        self._waiting: dict[str, Callable[[], Any]] = {}
        self._lock = threading.Lock()
        self._busy = False

    def ask(self, what: str, view: ExperimentView) -> None:
        """Read "files", "recipe" or "log" of a run anew."""
        backend = self.backend
        asks: dict[str, Callable[[], Any]] = {
            "files": lambda: list(backend.sample_files(view)),
            "recipe": lambda: backend.recipe(view),
            "log": lambda: list(backend.log_lines(view)),
        }
        self._queue(what, asks[what])

    def ask_rows(self, what: str, file: SampleFile) -> None:
        """Read one file of answers; it is written once, so it is kept."""
        self._queue(what, lambda: self._rows(file))

    def _rows(self, file: SampleFile) -> Any:
        try:
            stat = file.path.stat()
        except OSError:
            return []
        key = (str(file.path), (stat.st_mtime_ns, stat.st_size))
        if key not in self._kept:
            self._kept[key] = list(self.backend.rows(file, MOST_ROWS))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _queue(self, what: str, read: Callable[[], Any]) -> None:
        with self._lock:
            self._waiting[what] = read
            if self._busy:
                return
            self._busy = True
        threading.Thread(target=self._work, name="cockpit-reader", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                what, read = self._waiting.popitem()
            try:
                self.post(RunFilesRead(what, read()))
            except Exception as error:  # noqa: BLE001 - an unreadable file is an empty list; the log says why
                self.backend.complain(error)
                self.post(RunFilesRead(what, []))
