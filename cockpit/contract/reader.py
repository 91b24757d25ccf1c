"""Reading the seam's line files while they grow: whole lines only, and nothing that is in them can hurt.

Half a line means "later"; a file that shrank or was replaced is read again from its start; a line that is
no JSON object is counted, not raised; a line longer than `MAX_LINE` is skipped, not kept in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cockpit.contract.bounded import untrusted

CHUNK = 131_072  # bytes a read: 256 KiB of JSON lines block an event loop for 1.4 ms, half is plenty
MAX_LINE = 4_194_304  # bytes


class LineTail:
    """Follows one growing file; every `read()` gives the whole lines that are new, at most a chunk of them.

    `more` says that another chunk is waiting; `restarted` counts truncations and replacements (a reader that
    sees it change starts again from nothing); `skipped` counts lines over `MAX_LINE`; `offset` is in bytes.
    """

    def __init__(self, path: Path, chunk: int = CHUNK) -> None:
        self.path = path
        self.chunk = chunk
        self.offset = 0
        self.more = False
        self.restarted = 0
        self.skipped = 0
        self._rest = b""
        self._skipping = False
        self._inode: tuple[int, int] | None = None

    @property
    def given(self) -> int:
        """Where the first line begins that was not given yet (bytes): a later reader may go on from there."""
        return self.offset - len(self._rest)

    def read(self) -> list[bytes]:
        """The next whole lines, without their newlines. A missing file has none. Never raises OSError."""
        self.more = False
        try:
            with untrusted.opened(self.path) as handle:
                stat = os.fstat(handle.fileno())
                self._notice_restart(stat)
                handle.seek(self.offset)
                block = handle.read(self.chunk)
                self.more = stat.st_size > self.offset + len(block)
        except OSError:
            return []
        self.offset += len(block)
        return self._lines(block)

    def _notice_restart(self, stat: os.stat_result) -> None:
        inode = (stat.st_dev, stat.st_ino)
        shrank = stat.st_size < self.offset
        if self._inode is not None and (inode != self._inode or shrank):
            self.restarted += 1
            self.offset = 0
            self._rest = b""
            self._skipping = False
        self._inode = inode

    def _lines(self, block: bytes) -> list[bytes]:
        if not block:
            return []
        if self._skipping:
            _, newline, block = block.partition(b"\n")
            if not newline:
                return []
            self._skipping = False
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE:
            self._rest = b""
            self._skipping = True
            self.skipped += 1
        return [line for line in lines if line]


def decode_line(line: bytes) -> dict[str, Any] | None:
    """One line as a dict (NaN and Infinity, which `json.dumps` writes, are accepted); None if malformed."""
    try:
        value = untrusted.parse(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def read_rows(path: Path, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The well-formed lines of a finished file, at most `limit`; a missing file has none."""
    tail = LineTail(path)
    given = 0
    while True:
        lines = tail.read()
        for line in lines:
            row = decode_line(line)
            if row is not None:
                yield row
                given += 1
                if limit is not None and given >= limit:
                    return
        if not tail.more:
            return


def unreadable_lines(path: Path, *, ended: bool = True) -> int:
    """How many lines `read_rows` passes over; half a line at the end is one where its writer has `ended`."""
    tail = LineTail(path)
    count = 0
    while True:
        count += sum(decode_line(line) is None for line in tail.read())
        if not tail.more:
            return count + tail.skipped + (ended and tail.given < tail.offset)


def last_event(path: Path, *kinds: str, window: int = 1_048_576) -> dict[str, Any] | None:
    """The newest event of one of `kinds` within the last `window` bytes of an events file, or None."""
    try:
        with untrusted.opened(path) as handle:
            size = handle.seek(0, 2)
            handle.seek(max(0, size - window))
            lines = handle.read(window).split(b"\n")
    except OSError:
        return None
    marks = [kind.encode() for kind in kinds]
    for line in reversed(lines):
        if any(mark in line for mark in marks):
            row = decode_line(line)
            if row is not None and row.get("kind") in kinds:
                return row
    return None


def weights_key(folder: Path) -> str:
    """SHA-256 over the weights of `folder` (names and contents of its safetensors files), in hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.name.encode())
        with untrusted.opened(path) as handle:
            while chunk := handle.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
