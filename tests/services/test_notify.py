"""What reaches the terminal and tmux when a run ends, and what doesn't."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.services import notify
from tests.support.attempts import until

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("env", "written"),
    [
        (XTERM, "\x1b]9;done\x1b\\\a"),
        (XTERM | {"TMUX": "x"}, "\a"),
        (XTERM | {"COCKPIT_NOTIFY": "0"}, ""),
        (XTERM | {"COCKPIT_NOTIFY": "Off"}, ""),
        ({"TERM": "dumb"}, ""),
        ({}, ""),
        ({"TERM": "linux"}, "\a"),
    ],
)
def test_sequences(env: dict[str, str], written: str) -> None:
    assert notify.sequence("done", env) == written


def test_foreign_text_can_not_end_the_sequence() -> None:
    written = notify.sequence("exp\a\x1b\\\x1b]52;c;cHduZWQ=\a\x9c" + "x" * 999, XTERM)
    inner = written.removeprefix("\x1b]9;").removesuffix("\x1b\\\a")
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in inner)
    assert len(inner) <= notify.WIDTH


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[str]:
    """A tmux of our own with somebody attached; its socket."""
    if shutil.which("tmux") is None:
        pytest.skip("no tmux here")
    socket = str(tmp_path / "tmux.sock")
    env = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")} | {
        "TERM": "xterm"
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("tmux", ["tmux", "-S", socket, "-f", "/dev/null", "new-session", "sleep 60"], env)

    def attached() -> bytes:
        while select.select([terminal], [], [], 0)[0]:
            os.read(terminal, 65536)
        return subprocess.run(["tmux", "-S", socket, "list-clients"], capture_output=True).stdout

    until(attached)
    yield socket
    subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True)
    os.close(terminal)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.fault
def test_tmux_shows_the_text_and_runs_nothing_of_it(tmux: str, tmp_path: Path) -> None:
    trap = tmp_path / "pwned"
    env = {**os.environ, "TMUX": f"{tmux},1,0"}
    env.pop("TMUX_PANE", None)
    assert notify.to_tmux(f"exp_0003 #(touch {trap}) #{{pid}} 100%H", env)
    shown = subprocess.run(["tmux", "-S", tmux, "show-messages"], capture_output=True, text=True).stdout
    assert f"exp_0003 #(touch {trap}) #{{pid}} 100%H" in shown
    assert not trap.exists()


def test_no_tmux_no_message() -> None:
    assert not notify.to_tmux("done", {"PATH": os.environ["PATH"]})
    assert not notify.to_tmux("done", {"TMUX": "/nowhere,1,0", "PATH": "/nowhere"})
    assert not notify.to_tmux("done", {"TMUX": "/nowhere,1,0", "PATH": os.environ["PATH"]})
    assert not notify.to_tmux("done", {"TMUX": "x", "PATH": os.environ["PATH"], "COCKPIT_NOTIFY": "0"})
