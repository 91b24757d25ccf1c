"""The follower's thread: with the kernel's word, with polling, with nobody draining."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.contract.writer import AttemptWriter
from cockpit.services.live import follower as module
from cockpit.services.live.follower import Batch, Follower
from tests.support.attempts import PATIENCE_S


class Woken:
    """Counts wakes, and waits for one."""

    def __init__(self) -> None:
        self.count = 0
        self._event = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(PATIENCE_S), "never woken"
        self._event.clear()


class Hand:
    """A watch that tells of changes when the test says so."""

    def __init__(self) -> None:
        self.changed = threading.Event()
        self.looks = 0

    def __call__(self, root: Path, stop: threading.Event) -> Iterator[object]:
        while not stop.is_set():
            self.looks += 1
            if self.changed.wait(0.05):
                self.changed.clear()
                yield None


def no_watch(root: Path, stop: threading.Event) -> Iterator[object]:
    raise RuntimeError(
        "Error creating recommended watcher: Too many open files (os error 24)"
    )  # watchfiles' own
    yield


@pytest.fixture
def writer(tmp_path: Path) -> AttemptWriter:
    root = tmp_path / "001"
    root.mkdir()
    return AttemptWriter(root)


def steps(batches: list[Batch]) -> list[float]:
    return [step for batch in batches if batch.rows for step in batch.rows.steps.tolist()]


def gather(follower: Follower, woken: Woken, until: int) -> list[float]:
    found: list[float] = []
    while len(found) < until:
        woken.wait()
        found += steps(follower.drain())
    return found


def test_rows_arrive_by_the_kernels_word(writer: AttemptWriter) -> None:
    woken = Woken()
    follower = Follower(writer.layout.root, woken)
    try:
        for step in range(1, 4):
            writer.metrics(step, {"loss": 1.0})
            assert gather(follower, woken, 1) == [step]
    finally:
        follower.close()


def test_without_watches_it_polls(writer: AttemptWriter) -> None:
    woken = Woken()
    follower = Follower(writer.layout.root, woken, watch=no_watch, poll_s=0.01)
    try:
        for step in range(1, 4):
            writer.metrics(step, {"loss": 1.0})
            assert gather(follower, woken, 1) == [step]
    finally:
        follower.close()


def test_a_folder_that_is_not_there_yet_and_goes_again(tmp_path: Path) -> None:
    root, woken = tmp_path / "001", Woken()
    follower = Follower(root, woken, poll_s=0.01)
    try:
        woken.wait()
        assert [batch.gone for batch in follower.drain()] == [True]
        root.mkdir()
        (root / "metrics.jsonl").write_text('{"step": 3, "loss": 1}\n')
        assert gather(follower, woken, 1) == [3]
        shutil.rmtree(root)
        while True:
            woken.wait()
            if any(batch.gone for batch in follower.drain()):
                break
    finally:
        follower.close()


def test_one_wake_for_all_that_waits(writer: AttemptWriter) -> None:
    woken, hand = Woken(), Hand()
    follower = Follower(writer.layout.root, woken, watch=hand)
    try:
        writer.metrics(1, {"loss": 1.0})
        hand.changed.set()
        woken.wait()
        for step in range(2, 6):
            writer.metrics(step, {"loss": 1.0})
            looks = hand.looks
            hand.changed.set()
            while hand.looks < looks + 2:
                time.sleep(0.005)
        assert woken.count == 1
        assert steps(follower.drain()) == [1, 2, 3, 4, 5]
        writer.metrics(6, {"loss": 1.0})
        hand.changed.set()
        woken.wait()
        assert woken.count == 2
    finally:
        follower.close()


def test_nobody_drains_so_it_waits_and_memory_stays_small(
    writer: AttemptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING", 100_000)
    monkeypatch.setattr("cockpit.services.live.attempt_tail.LARGE", 1 << 40)
    with writer.layout.metrics.open("w") as handle:
        handle.writelines(json.dumps({"step": n, "loss": n / 7, "kl": n / 9}) + "\n" for n in range(60_000))
    woken = Woken()
    follower = Follower(writer.layout.root, woken)
    try:
        woken.wait()
        blocked = follower._room
        for _ in range(200):
            with blocked:
                size = follower._size
            if size > module.PENDING:
                break
            time.sleep(0.01)
        time.sleep(0.1)
        with blocked:
            assert follower._size < module.PENDING + 200_000
        found = steps(follower.drain())
        while len(found) < 60_000:
            woken.wait()
            found += steps(follower.drain())
        assert found == list(range(60_000))
    finally:
        follower.close()


def test_at_rest_it_reads_nothing_and_then_goes_on_without_a_gap(writer: AttemptWriter) -> None:
    woken = Woken()
    follower = Follower(writer.layout.root, woken)
    try:
        writer.metrics(1, {"loss": 1.0})
        woken.wait()  # not drained: it has to be there after the rest
        follower.pause()
        follower.join(PATIENCE_S)
        writer.metrics(2, {"loss": 1.0})
        follower.resume()
        assert gather(follower, woken, 2) == [1, 2]
    finally:
        follower.close()
        follower.join(PATIENCE_S)
        assert not follower._thread or not follower._thread.is_alive()
