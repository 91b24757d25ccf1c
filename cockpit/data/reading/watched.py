"""Tell how far the reading of files is to whoever waits for it, wherever below the files are read.

with watched(lambda name, rows: …):
    init(…)     # reads files of a million rows, several times
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

Tell = Callable[[str, int], object]
_PATIENCE_S = 2.0
_EVERY_S = 0.5
_EACH = 1000  # rows between two looks at the clock
_teller: ContextVar[Tell | None] = ContextVar("teller", default=None)


@contextmanager
def watched(tell: Tell) -> Generator[None]:
    """Call `tell` with a file's name and the number of rows read, now and then, where a file takes over two seconds."""
    token = _teller.set(tell)
    try:
        yield
    finally:
        _teller.reset(token)


def told(path: Path, rows: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """The rows as they come, and word of them to who watches."""
    tell = _teller.get()
    return rows if tell is None else _counted(path.name, rows, tell)


def _counted(name: str, rows: Iterator[tuple[int, Any]], tell: Tell) -> Iterator[tuple[int, Any]]:
    due = time.monotonic() + _PATIENCE_S
    for count, numbered in enumerate(rows, 1):
        if not count % _EACH and time.monotonic() > due:
            due = time.monotonic() + _EVERY_S
            tell(name, count)
        yield numbered
