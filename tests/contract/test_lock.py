"""A lock is held by one process, waited for within bounds, and free again when its holder dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cockpit.contract import lock, serving

HOLD = """
import sys, pathlib
from cockpit.contract import lock, serving
held = lock.take(pathlib.Path(sys.argv[1]))
print(held.state, flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    return process


def test_one_holds_it_and_a_kill_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    other = holder(path)
    assert lock.is_held(path)
    mine = lock.take(path)
    assert (mine.state, mine.free) == ("busy", False)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    with lock.take(path) as held:
        assert held.state == "held"
        assert lock.take(path).state == "busy", "not by the same process twice either"
    assert not lock.is_held(path)


def test_waiting_ends_when_it_is_let_go_of_and_whoever_waits_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    other = holder(path)
    asked: list[int] = []

    def waiting() -> None:
        asked.append(1)
        if len(asked) == 3:
            other.kill()
            other.wait()

    with lock.take(path, wait_s=60.0, waiting=waiting, every_s=0.01) as held:
        assert held.state == "held"
    assert len(asked) >= 3


def test_what_is_raised_while_waiting_leaves_nothing_held(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"

    def stopped() -> None:
        raise KeyboardInterrupt

    with lock.take(path):
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(KeyboardInterrupt):
            lock.take(path, wait_s=60.0, waiting=stopped)
        assert len(os.listdir("/proc/self/fd")) == before
    assert not lock.is_held(path)


def test_many_share_and_none_of_them_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with lock.take(path, shared=True) as one, lock.take(path, shared=True) as two:
        assert (one.state, two.state) == ("held", "held")
        assert lock.take(path).state == "busy"
        assert one.is_on(path)
        path.unlink()
        assert not one.is_on(path)


def test_asking_makes_no_file_and_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not lock.is_held(path)
    assert not path.exists()
    path.write_text("kept")
    before = path.stat().st_mtime_ns
    with lock.take(path):
        assert lock.is_held(path)
    assert (path.read_text(), path.stat().st_mtime_ns) == ("kept", before)
    assert lock.is_held(tmp_path, unknown=True), "a folder can't be opened for writing"
    with pytest.raises(OSError, match="No such file"):
        lock.take(tmp_path / "no" / "folder.lock")


def test_a_starter_does_not_give_up_because_somebody_looks(tmp_path: Path) -> None:
    """The look is held still here, for longer than it lasts and shorter than a starter waits."""
    path = tmp_path / "keeper.lock"
    look = lock.take(path)
    threading.Timer(lock.PROBE_S / 4, look.release).start()
    with serving.holding(path) as mine:
        assert mine
