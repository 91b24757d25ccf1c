"""Landlock: a process gives up the file system but for a few places, for itself and for all that it starts."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Sequence

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_EXECUTE, _WRITE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE | _READ_FILE | _TRUNCATE | _IOCTL
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_SIGNALS_FROM, _NETWORK_FROM = 6, 4  # the first version of Landlock that keeps signals in, and that knows TCP


def version() -> int:
    """Which version of Landlock this kernel has; 0 where it has none, or where it is switched off."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def restrict(reading: Sequence[str], writing: Sequence[str]) -> bool:
    """Read below `reading` alone, write below `writing` too; no signal leaves, no TCP. False where that can't be had.

    A process in these walls can't trace one outside them. Lasts until the process ends.
    """
    there = version()
    if not there:
        return False
    handled = (1 << 13) - 1
    handled |= (
        (_REFER if there >= 2 else 0) | (_TRUNCATE if there >= 3 else 0) | (_IOCTL if there >= 5 else 0)
    )
    attributes = struct.pack(
        "=QQQ", handled, 3 if there >= _NETWORK_FROM else 0, 3 if there >= _SIGNALS_FROM else 0
    )
    size = 24 if there >= _SIGNALS_FROM else 16 if there >= _NETWORK_FROM else 8
    libc = _libc()
    rules = int(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)))
    if rules < 0:
        return False
    try:
        for paths, rights in ((reading, _READING), (writing, handled & ~_EXECUTE)):
            for path in paths:
                _allow(libc, rules, path, rights & handled)
        no_new_privileges()
        return int(libc.syscall(RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))) == 0
    finally:
        os.close(rules)


def keeps_signals_in() -> bool:
    """Whether `restrict` also keeps signals from leaving."""
    return version() >= _SIGNALS_FROM


def no_new_privileges() -> None:
    """Give up what a set-user-id program would grant: the kernel asks for that first."""
    _libc().prctl(38, 1, 0, 0, 0)


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what isn't there needs no door
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _ON_FILES
        libc.syscall(
            ADD_RULE,
            ctypes.c_int(rules),
            ctypes.c_int(1),
            struct.pack("=Qi", rights, place),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(place)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
