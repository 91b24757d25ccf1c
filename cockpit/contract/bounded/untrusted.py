"""Read what others wrote: plain files alone, so much of them, JSON so deep; and nothing in it hurts who works with it.

A pipe or a device is never opened to be read, also behind a link: either may block or never end. JSON that is nested
deeper than anything sound is refused, since whoever walks it would fail; numbers too long to reckon with become floats,
and halves of characters, which can't be printed or written, become the replacement character.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

MOST = 256 << 20  # bytes of a file that is read whole
DEEPEST = 100  # of JSON: a trainer's state has four levels, a recipe five
LONGEST = 40  # digits of a whole number
_DEPTH = {ord(b): 1 for b in "[{"} | {ord(b): -1 for b in "]}"}
_OTHERS = bytes(byte for byte in range(256) if byte not in _DEPTH)
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_HALVES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_DIGITS = re.compile(r"\d{19}")


def opened(path: Path | str) -> BinaryIO:
    """Open a plain file for reading. Raises OSError, also for what is no plain file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path | str, most: int = MOST) -> bytes:
    """Read a plain file whole. Raises OSError, also where it is larger than `most`."""
    with opened(path) as handle:
        data = handle.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most >> 20} MB", str(path))
    return data


def read_text(path: Path | str, most: int = MOST) -> str:
    """Read a plain file as UTF-8; what is none becomes the replacement character. Raises OSError."""
    return read_bytes(path, most).decode("utf-8", "replace")


def parse(data: bytes | str) -> Any:
    """Read JSON as a value that can be walked, reckoned with, printed and written. Raises ValueError."""
    if isinstance(data, str):
        text, data = data, data.encode("utf-8", "replace")
    else:
        text = data.decode(json.detect_encoding(data))
    if data.count(b"[") + data.count(b"{") > DEEPEST and _deep(data):
        raise ValueError(f"JSON nested more than {DEEPEST} deep")
    if "\\ud" in text or "\\uD" in text:
        text = _HALVES.sub(r"\\ufffd", text)
    try:
        return json.loads(text, parse_int=_whole) if _DIGITS.search(text) else json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None


def _deep(data: bytes) -> bool:
    """Whether brackets outside strings are nested deeper than allowed."""
    brackets = _STRINGS.sub(b"", data).translate(None, _OTHERS)
    return max(itertools.accumulate(map(_DEPTH.__getitem__, brackets)), default=0) > DEEPEST


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST else float(digits)
