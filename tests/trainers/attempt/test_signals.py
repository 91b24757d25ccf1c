"""Which second signal insists, and which is the first one's echo; and what comes at the very end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from trainers.attempt import signals
from trainers.attempt.signals import StopFlag


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    clock = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: clock[0])
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield clock
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("first", "second", "after_s", "slurm", "insists"),
    [
        (signal.SIGTERM, signal.SIGTERM, 0.0, False, False),
        (signal.SIGTERM, signal.SIGTERM, 2.9, False, False),
        (signal.SIGTERM, signal.SIGTERM, 3.1, False, True),
        (signal.SIGTERM, signal.SIGTERM, 60.0, True, False),
        (signal.SIGTERM, signal.SIGINT, 0.1, False, True),
        (signal.SIGINT, signal.SIGINT, 0.1, False, True),
        (signal.SIGINT, signal.SIGINT, 0.1, True, True),
        (signal.SIGINT, signal.SIGTERM, 0.1, False, False),
        (signal.SIGINT, signal.SIGTERM, 10.0, False, True),
    ],
)
def test_a_second_signal(
    first: signal.Signals, second: signal.Signals, after_s: float, slurm: bool, insists: bool, now: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if slurm:
        monkeypatch.setenv("SLURM_JOB_ID", "7")
    flag = StopFlag()
    flag.listen()
    os.kill(os.getpid(), first)
    assert flag.reason == f"asked by {first.name}"
    now[0] += after_s
    if insists:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), second)
    else:
        os.kill(os.getpid(), second)
    assert flag.reason == f"asked by {first.name}"


def test_after_a_request_in_the_folder_a_signal_insists(now: list[float]) -> None:
    flag = StopFlag()
    flag.listen()
    flag.set("asked in its folder")
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_soon_after_another_process_was_asked_is_the_same_wish(now: list[float]) -> None:
    flag = StopFlag()
    flag.listen()
    flag.follow()
    now[0] += 2.9
    os.kill(os.getpid(), signal.SIGTERM)
    assert flag.reason == "asked in another of its processes"
    now[0] += 0.2
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


def program(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=180, check=False
    )


WHILE_IT_SHUTS_DOWN = """
import os, signal
from trainers.attempt.signals import StopFlag, over
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGTERM):
        kill(pid, number)
late = Late()  # goes when the modules do, after Python gave signals their defaults back
StopFlag().listen()
"""


def test_a_signal_to_a_run_that_is_over_does_not_make_it_fail() -> None:
    assert program(WHILE_IT_SHUTS_DOWN).returncode == -signal.SIGTERM
    assert program(WHILE_IT_SHUTS_DOWN + "over()").returncode == 0


def test_what_a_finished_run_starts_hears_signals() -> None:
    sleeps = "import os, signal, subprocess, sys; from trainers.attempt.signals import over; over(); "
    child = "p = subprocess.Popen(['sleep', '60']); p.terminate(); sys.exit(-p.wait())"
    assert program(sleeps + child).returncode == signal.SIGTERM


@pytest.mark.parametrize(("again", "says"), [(True, "asked by SIGTERM"), (False, "None")])
def test_a_stop_that_came_too_late_reaches_the_next_program(again: bool, says: str) -> None:
    then = "from trainers.attempt.signals import StopFlag; f = StopFlag(); f.listen(); print(f.reason)"
    first = f"import os, sys; from trainers.attempt.signals import hold; hold(again={again}); "
    assert (
        program(first + f"os.execv(sys.executable, [sys.executable, '-c', {then!r}])").stdout.strip() == says
    )
