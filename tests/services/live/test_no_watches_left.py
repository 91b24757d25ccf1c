"""Where the kernel gives no watch any more (128 a user is common), files are looked at in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.contract.writer import AttemptWriter
from cockpit.services.live.follower import Follower
from tests.support.attempts import PATIENCE_S


@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), RuntimeError("Error creating recommended watcher")]
)
def test_it_goes_on_without_watches(tmp_path: Path, error: Exception) -> None:
    def none_left(root: Path, stop: threading.Event) -> Iterator[object]:
        raise error
        yield

    woken = threading.Event()
    out = AttemptWriter(tmp_path)
    follower = Follower(tmp_path, woken.set, watch=none_left, poll_s=0.01)
    seen: list[float] = []
    try:
        for step in (1, 2, 3):
            out.metrics(step, {"loss": 1.0})
            while step not in seen:
                assert woken.wait(PATIENCE_S), "the new row was not seen"
                woken.clear()
                seen += [s for batch in follower.drain() if batch.rows is not None for s in batch.rows.steps]
    finally:
        follower.close()
        follower.join(PATIENCE_S)
