"""Which walls there are, and raising them round this process. What the machine can't give is left out and reported."""

from __future__ import annotations

import contextlib
import os
import resource
import sys

from cockpit.verifiers.walls import landlock, seccomp, spaces

FILES, NETWORK, PROCESSES, CALLS, SPACE = "files", "network", "processes", "calls", "space"
MEANING = {
    FILES: "it reads the Python installation alone and writes to its own folder alone (Landlock)",
    NETWORK: "it has no network (a namespace, or no sockets)",
    PROCESSES: "it sees and signals no process but its own, and they all end with it (a PID namespace)",
    CALLS: "it can't trace, mount or open sockets (seccomp)",
    SPACE: "its folder is a small disk in memory of its own (a mount namespace)",
}
_READ = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache",
         "/etc/localtime", "/dev/urandom", "/dev/random", "/dev/zero")  # fmt: skip


def raise_all(folder: str, *, inside: bool) -> list[str]:
    """Wall this process in for good. `inside`: whether it already is in a world of its own (`spaces.own_processes`)."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    network = inside or spaces.own_network()
    spaces.drop_capabilities()
    files = landlock.restrict([*_READ, *(place for place in places if place != "/")], [folder, "/dev/null"])
    kept = inside or (files and landlock.keeps_signals_in())
    calls = seccomp.restrict(own_signals_only=not kept)
    raised = {FILES: files, NETWORK: network or calls, PROCESSES: inside, CALLS: calls}
    return [name for name, there in raised.items() if there]


def limit(seconds: float, memory_mb: int, processes: int) -> None:
    """No more than this of processor time, memory, file sizes, open files and processes; no core dumps.

    `processes` counts all of this user's in this world (`spaces.processes`), and nothing of root's.
    """
    wanted = [
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_FSIZE, 16 << 20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, processes),
    ]
    for kind, value in wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))


def needed() -> bool:
    """Whether code that nobody vouches for may only run behind them: root's files are everybody's."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
