"""What to do where the disk has no room for a run's rows: they are held in memory, and the run says so."""

from __future__ import annotations

import errno
from pathlib import Path

_SHORT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_short(error: OSError) -> bool:
    """Whether a file could not be written for want of room: a full disk, a quota, a limit on file sizes."""
    return error.errno in _SHORT


def in_memory(what: str, where: Path, error: OSError) -> str:
    """Say in a sentence what is held in memory, and why."""
    return f"There is no room for {what} at {where} ({error.strerror}), so they are held in memory."
