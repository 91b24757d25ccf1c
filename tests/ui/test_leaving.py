"""The cockpit in a real terminal: signals put it right, a suspended one comes back, a terminal that is gone ends it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.attempts import until

ALTERNATE, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
MOUSE, MOUSE_OFF = b"\x1b[?1000h", b"\x1b[?1000l"


class Screen:
    """The cockpit on a pseudo-terminal of its own, and what it wrote."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process, self.terminal, self.wrote = process, terminal, b""

    def read(self) -> bytes:
        """What is new."""
        got = b""
        with suppress(OSError):  # the other end is closed
            while select.select([self.terminal], [], [], 0.05)[0] and (
                block := os.read(self.terminal, 65536)
            ):
                got += block
        self.wrote += got
        return got

    def says(self, what: Callable[[bytes], bool]) -> bool:
        """Whether what it wrote so far satisfies `what`."""
        self.read()
        return what(self.wrote)

    def state(self) -> str:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def opened(folder: Path, *, deaf: bool = False) -> Iterator[Screen]:
    main, side = pty.openpty()
    termios.tcsetwinsize(side, (30, 100))

    def prepare() -> None:
        os.setsid()
        if deaf:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        import fcntl

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    env = os.environ | {"TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "cockpit"], stdin=side, stdout=side, stderr=side, cwd=folder, env=env,
        preexec_fn=prepare,
    )  # fmt: skip
    os.close(side)
    screen = Screen(process, main)
    try:
        until(lambda: screen.says(lambda wrote: ALTERNATE in wrote and b"cockpit" in wrote))
        yield screen
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):
            os.close(main)


def test_a_suspended_cockpit_comes_back_and_sigterm_puts_the_terminal_right(tmp_path: Path) -> None:
    with opened(tmp_path) as screen:
        os.write(screen.terminal, b"\x1a")
        until(lambda: screen.says(lambda _: screen.state() == "T"))
        assert LEFT in screen.wrote
        screen.wrote = b""
        screen.process.send_signal(signal.SIGCONT)
        until(lambda: screen.says(lambda wrote: ALTERNATE in wrote and b"cockpit" in wrote))
        screen.process.terminate()
        until(lambda: screen.says(lambda _: screen.process.poll() is not None))
        assert screen.process.returncode == 128 + signal.SIGTERM
        assert screen.wrote.rfind(LEFT) > screen.wrote.rfind(ALTERNATE)
        assert screen.wrote.rfind(MOUSE_OFF) > screen.wrote.rfind(MOUSE)


@pytest.mark.parametrize("deaf", [True, False])
def test_a_terminal_that_is_gone_ends_it_whether_or_not_it_hears_of_it(tmp_path: Path, deaf: bool) -> None:
    with opened(tmp_path, deaf=deaf) as screen:
        os.close(screen.terminal)
        until(lambda: screen.process.poll() is not None)
