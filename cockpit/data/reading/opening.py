"""Open data files within bounds: plain files alone, lines and values of a bounded length, gzip that unpacks to data."""

from __future__ import annotations

import errno
import gzip
import io
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError

LONGEST = untrusted.MOST
"""Bytes (of text: characters) of a line, and of a row."""
TOO_LONG = f"longer than {LONGEST >> 20} MB"
_BUFFER = 1 << 20
_TIMES, _FREE = (
    500,
    64 << 20,
)  # what a gzip file may unpack to, and bytes beyond: repetitive text reaches a hundred
_NO_FILE = (errno.EINVAL, errno.ENXIO, errno.ENODEV)


def opened(path: Path) -> BinaryIO:
    """Open a data file as it is. Raises CockpitError for what is no plain file, or can't be read."""
    try:
        return untrusted.opened(path)
    except FileNotFoundError:
        raise CockpitError("there is no such data file", "Correct the path.", file=path) from None
    except OSError as error:
        if path.is_dir():
            raise CockpitError(
                "this is a folder, not a data file", "Name a JSONL file in it.", file=path
            ) from None
        if error.errno in _NO_FILE:
            raise CockpitError(
                "this is a pipe or a device, not a file", "Write its rows into a file, and name that.", file=path
            ) from None  # fmt: skip
        raise CockpitError(
            f"the data file can't be read: {error.strerror or error}", "Check its rights.", file=path
        ) from error


def raw(path: Path, *, packed: bool) -> BinaryIO:
    """Open a data file; its bytes come unpacked where it is `packed` with gzip. Raises CockpitError."""
    handle = opened(path)
    return cast("BinaryIO", io.BufferedReader(_Unpacking(handle, path), _BUFFER)) if packed else handle


def text(path: Path, *, packed: bool) -> io.TextIOWrapper:
    """The same as text in UTF-8."""
    return io.TextIOWrapper(raw(path, packed=packed), encoding="utf-8-sig", newline="")


def lines(handle: BinaryIO, path: Path, most: int = LONGEST) -> Iterator[bytes]:
    """The lines of an open file. Raises CockpitError for one that is too long to be a row's."""
    return cast("Iterator[bytes]", _lines(handle, path, b"", most))


def text_lines(handle: TextIO, path: Path) -> Iterator[str]:
    """The same of text."""
    return cast("Iterator[str]", _lines(handle, path, "", LONGEST))


def _lines(handle: Any, path: Path, end: bytes | str, most: int) -> Iterator[Any]:
    for number, line in enumerate(iter(partial(handle.readline, most + 1), end), 1):
        if len(line) > most:
            raise CockpitError(f"this line is {TOO_LONG}", "Write one row a line.", file=path, line=number)
        yield line


class _Unpacking(io.RawIOBase):
    """What a gzip file holds, up to what a file of its size may hold."""

    def __init__(self, packed: BinaryIO, path: Path) -> None:
        self._file, self._held, self._path = packed, gzip.GzipFile(fileobj=packed), path
        self._left = _FREE + _TIMES * path.stat().st_size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Unpack as much as fits. Raises CockpitError for what is no whole gzip file, or holds too much."""
        try:
            data = self._held.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise CockpitError(
                f"this is not a whole gzip file: {error}", "Unpack or fetch it anew.", file=self._path
            ) from None
        self._left -= len(data)
        if self._left < 0:
            raise CockpitError(
                f"this gzip file unpacks to over {_TIMES} times its size, which no data do",
                "Unpack it, and see what is in it.", file=self._path,
            )  # fmt: skip
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._held.close()
        self._file.close()
        super().close()
