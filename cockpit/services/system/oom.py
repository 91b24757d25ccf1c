"""Find out whether the kernel killed a process for memory; SIGKILL doesn't say, its counters and log do."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_KILLED = re.compile(r"Killed process (\d+).*?anon-rss:(\d+)kB")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What speaks for an out-of-memory kill; `sure` is False where another process may have been the victim."""

    sure: bool
    message: str


class OomWatch:
    """Notes where the kernel's counters and log stand, and later what they say more.

    Control groups count kills of their own processes (v2 `memory.events`, v1 `memory.oom_control`), /proc/vmstat
    those of the whole machine; the kernel log names the pid, where it may be read.
    """

    def __init__(self, root: Path = Path("/"), kernel_log: Path = Path("/dev/kmsg")) -> None:
        self._group = _group_counter(root)
        self._machine = root / "proc/vmstat"
        self._before = (_count(self._group), _count(self._machine))
        self._log = _open_at_end(kernel_log)

    def verdict(self, pid: int) -> Verdict | None:
        """Whether memory was why `pid` was killed since this watch began; None where nothing says so."""
        named = self._named(pid)
        if named is not None:
            return Verdict(True, f"The kernel log says so: it held {named:.1f} GB.")
        group, machine = _count(self._group), _count(self._machine)
        if group > self._before[0]:
            return Verdict(True, "The memory limit of its control group was reached (its kill counter rose).")
        if machine > self._before[1]:
            return Verdict(False, "Very likely: the kernel killed a process for memory while it ran.")
        return None

    def close(self) -> None:
        """Let go of the kernel log."""
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def _named(self, pid: int) -> float | None:
        """GB that the kernel log says `pid` held when it was killed."""
        while self._log is not None:
            try:
                record = os.read(self._log, 8192)
            except BlockingIOError:
                return None
            except BrokenPipeError:
                continue  # records were overwritten before they were read: go on with the oldest left
            except OSError:
                return None
            if not record:
                return None
            found = _KILLED.search(record.decode("utf-8", "replace"))
            if found and int(found[1]) == pid:
                return int(found[2]) / 1e6
        return None


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that this process's control group may use, its parents' limits included; None where unlimited."""
    counter = _group_counter(root)
    if counter is None:
        return None
    if counter.name == "memory.oom_control":
        limits = [_field(counter.parent / "memory.stat", "hierarchical_memory_limit")]
    else:
        folders = [counter.parent, *counter.parent.parents]
        limits = [_number(folder / "memory.max") for folder in folders if folder.is_relative_to(root)]
    # v1 writes a huge number where there is no limit, v2 "max"
    return min((limit for limit in limits if limit is not None and limit < 1 << 60), default=None)


def memory_used(root: Path = Path("/")) -> int | None:
    """Bytes that this process's control group holds, without file caches that can be dropped."""
    counter = _group_counter(root)
    if counter is None:
        return None
    old = counter.name == "memory.oom_control"
    used = _number(counter.parent / ("memory.usage_in_bytes" if old else "memory.current"))
    cache = _field(counter.parent / "memory.stat", "total_inactive_file" if old else "inactive_file")
    return None if used is None else max(0, used - (cache or 0))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    try:
        for line in path.read_text().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return None


def _group_counter(root: Path) -> Path | None:
    """The file with this process's control group's kill counter."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        number, controllers, group = parts
        if "memory" in controllers.split(","):
            base, name = root / "sys/fs/cgroup/memory", "memory.oom_control"
        elif number == "0" and not controllers:
            base, name = root / "sys/fs/cgroup", "memory.events"
        else:
            continue
        # inside a container the path may be the host's, with only its own part mounted
        for folder in (base / group.lstrip("/"), base):
            if _has_counter(folder / name):
                return folder / name
    return None


def _has_counter(path: Path) -> bool:
    try:
        return "oom_kill " in path.read_text()
    except OSError:
        return False


def _count(path: Path | None) -> int:
    return (_field(path, "oom_kill") or 0) if path is not None else 0


def _open_at_end(path: Path) -> int | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        os.lseek(handle, 0, os.SEEK_END)
    except OSError:
        os.close(handle)
        return None
    return handle
