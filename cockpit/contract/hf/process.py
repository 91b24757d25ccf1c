"""Name this process so that it can't be mistaken for another: machine, boot, container, pid and start time."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a pid means something."""

    host: str
    boot_id: str
    pid_namespace: str


@cache
def machine() -> Machine:
    """This host, this boot, this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return Machine(socket.gethostname(), boot, namespace)


def own_start_time() -> float | None:
    """Give when this process began, in seconds since boot; None where the system doesn't tell in /proc."""
    try:
        stat = Path("/proc/self/stat").read_bytes()
        return int(stat[stat.rindex(b")") + 2 :].split()[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
