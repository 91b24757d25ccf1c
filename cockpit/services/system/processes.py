"""Identify processes by pid, start time and boot, so that none is mistaken for another; find trees, send signals.

Linux's /proc is read directly, as the supervisor is to stay small; elsewhere psutil answers the same questions.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cockpit.contract.hf.process import machine as machine
from cockpit.core.runs.evidence import Pid, ProcessFacts
from cockpit.core.runs.status import Liveness

MARK = "COCKPIT_ATTEMPT"  # environment variable that all descendants of a trainer carry
LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the process table; `start_time` in seconds since boot."""

    pid: int
    parent: int
    group: int
    session: int
    start_time: float
    name: str
    zombie: bool

    @property
    def key(self) -> Pid:
        return Pid(self.pid, self.start_time)


def start_time(pid: int) -> float | None:
    """When `pid` began, in seconds since boot; None where there is no such process or only its zombie."""
    row = look(pid)
    return None if row is None or row.zombie else row.start_time


def alive(process: Pid | None) -> bool:
    """Whether this very process lives: same pid and same start time, not a zombie."""
    if process is None:
        return False
    began = start_time(process.pid)
    return began is not None and abs(began - process.start_time) < 0.005


def me() -> dict[str, object]:
    """This process, as JSON-able fields that `is_me` of another process can check."""
    here = machine()
    pid = os.getpid()
    return {
        "host": here.host,
        "boot_id": here.boot_id,
        "pid_namespace": here.pid_namespace,
        "pid": pid,
        "start_time": start_time(pid),
    }


def is_me(fields: Mapping[str, object]) -> bool:
    """Whether the process that wrote `me()` still lives on this machine."""
    here = machine()
    pid, began = fields.get("pid"), fields.get("start_time")
    same_place = all(
        fields.get(name) in (value, None, "")
        for name, value in (
            ("host", here.host),
            ("boot_id", here.boot_id),
            ("pid_namespace", here.pid_namespace),
        )
    )
    return (
        same_place
        and isinstance(pid, int)
        and isinstance(began, int | float)
        and alive(Pid(pid, float(began)))
    )


def liveness(facts: ProcessFacts | None) -> Liveness:
    """Ask the process table about an attempt's processes, where this machine is the one they run on."""
    if facts is None:
        return Liveness()
    here = machine()
    if facts.host and facts.host != here.host:
        return Liveness(where="elsewhere")
    if facts.boot_id and here.boot_id and facts.boot_id != here.boot_id:
        return Liveness(False, False, "rebooted")
    if facts.pid_namespace and here.pid_namespace and facts.pid_namespace != here.pid_namespace:
        return Liveness(where="elsewhere")
    return Liveness(alive(facts.trainer), alive(facts.supervisor), "here")


def look(pid: int) -> Row | None:
    """One process, or None."""
    return _look_proc(pid) if LINUX else _look_psutil(pid)


def table() -> dict[int, Row]:
    """Every process that can be seen."""
    if LINUX:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    else:
        import psutil

        pids = psutil.pids()
    return {pid: row for pid in pids if (row := look(pid)) is not None}


def descendants(pid: int, rows: dict[int, Row] | None = None) -> list[Row]:
    """Children of `pid`, theirs, and so on; `pid` itself not among them."""
    rows = table() if rows is None else rows
    children: dict[int, list[Row]] = {}
    for row in rows.values():
        children.setdefault(row.parent, []).append(row)
    found: list[Row] = []
    waiting = list(children.get(pid, ()))
    while waiting:
        row = waiting.pop()
        found.append(row)
        waiting.extend(children.get(row.pid, ()))
    return found


def belonging(token: str, sessions: Iterable[int] = (), rows: dict[int, Row] | None = None) -> list[Row]:
    """Living processes of one launch: marked by `token` in their environment, or in one of its sessions.

    The mark finds children that changed group and session, the session those that emptied their environment.
    The caller and its ancestors are left out. Other users' environments can't be read and are not ours.
    """
    rows = table() if rows is None else rows
    wanted = set(sessions)
    spared = {os.getpid()} | _ancestors(os.getpid(), rows)
    mark = f"{MARK}={token}".encode() if token else b""
    return [
        row
        for row in rows.values()
        if not row.zombie
        and row.pid not in spared
        and (row.session in wanted or row.group in wanted or (mark and _has_mark(row.pid, mark)))
    ]


def send(process: Pid, number: int) -> bool:
    """Send a signal to this very process; False where it is gone (or not ours to signal)."""
    try:
        if LINUX and hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(process.pid)
            try:
                if not alive(process):  # checked while the handle keeps the pid from being reused
                    return False
                signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)
        else:
            if not alive(process):
                return False
            os.kill(process.pid, number)
    except OSError:
        return False
    return True


def end_all(
    find: Callable[[], list[Row]],
    *,
    grace_s: float,
    patience_s: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> list[Row]:
    """SIGTERM all that `find` gives, SIGKILL after `grace_s` what is left; gives those that were signalled.

    `find` is asked again and again, so that what they start meanwhile is ended too. Gives up after another
    `patience_s` seconds (a process in uninterruptible sleep can't be killed).
    """
    hit: dict[int, Row] = {}
    begun = clock()
    while rows := find():
        waited = clock() - begun
        if waited > grace_s + patience_s:
            break
        for row in rows:
            if waited >= grace_s:
                send(row.key, signal.SIGKILL)
            elif row.pid not in hit:
                send(row.key, signal.SIGTERM)
            hit[row.pid] = row
        pause(0.02 if waited < 1.0 else 0.2)
    return list(hit.values())


def _ancestors(pid: int, rows: dict[int, Row]) -> set[int]:
    found: set[int] = set()
    row = rows.get(pid)
    while row is not None and row.parent > 0 and row.parent not in found:
        found.add(row.parent)
        row = rows.get(row.parent)
    return found


def _has_mark(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _look_proc(pid: int) -> Row | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    # the name stands in brackets and may hold brackets and blanks itself
    name = text[text.index("(") + 1 : text.rindex(")")]
    rest = text[text.rindex(")") + 2 :].split()
    return Row(
        pid=pid,
        parent=int(rest[1]),
        group=int(rest[2]),
        session=int(rest[3]),
        start_time=int(rest[19]) / _ticks(),
        name=name,
        zombie=rest[0] in "ZX",
    )


@cache
def _ticks() -> int:
    return os.sysconf("SC_CLK_TCK")


def _look_psutil(pid: int) -> Row | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Row(
                pid=pid,
                parent=process.ppid(),
                group=os.getpgid(pid),
                session=os.getsid(pid),
                start_time=process.create_time(),
                name=process.name(),
                zombie=process.status() == psutil.STATUS_ZOMBIE,
            )
    except (psutil.Error, OSError):
        return None
