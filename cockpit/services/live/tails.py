"""Bounded tails of files that grow: whole lines as one block of bytes, and the end of a log as text."""

from __future__ import annotations

import os
from pathlib import Path

from cockpit.contract.bounded import untrusted
from cockpit.contract.reader import CHUNK, MAX_LINE

LOG_BACK = 262_144
"""Bytes of a long log that are read when it is opened: more lines than a screen keeps."""
LOG_LINE = 4000
"""Characters of one log line that are kept."""
_MARK = 64  # bytes at the start of a file by which it is known again


class BlockTail:
    """Follows one file; each `read()` gives the new whole lines as they stand, at most a chunk of them.

    Half a line means "later". `restarted` says that the last read found the file truncated, rewritten or replaced,
    and began at its start again. `skipped` counts lines longer than `MAX_LINE`, which are never kept in memory.
    """

    def __init__(self, path: Path, *, chunk: int = CHUNK, overwrites: bool = False) -> None:
        self.path, self.chunk = path, chunk
        self.overwrites = overwrites
        """Whether a carriage return makes what stands before it in the line void."""
        self.offset = 0
        self.size = 0
        self.skipped = 0
        self.restarted = False
        self.rest = b""
        """The half line at the end."""
        self._skipping = False
        self._inode: tuple[int, int] | None = None
        self._mark = b""

    @property
    def more(self) -> bool:
        """Whether there was more in the file than has been read."""
        return self.size > self.offset

    def read(self) -> bytes:
        """The next whole lines, newlines included; b"" for none. A missing file has none. Never raises OSError."""
        self.restarted = False
        try:
            with untrusted.opened(self.path) as handle:
                stat = os.fstat(handle.fileno())
                self.size = stat.st_size
                start = os.pread(handle.fileno(), _MARK, 0)
                self._notice_restart(stat, start)
                if self.size == self.offset:
                    return b""
                block = os.pread(handle.fileno(), self.chunk, self.offset)
        except OSError:
            self.size = self.offset
            return b""
        self.offset += len(block)
        if not block:
            self.size = self.offset
        self._mark = start[: self.offset]
        return self._whole_lines(block)

    def _notice_restart(self, stat: os.stat_result, start: bytes) -> None:
        inode = (stat.st_dev, stat.st_ino)
        same = inode == self._inode and stat.st_size >= self.offset and start.startswith(self._mark)
        if self._inode is not None and not same:
            self.restarted = True
            self.begin(0)
        self._inode = inode

    def begin(self, offset: int) -> None:
        """Go on from `offset` (bytes), the start of a line."""
        self.offset = offset
        self.rest, self._skipping, self._mark = b"", False, b""

    def _whole_lines(self, block: bytes) -> bytes:
        if self._skipping:
            _, newline, block = block.partition(b"\n")
            if not newline:
                return b""
            self._skipping = False
        end = block.rfind(b"\n") + 1
        whole, rest = (self.rest + block[:end], block[end:]) if end else (b"", self.rest + block)
        if self.overwrites:
            rest = rest[rest.rstrip(b"\r").rfind(b"\r") + 1 :]
        if len(rest) > MAX_LINE:
            rest = b""
            self._skipping = True
            self.skipped += 1
        self.rest = rest
        return whole


class LogTail:
    """Follows a log from near its end. A progress bar's carriage returns count as one line: its newest state.

    `partial` is the line that is being written, cut as lines are.
    """

    def __init__(self, path: Path, *, chunk: int = CHUNK, back: int = LOG_BACK) -> None:
        self._tail = BlockTail(path, chunk=chunk, overwrites=True)
        self._back = back
        self._opened = False
        self.partial = ""
        self.restarted = False

    @property
    def more(self) -> bool:
        return self._tail.more

    def read(self) -> list[str]:
        """The next whole lines."""
        if not self._opened:
            self._skip_to_end()
        block = self._tail.read()
        self.restarted = self._tail.restarted
        self.partial = _shown(self._tail.rest)
        return [_shown(line) for line in block.split(b"\n")[:-1]]

    def _skip_to_end(self) -> None:
        try:
            size = self._tail.path.stat().st_size
            if size > self._back:
                with untrusted.opened(self._tail.path) as handle:
                    handle.seek(size - self._back)
                    self._tail.begin(size - self._back + len(handle.readline(MAX_LINE)))
            self._opened = True
        except OSError:
            return


def _shown(line: bytes) -> str:
    """What a terminal would show of a line in the end, at most `LOG_LINE` characters."""
    return line.rstrip(b"\r").rpartition(b"\r")[2][: 4 * LOG_LINE].decode("utf-8", "replace")[:LOG_LINE]
