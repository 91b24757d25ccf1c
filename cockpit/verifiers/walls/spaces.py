"""Namespaces: a world of its own for a process and all that it starts; and the end of all of them together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import struct
import sys
import time

_USER, _MOUNT, _PROCESSES, _NETWORK, _IPC = 0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000
_NOSUID_NODEV, _PRIVATE = 6, (1 << 18) | (1 << 14)
ROOM = b"size=64m,nr_inodes=4096,mode=700"
PATIENCE_S = 5.0


def own_folder(folder: str) -> bool:
    """Put a small disk of one's own, in memory, at `folder`: gone with the process. False where the OS refuses."""
    mine = os.geteuid(), os.getegid()
    if not _unshare(_USER | _MOUNT):
        return False
    with contextlib.suppress(
        OSError
    ):  # in this world the user goes by the same number, and no other is known
        for name, text in (
            ("setgroups", "deny"),
            *zip(("uid_map", "gid_map"), (f"{i} {i} 1" for i in mine), strict=True),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as handle:
                handle.write(text)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount(b"none", b"/", None, ctypes.c_ulong(_PRIVATE), None)
    return libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(_NOSUID_NODEV), ROOM) == 0


def user_world() -> str:
    """Which user namespace this process is in."""
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/user")
    return ""


def processes(before: str) -> int:
    """How many processes and threads the system counts as this user's: none in a user namespace entered since `before`.

    Linux before 5.14 counts a user's everywhere as one.
    """
    major, _, rest = os.uname().release.partition(".")
    number = int(major), int(re.match(r"\d*", rest)[0] or 0)  # type: ignore[index]
    if user_world() != before and number >= (5, 14):
        return 0
    count, mine = 0, os.geteuid()
    for place in _listed("/proc"):
        if place.isdigit():
            with contextlib.suppress(OSError):
                told = os.stat(f"/proc/{place}/task")
                count += told.st_nlink - 2 if told.st_uid == mine else 0
    return count


def own_processes() -> bool:
    """From now on, what this process starts is in a world of its own: no other process, no network, nobody's memory."""
    inside = _PROCESSES | _NETWORK | _IPC
    return _unshare(inside) or _unshare(_USER | inside)


def own_network() -> bool:
    """Move into a network with nothing in it."""
    return _unshare(_NETWORK) or _unshare(_USER | _NETWORK)


def drop_capabilities() -> None:
    """Give up every right that root has beside its name, for good."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(
        28, 0b00101111, 0, 0, 0
    )  # an effective user of 0 is no ground for rights, now or after an exec
    for number in range(64):
        if libc.prctl(24, number, 0, 0, 0) != 0:
            break
    libc.capset(struct.pack("=Ii", 0x20080522, 0), bytes(24))


def die_with_parent() -> None:
    """Be killed when the parent dies."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that `end_children` finds it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def end_children() -> bool:
    """Kill every child, and what these leave behind, until none is left; False where some still are."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for child in _children():
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(0.001)
    return False


def started(most: int) -> int:
    """How many processes and threads come of this one, itself left out; counts no further than past `most`."""
    count, waiting = 0, _children()
    while waiting and count <= most:
        child = waiting.pop()
        threads = _listed(f"/proc/{child}/task")
        count += len(threads)
        for thread in threads[: most + 1]:
            waiting += _children(child, thread)
    return count


def _children(process: int | str = "self", thread: int | str = "") -> list[int]:
    try:
        with open(f"/proc/{process}/task/{thread or os.getpid()}/children", encoding="ascii") as handle:
            return [int(word) for word in handle.read().split()]
    except (OSError, ValueError):
        return []


def _listed(place: str) -> list[str]:
    try:
        return os.listdir(place)
    except OSError:
        return []


def _unshare(flags: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return int(ctypes.CDLL(None, use_errno=True).unshare(flags)) == 0
    except (OSError, AttributeError):
        return False
