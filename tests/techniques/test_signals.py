"""Which second signal insists, and which is the first one's echo."""

from __future__ import annotations

import os
import signal
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
