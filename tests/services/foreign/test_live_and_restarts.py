"""What is told between two saves, after a restart, and of runs that begin later."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.contract.layout import WorkspaceLayout
from cockpit.contract.reader import read_rows
from cockpit.services.foreign import find
from cockpit.services.foreign.mirror import Mirror
from cockpit.services.workspace.workspace import Workspace
from tests.services.foreign.test_sources import event, trainer_state


def events(path: Path, steps: range, name: str = "train/loss", value: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(event(step, {name: value}) for step in steps))
    return path


def steps_of(run: object) -> list[int]:
    return [row.step for row in run.poll().rows]  # type: ignore[attr-defined]


# -- restarts in one folder of event files ------------------------------------------------------------------------


def test_a_start_from_the_beginning_is_a_run_of_its_own(tmp_path: Path) -> None:
    events(tmp_path / "events.out.tfevents.100.host.1.0", range(1, 6), value=2.3)
    events(tmp_path / "events.out.tfevents.200.host.2.0", range(1, 4), value=0.04)
    first, second = find(str(tmp_path))
    assert second.name == f"{first.name} (start 2)"
    assert (steps_of(first), steps_of(second)) == ([1, 2, 3, 4, 5], [1, 2, 3])


def test_a_resume_goes_on_in_the_same_run_and_what_it_logged_anew_is_there_once(tmp_path: Path) -> None:
    events(tmp_path / "events.out.tfevents.100.host.1.0", range(1, 9), value=2.0)
    events(tmp_path / "events.out.tfevents.200.host.2.0", range(6, 11), value=1.0)
    (run,) = find(str(tmp_path))
    rows = run.poll().rows
    assert [(row.step, row.values["loss"]) for row in rows] == [
        *((step, 2.0) for step in range(1, 6)), *((step, 1.0) for step in range(6, 11)),
    ]  # fmt: skip


def test_a_resume_while_it_is_watched_takes_the_later_rows_back(tmp_path: Path) -> None:
    events(tmp_path / "events.out.tfevents.100.host.1.0", range(1, 9), value=2.0)
    mirror = Mirror(find(str(tmp_path)), str(tmp_path))
    try:
        mirror.poll()
        events(tmp_path / "events.out.tfevents.200.host.2.0", range(6, 8), value=1.0)
        mirror.poll()
        attempt = WorkspaceLayout(mirror.root).experiment("exp_0001").attempt(1)
        rows = [(row["step"], row["loss"]) for row in read_rows(attempt.metrics)]
        told = [row["text"] for row in read_rows(attempt.events) if row["kind"] == "notice"]
    finally:
        mirror.close()
    assert rows == [(1, 2.0), (2, 2.0), (3, 2.0), (4, 2.0), (5, 2.0), (6, 1.0), (7, 1.0)]
    assert told == ["It was resumed: rows after step 5 were logged anew."]


def test_an_evaluation_at_the_end_in_a_file_of_its_own_takes_nothing_back(tmp_path: Path) -> None:
    events(tmp_path / "events.out.tfevents.100.host.1.0", range(1, 9))
    events(tmp_path / "events.out.tfevents.200.host.1.1", range(8, 9), "eval/loss")
    (run,) = find(str(tmp_path))
    assert steps_of(run) == [*range(1, 9), 8]


# -- a Trainer's folder between its saves -------------------------------------------------------------------------


def test_what_the_event_files_tell_after_the_newest_checkpoint_is_shown_at_once(tmp_path: Path) -> None:
    trainer_state(tmp_path / "checkpoint-10", 10)
    live = events(tmp_path / "runs/Nov28_host/events.out.tfevents.100.host.1.0", range(1, 14))
    (run,) = find(str(tmp_path))
    assert steps_of(run) == list(range(1, 14))
    with live.open("ab") as handle:
        handle.write(event(14, {"train/loss": 1.0, "eval/loss": 0.5}))
    (row,) = run.poll().rows
    assert row.values == {"loss": 1.0, "eval_loss": 0.5}, "by the names that the state has"
    trainer_state(tmp_path / "checkpoint-20", 20)
    assert [row.step for row in run.poll().rows if "loss" in row.values] == [15, 16, 17, 18, 19, 20]


def test_a_log_in_the_folder_tells_it_too(tmp_path: Path) -> None:
    trainer_state(tmp_path / "checkpoint-2", 2)
    (tmp_path / "trainer_log.jsonl").write_text(
        "".join(f'{{"current_steps": {step}, "total_steps": 9, "loss": 1.0}}\n' for step in range(1, 5))
    )
    (run,) = find(str(tmp_path))
    assert steps_of(run) == [1, 2, 3, 4]


# -- runs that begin later, and processes that end -----------------------------------------------------------------


def test_a_run_that_begins_while_the_place_is_watched_is_taken_in_once(tmp_path: Path) -> None:
    trainer_state(tmp_path / "a", 5)
    mirror = Mirror(find(str(tmp_path)), str(tmp_path), look=lambda: find(str(tmp_path)))
    try:
        mirror.poll()
        trainer_state(tmp_path / "b", 3)
        for _ in range(3):
            mirror.look_again()
            mirror.poll()
        names = [view.hypothesis for view in Workspace(mirror.root).experiments() if view.attempt_dir]
    finally:
        mirror.close()
    assert names == ["a", "b"]


def test_event_files_that_become_a_trainers_folder_stay_one_run(tmp_path: Path) -> None:
    events(tmp_path / "out/runs/x/events.out.tfevents.100.host.1.0", range(1, 4))
    mirror = Mirror(find(str(tmp_path)), str(tmp_path), look=lambda: find(str(tmp_path)))
    try:
        trainer_state(tmp_path / "out/checkpoint-3", 3)
        mirror.look_again()
        mirror.poll()
        assert len([view for view in Workspace(mirror.root).experiments() if view.attempt_dir]) == 1
    finally:
        mirror.close()


@pytest.mark.fault
def test_a_process_named_by_its_event_file_is_told_dead_as_soon_as_it_is(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        path = tmp_path / f"events.out.tfevents.100.{socket.gethostname()}.{child.pid}.0"
        events(path, range(1, 4))
        mirror = Mirror(find(str(tmp_path)), str(tmp_path))
        try:
            mirror.poll()
            alive = Workspace(mirror.root).experiment("exp_0001").attempt
            child.kill()
            child.wait()
            mirror.poll()
            dead = Workspace(mirror.root).experiment("exp_0001").attempt
        finally:
            mirror.close()
    finally:
        child.kill()
        child.communicate()
    assert alive is not None
    assert dead is not None
    assert alive.live
    assert (dead.state, dead.sentence.split(",")[0]) == (
        "lost",
        "Lost at step 3: its process is gone without a word",
    )


def test_rows_without_a_time_are_as_old_as_their_file(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text("step,loss\n1,2.0\n2,1.0\n")
    os.utime(path, (1.7e9, 1.7e9))
    mirror = Mirror(find(str(path)), str(path))
    try:
        mirror.poll()
        status = Workspace(mirror.root).experiment("exp_0001").attempt
    finally:
        mirror.close()
    assert status is not None
    assert status.state == "lost"
    assert "and none says how it ended" in status.sentence


def test_a_run_that_logged_nothing_is_no_draft(tmp_path: Path) -> None:
    path = events(tmp_path / "events.out.tfevents.100.host.1.0", range(0))
    os.utime(path, (1.7e9, 1.7e9))
    os.utime(tmp_path, (1.7e9, 1.7e9))
    mirror = Mirror(find(str(tmp_path)), str(tmp_path))
    try:
        mirror.poll()
        view = Workspace(mirror.root).experiment("exp_0001")
    finally:
        mirror.close()
    assert view.attempt is not None
    assert view.technique == "unknown"
    assert view.attempt.sentence.startswith("Over before its first step: its newest line is ")
