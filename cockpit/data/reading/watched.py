"""Tell how far the reading of files is to whoever waits for it, wherever below the files are read.

with watched(print):
    init(…)     # reads files of a million rows, several times
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

Tell = Callable[[str], object]
_PATIENCE_S = 2.0
_EVERY_S = 0.5
_EACH = 1000  # rows between two looks at the clock


class _Watch:
    """Who is told, when next, and how many rows each file that was read to its end has."""

    def __init__(self, tell: Tell) -> None:
        self.tell, self.due = tell, time.monotonic() + _PATIENCE_S
        self.totals: dict[Path, int] = {}

    def look(self, path: Path, rows: int) -> None:
        if time.monotonic() > self.due:
            total = self.totals.get(path)
            self.tell(f"{path.name}: {rows:,}{f' of {total:,}' if total else ''} rows read")
            self.due = time.monotonic() + _EVERY_S


_watch: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(tell: Tell) -> Generator[None]:
    """Call `tell` now and then, once two seconds are over, with a file's name and how many of its rows are read.

    Of how many, it can say where the file was read once before.
    """
    token = _watch.set(_Watch(tell))
    try:
        yield
    finally:
        _watch.reset(token)


def told(path: Path, rows: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """The rows as they come, and word of them to who watches."""
    watch = _watch.get()
    return rows if watch is None else _counted(path, rows, watch)


def _counted(path: Path, rows: Iterator[tuple[int, Any]], watch: _Watch) -> Iterator[tuple[int, Any]]:
    count = 0
    for count, numbered in enumerate(rows, 1):
        if not count % _EACH:
            watch.look(path, count)
        yield numbered
    watch.totals[path] = count
