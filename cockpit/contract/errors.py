"""The one error that a person is meant to read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CockpitError(Exception):
    """Something a user can mend: one clear sentence, and how to mend it.

    `title` says what is wrong, `mend` what to do about it; `file` and `line` (1-based) say where.
    Screens and the command line show `str(error)`; a traceback goes to the log only.
    """

    def __init__(
        self, title: str, fix: str = "", *, file: str | Path | None = None, line: int | None = None
    ) -> None:
        super().__init__(title)
        self.title = title
        self.fix = fix
        self.file = str(file) if file is not None else None
        self.line = line

    def __str__(self) -> str:
        where = ""
        if self.file:
            where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        sentence = f"{where}{self.title}"
        if not sentence.endswith((".", "!", "?")):
            sentence += "."
        return f"{sentence} {self.fix}".strip()

    def as_dict(self) -> dict[str, object]:
        """The same facts for `--json`."""
        return {"error": self.title, "mend": self.fix, "file": self.file, "line": self.line}


class GateClosed(CockpitError):
    """A gate that a typed reason opens: give it, and the same call goes through and writes it into the method log.

    `closed` says what is against it, a sentence a gate; `instead` what would open it without a reason.
    """

    def __init__(self, title: str, fix: str = "", *, closed: tuple[str, ...], instead: str = "") -> None:
        super().__init__(title, fix)
        self.closed = closed
        self.instead = instead

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "opened_by": "reason", "closed": list(self.closed)}


def is_no_room(error: OSError) -> bool:
    """Return True if a file could not be written for want of room: a full disk, a quota, a limit on file sizes."""
    return error.errno in _NO_ROOM


def of_system(error: OSError) -> CockpitError:
    """Say what the system refused in a sentence with its cure: no room, no inodes, a read-only disk, no permission."""
    place = str(error.filename) if error.filename else None
    if error.errno == errno.ENOSPC and _without_inodes(place):
        return CockpitError(
            "this disk holds as many files as it can (no inodes left)", "Remove files.", file=place
        )
    if is_no_room(error):
        words = "your quota on this disk is used up" if error.errno == errno.EDQUOT else "the disk is full"
        room = free(place) if place else None
        left = f" ({room} left)" if room is not None and error.errno == errno.ENOSPC else ""
        return CockpitError(
            f"{words}{left}", "Make room, and do it again: nothing half-made is left.", file=place
        )
    if error.errno == errno.EROFS:
        return CockpitError("this disk is read-only", "Mount it for writing, or work elsewhere.", file=place)
    if error.errno in (errno.EACCES, errno.EPERM):
        return CockpitError("there is no permission for this", "Change the owner or the mode.", file=place)
    return CockpitError(error.strerror or str(error), file=place)


def why(error: OSError) -> str:
    """Return what the system refused, as a part of a sentence."""
    return of_system(error).title


def free(place: str | Path) -> str | None:
    """Return the room that is left for a user on the disk of `place`, in words; None where that can't be known."""
    told = _disk(str(place))
    return sized(told.f_bavail * told.f_frsize) if told else None


def sized(amount: float) -> str:
    """Return a number of bytes in words."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return f"{amount:.0f} bytes"


def _without_inodes(place: str | None) -> bool:
    told = _disk(place) if place else None
    return told is not None and told.f_files > 0 and told.f_favail == 0


def _disk(place: str) -> os.statvfs_result | None:
    for folder in (Path(place), *Path(place).absolute().parents):
        try:
            return os.statvfs(folder)
        except OSError:
            continue
    return None
