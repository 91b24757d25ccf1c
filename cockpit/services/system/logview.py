"""The last lines of a log, however long the file is: read backwards in blocks."""

from __future__ import annotations

from pathlib import Path

from cockpit.contract.bounded import untrusted

_BLOCK = 65_536
_MOST = 64_000_000  # bytes: a log of one endless line must not fill the memory


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines, oldest first, carriage returns as line ends; a missing file has none."""
    if count <= 0:
        return []
    data = b""
    try:
        with untrusted.opened(path) as handle:
            at = handle.seek(0, 2)
            while at > 0 and data.count(b"\n") + data.count(b"\r") <= count and len(data) < _MOST:
                size = min(_BLOCK, at)
                at -= size
                handle.seek(at)
                data = handle.read(size) + data
    except OSError:
        return []
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines[-count:]
