"""The machine at a glance: CPU, memory, GPUs, disk, and what a run's processes hold. A look costs well under 1 ms.

Read from /proc and NVML directly: no process list is walked, and what isn't there (no GPU, no driver) is silent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.services.system import oom
from cockpit.services.system.gpus import Gpu, Gpus
from cockpit.services.system.processes import LINUX, descendants


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look. Bytes and percent (of all cores together); None where it isn't known."""

    time: float
    """Epoch seconds."""
    cpu: float | None
    """Since the last look; None at the first."""
    cores: int
    load: float | None
    """Processes that run or wait, over a minute."""
    memory_used: int | None
    memory_total: int | None
    """What this container or job may use, where that is less than the machine has."""
    disk_free: int | None
    trainer_memory: int | None
    """Resident memory of the run's processes; memory that they share counts for each."""
    gpus: tuple[Gpu, ...] = ()


class Hardware:
    """Looks when asked; keep one, as CPU use is the difference between two looks. Not for two threads at once."""

    def __init__(
        self, folder: Path | None = None, *, clock: Callable[[], float] = time.time, nvml: Any = None
    ) -> None:
        self.folder = folder or Path.cwd()
        self._clock = clock
        self._cpu_before: tuple[float, float] | None = None
        self._gpus = Gpus(nvml)
        self._limit = oom.memory_limit() if LINUX else None

    def sample(self, trainer: int | None = None) -> Snapshot:
        """Look once; `trainer` is the pid whose tree is to be measured. Takes a few ms, never raises OSError."""
        pids = tree(trainer) if trainer is not None else []
        used, total = self._memory()
        return Snapshot(
            time=self._clock(),
            cpu=self._cpu(),
            cores=cores(),
            load=_load(),
            memory_used=used,
            memory_total=total,
            disk_free=disk_free(self.folder),
            trainer_memory=sum(map(resident, pids)) if pids else None,
            gpus=self._gpus.look(frozenset(pids)),
        )

    def memory_free(self) -> int | None:
        """Bytes of memory that may still be taken here, within the limit of this container or job."""
        used, total = self._memory()
        return None if used is None or total is None else max(0, total - used)

    def close(self) -> None:
        """Let go of the driver."""
        self._gpus.close()

    def _cpu(self) -> float | None:
        now = _cpu_times()
        before, self._cpu_before = self._cpu_before, now
        if now is None or before is None or now[1] <= before[1]:
            return None
        return max(0.0, min(100.0, 100.0 * (now[0] - before[0]) / (now[1] - before[1])))

    def _memory(self) -> tuple[int | None, int | None]:
        if not LINUX:
            import psutil

            memory = psutil.virtual_memory()
            return memory.total - memory.available, memory.total
        fields = _meminfo()
        total, available = fields.get("MemTotal"), fields.get("MemAvailable")
        used = total - available if total is not None and available is not None else None
        if self._limit is not None and total is not None and self._limit < total:
            return oom.memory_used(), self._limit
        return used, total


def tree(pid: int) -> list[int]:
    """`pid` and its living descendants, by the kernel's own lists of children where it keeps them."""
    if not LINUX or not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        return [pid, *(row.pid for row in descendants(pid))]
    found: list[int] = []
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            tasks = os.listdir(f"/proc/{one}/task")
        except OSError:
            continue
        found.append(one)
        for task in tasks:
            try:
                with open(f"/proc/{one}/task/{task}/children", "rb") as lines:
                    waiting.extend(int(child) for child in lines.read().split())
            except OSError:
                continue
    return found


def resident(pid: int) -> int:
    """Bytes of memory that a process holds now; 0 once it is gone."""
    try:
        if LINUX:
            with open(f"/proc/{pid}/statm", "rb") as line:
                return int(line.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        import psutil

        return psutil.Process(pid).memory_info().rss
    except Exception:  # noqa: BLE001 - it ended between two looks, in a different way on each system
        return 0


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def disk_free(folder: Path) -> int | None:
    """Bytes that may still be written below `folder`; of its nearest parent where it isn't there."""
    for place in (folder, *folder.parents):
        try:
            stat = os.statvfs(place)
        except OSError:
            continue
        return stat.f_bavail * stat.f_frsize
    return None


def _cpu_times() -> tuple[float, float] | None:
    """Busy and all CPU seconds (any unit) of the machine since it was started."""
    if not LINUX:
        import psutil

        times = psutil.cpu_times()
        total = float(sum(times))
        return total - float(times.idle), total
    try:
        with open("/proc/stat", "rb") as lines:
            fields = [int(field) for field in lines.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    total = float(sum(fields))
    return total - fields[3] - fields[4], total  # without idle and waiting for a disk


def _meminfo() -> dict[str, int]:
    try:
        with open("/proc/meminfo", "rb") as lines:
            text = lines.read()
    except OSError:
        return {}
    fields: dict[str, int] = {}
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        if value:
            fields[name.decode()] = int(value.split()[0]) * 1024
    return fields


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None
