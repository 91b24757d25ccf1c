"""A reporter that died is started anew, a bounded number of times; one that lives or is done is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.contract import AttemptLayout, atomic, lock
from cockpit.services.runs import trackers


class Run:
    """A run whose reporter is watched; `now` is what the clock says."""

    def __init__(self, root: Path) -> None:
        self.layout = AttemptLayout(root)
        self.now = 0.0
        self.said: list[str] = []
        self.started: list[int] = []
        self.kept = trackers.Kept(
            self.layout,
            {},
            self.said.append,
            start=lambda _, pid, __: self.started.append(pid),
            clock=lambda: self.now,
        )

    def look(self, after: float) -> int:
        """Look `after` seconds; how often it was started so far."""
        self.now += after
        self.kept.look(77)
        return len(self.started)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path)
    atomic.write_json(made.layout.tracker, {"state": "running"})
    return made


def test_one_that_died_is_started_anew_ever_more_rarely_and_then_left(run: Run) -> None:
    assert run.look(1) == 0, "it may be about to take its lock"
    assert run.look(trackers.SURE_S) == 1
    assert run.look(trackers.SURE_S) == 1
    for _ in range(20):
        run.look(trackers.SURE_S * 2**trackers.RESTARTS)
    assert run.started == [77] * trackers.RESTARTS
    assert len(run.said) == trackers.RESTARTS + 1
    assert "left alone" in run.said[-1]


def test_one_that_lives_is_left_alone(run: Run) -> None:
    with lock.take(run.layout.root / trackers.LOCK):
        assert run.look(1000) == 0
    assert run.look(1000) == 1


@pytest.mark.parametrize("state", ["closed", None])
def test_where_all_is_sent_or_nothing_is_reported_none_is_started(run: Run, state: str | None) -> None:
    if state is None:
        run.layout.tracker.unlink()
    else:
        atomic.write_json(run.layout.tracker, {"state": state})
    assert run.look(1000) == 0
    assert not run.said
