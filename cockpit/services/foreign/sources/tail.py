"""What is new in a growing binary file, a bounded block at a time; and a database that somebody else writes."""

from __future__ import annotations

import os
import sqlite3
import time
import urllib.parse
from pathlib import Path

from cockpit.contract.bounded import untrusted

BLOCK = 4_194_304


class ByteTail:
    """`read()` gives what is new; what the caller could not use yet is handed back with `keep`."""

    def __init__(self, path: Path, block: int = BLOCK) -> None:
        self.path = path
        self.offset = 0
        self.restarted = False
        self._block = block
        self._rest = b""
        self._inode: tuple[int, int] | None = None

    def read(self) -> bytes:
        """The kept rest and the next block; empty where nothing is new. `restarted` says that the file was replaced."""
        self.restarted = False
        try:
            with untrusted.opened(self.path) as handle:
                stat = os.fstat(handle.fileno())
                inode = (stat.st_dev, stat.st_ino)
                if self._inode is not None and (inode != self._inode or stat.st_size < self.offset):
                    self.offset, self._rest, self.restarted = 0, b"", True
                self._inode = inode
                handle.seek(self.offset)
                block = handle.read(self._block)
        except OSError:
            return b""
        if not block:
            return b""
        self.offset += len(block)
        data, self._rest = self._rest + block, b""
        return data

    def keep(self, rest: bytes) -> None:
        """Half a record: it comes again before the next block."""
        self._rest = rest


PATIENCE_S = 5.0  # for a query: what somebody else made of a database may never end


def read_only(database: Path) -> sqlite3.Connection:
    """Open an SQLite file without ever writing to it, or beside it. Raises sqlite3.Error, also where a query is slow.

    A database with a write-ahead log whose writer is gone is taken as it is: SQLite would make the log's files anew.
    """
    log, shared = (database.with_name(database.name + end) for end in ("-wal", "-shm"))
    still = "&immutable=1" if _logs_ahead(database) and not (log.exists() and shared.exists()) else ""
    address = f"file:{urllib.parse.quote(str(database.resolve()))}?mode=ro{still}"
    store = sqlite3.connect(address, uri=True, timeout=1.0)
    end = time.monotonic() + PATIENCE_S
    store.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    return store


def _logs_ahead(database: Path) -> bool:
    """Whether the file's header asks for a write-ahead log (sqlite.org/fileformat.html, bytes 18 and 19)."""
    try:
        with untrusted.opened(database) as handle:
            return handle.read(20)[18:20] == b"\x02\x02"
    except OSError:
        return False
