"""A program in a pseudo-terminal of 160 x 45: what it wrote and when, what it cost, how it answers keys."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

COLUMNS, ROWS = 160, 45
_TICKS = os.sysconf("SC_CLK_TCK")
_REMOTE = ("SSH_CONNECTION", "SSH_TTY", "COCKPIT_FPS", "COCKPIT_ASCII", "NO_COLOR", "TMUX")


def stand_ahead() -> None:
    """Let the measuring come first, where that is allowed: on a busy machine it would be told of things late."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)


class Cost(NamedTuple):
    """What a process tree used so far: CPU seconds (user and system) and bytes written to the terminal."""

    cpu: float
    sent: int
    time: float

    def since(self, before: Cost) -> Cost:
        return Cost(self.cpu - before.cpu, self.sent - before.sent, self.time - before.time)


class Terminal:
    """Runs `argv`; use as a context manager. Whatever it started is killed at the end."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.argv, self.cwd = list(argv), cwd
        clean = {k: v for k, v in os.environ.items() if k not in _REMOTE}
        self.env = clean | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | dict(env or {})
        self.output = bytearray()
        self.last_output = 0.0

    def __enter__(self) -> Self:
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.setpriority(os.PRIO_PROCESS, 0, 0)
            if self.cwd is not None:
                os.chdir(self.cwd)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvpe(self.argv[0], self.argv, self.env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        return self

    def __exit__(self, *_: object) -> None:
        for pid in [self.pid, *_descendants(self.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)

    # -- output

    def pump(self, seconds: float) -> bytes:
        """Take in what comes within `seconds`, or until something came."""
        ready, _, _ = select.select([self.fd], [], [], max(0.0, seconds))
        if not ready:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            raise RuntimeError(f"{self.argv[0]} ended: {bytes(self.output[-2000:])!r}") from None
        self.last_output = time.perf_counter()
        self.output += data
        return data

    def until(self, done: Callable[[bytes], bool], timeout: float = 60.0) -> float:
        """Take in output until `done(everything since the call)`; the seconds that it took."""
        began, start = time.perf_counter(), len(self.output)
        while not done(bytes(self.output[start:])):
            left = began + timeout - time.perf_counter()
            if left <= 0:
                raise TimeoutError(f"{self.argv[0]}: nothing of the kind within {timeout} s")
            self.pump(min(left, 1.0))
        return time.perf_counter() - began

    def rest(self, seconds: float) -> None:
        """Take in output for `seconds`."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.pump(left)

    def settle(self, *, quiet: float = 0.6, share: float = 0.06, timeout: float = 900.0) -> Cost:
        """Wait until it works no more; the cost when that began.

        That is: for `quiet` seconds it uses less than `share` of a core, and does not stand in line for one either.
        """
        end = time.perf_counter() + timeout
        before, stood = self.cost(), self._in_line()
        while time.perf_counter() < end:
            self.rest(quiet)
            now, stands = self.cost(), self._in_line()
            if now.cpu - before.cpu < share * quiet and stands - stood < 0.5 * quiet:
                return before
            before, stood = now, stands
        raise TimeoutError(f"{self.argv[0]} never settled")

    def _in_line(self) -> float:
        """Seconds that the tree's threads stood ready and got no core."""
        return sum(_run_delay(pid) for pid in [self.pid, *_descendants(self.pid)])

    # -- cost

    def cost(self) -> Cost:
        cpu = sum(_cpu(pid) for pid in [self.pid, *_descendants(self.pid)])
        return Cost(cpu, len(self.output), time.perf_counter())

    def rss_mb(self) -> float:
        """Resident memory of the process tree, MB."""
        return sum(_rss(pid) for pid in [self.pid, *_descendants(self.pid)]) / 1e6

    # -- keys

    def send(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def key(self, keys: str, *, gap: float = 0.03) -> float | None:
        """Send keys; milliseconds until the last of what they changed was on the screen (`gap` of silence after it)."""
        while self.pump(gap):
            pass
        began = time.perf_counter()
        self.send(keys)
        if not self.pump(1.0):
            return None
        while self.pump(gap):
            pass
        return 1000 * (self.last_output - began)


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def _cpu(pid: int) -> float:
    """User and system time of a process and of the children that it has waited for, seconds."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) / _TICKS if fields else 0.0


def _run_delay(pid: int) -> float:
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[1])
    except (OSError, IndexError):
        pass
    return total / 1e9


def _rss(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    except OSError:
        pass
    return found
