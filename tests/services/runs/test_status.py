# ruff: noqa: E501 - the cases are a table, one a line
"""What is said of an attempt, from its record, its signs, the clock and the process table."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.core.runs.evidence import Pid, ProcessFacts, Signs
from cockpit.core.runs.status import LIVE, Liveness, coarse, derive, span, stall_after
from cockpit.services.runs.observe import last_error

START = 1000.0
ALIVE = Liveness(True, True)
DEAD = Liveness(False, False)
UNSEEN = Liveness(where="elsewhere")


def process(**fields: Any) -> ProcessFacts:
    given = {
        "host": "box",
        "supervisor": {"pid": 10, "start_time": 1.0},
        "trainer": {"pid": 11, "start_time": 1.0},
        "started": START,
    }
    facts = ProcessFacts.from_json(given | fields)
    assert facts
    return facts


def stage(name: str, time: float = START + 1, detail: str = "") -> dict[str, object]:
    return {"kind": "stage", "time": time, "name": name, "detail": detail}


def end(outcome: str, time: float = START + 50, **fields: object) -> dict[str, object]:
    return {"kind": "end", "time": time, "outcome": outcome, **fields}


def steps(
    last: float, *, every: float = 1.0, rows: int = 5, step: int = 120, stride: int = 1
) -> list[dict[str, object]]:
    return [{"step": step - i * stride, "time": last - i * every} for i in reversed(range(rows))]


TRAINING = [stage("training")]
SAVED: dict[str, object] = {"kind": "checkpoint", "time": START + 40, "step": 7}
# One case a line is read as a table.
# fmt: off
CASES: list[tuple[str, ProcessFacts | None, Signs, float, Liveness, str, str]] = [
    ("nothing yet", None, Signs(), 0, Liveness(), "queued", "Not started"),
    ("no word yet", process(), Signs(), 3, ALIVE, "starting", "the process is up"),
    ("supervisor first", process(trainer=None), Signs(), 1, Liveness(False, True), "starting", "supervisor is up"),
    ("importing", process(), Signs.read([stage("importing")]), 30, ALIVE, "starting", "importing the training libraries"),
    ("loading", process(), Signs.read([stage("loading", detail="SmolLM2")]), 300, ALIVE, "starting", "loading the model (SmolLM2), for 4 min"),
    ("tokenizing", process(), Signs.read([stage("tokenizing")]), 300, ALIVE, "starting", "preparing the data"),
    ("loading for ever", process(), Signs.read([stage("loading")]), 1000, ALIVE, "stalled", "loading the model"),
    ("loading with a progress bar", process(), Signs.read([stage("loading")], log_time=START + 990), 1000, ALIVE, "starting", "loading"),
    ("first step", process(), Signs.read(TRAINING), 250, ALIVE, "running", "Training"),
    ("no first step", process(), Signs.read(TRAINING), 400, ALIVE, "stalled", "silent for 6 min"),
    ("training", process(), Signs.read(TRAINING, steps(START + 90)), 100, ALIVE, "running", "Training, step 120"),
    ("a quick step missing", process(), Signs.read(TRAINING, steps(START + 90)), 145, ALIVE, "running", "Training"),
    ("silent for a minute", process(), Signs.read(TRAINING, steps(START + 90)), 155, ALIVE, "stalled", "a step takes 1.0 s"),
    ("log is no step", process(), Signs.read(TRAINING, steps(START + 90), log_time=START + 150), 155, ALIVE, "stalled", "Look at its log"),
    ("slow steps", process(), Signs.read(TRAINING, steps(START + 90, every=20)), 250, ALIVE, "running", "Training"),
    ("slow steps, silent", process(), Signs.read(TRAINING, steps(START + 90, every=20)), 300, ALIVE, "stalled", "a step takes 20 s"),
    ("logs every 50 steps", process(), Signs.read(TRAINING, steps(START + 90, every=50, stride=50)), 235, ALIVE, "running", "Training"),
    ("evaluating long", process(), Signs.read([*TRAINING, stage("evaluating", START + 100)], steps(START + 90)), 700, ALIVE, "running", "Evaluating, for 10 min"),
    ("steps since an evaluation", process(), Signs.read([*TRAINING, stage("evaluating", START + 40)], steps(START + 90)), 95, ALIVE, "running", "Training, step 120"),
    ("an evaluation's own row", process(), Signs.read([*TRAINING, stage("evaluating", START + 89)], steps(START + 90)), 95, ALIVE, "running", "Evaluating"),
    ("asked to stop", process(), Signs.read(TRAINING, steps(START + 90), stop_requested=START + 95), 100, ALIVE, "stopping", "asked 5 s ago"),
    ("request answered", process(stop_requested=START + 95, stop_reason="user"), Signs.read(TRAINING), 100, ALIVE, "stopping", "checkpoint"),
    ("budget", process(stop_requested=START + 95, stop_reason="time_budget"), Signs.read(TRAINING), 100, ALIVE, "stopping", "time budget"),
    ("unsupervised", process(), Signs.read(TRAINING, steps(START + 90)), 100, Liveness(True, False), "running", "supervisor is gone"),
    ("just ended", process(), Signs.read(TRAINING), 60, Liveness(False, True), "stopping", "writing down how"),
    ("finished", process(ended=START + 60, exit_code=0, outcome="exited"), Signs.read([*TRAINING, end("finished", step=200, best_step=150)]), 99, DEAD, "finished", "Finished at step 200. The best checkpoint is step 150"),
    ("end beats a living process", process(), Signs.read([*TRAINING, end("finished")]), 99, ALIVE, "finished", "still closing"),
    ("end beats a bad exit", process(ended=START + 60, exit_code=1, outcome="exited"), Signs.read([*TRAINING, end("finished")]), 99, DEAD, "finished", "Finished"),
    ("held-out pass after training", process(), Signs.read([*TRAINING, end("early_stopped"), stage("evaluating", START + 51)]), 60, ALIVE, "running", "Evaluating"),
    ("held-out pass done", process(ended=START + 60, exit_code=0, outcome="exited"), Signs.read([*TRAINING, end("early_stopped"), stage("evaluating"), stage("done")]), 60, DEAD, "early_stopped", "Stopped early"),
    ("held-out pass crashed", process(ended=START + 60, exit_code=1, outcome="exited"), Signs.read([*TRAINING, end("early_stopped"), stage("evaluating")], error="KeyError: 'x'"), 60, DEAD, "failed", "while evaluating with exit code 1: KeyError: 'x'"),
    ("early stop", None, Signs.read([end("early_stopped", reason="no better mini-eval in 2 checkpoints", best_step=40)]), 60, Liveness(), "early_stopped", "no better mini-eval in 2 checkpoints. The best checkpoint is step 40"),
    ("stopped", process(ended=START + 60, exit_code=0, outcome="exited", stop_reason="user"), Signs.read([SAVED, end("stopped", step=7)]), 99, DEAD, "stopped", "Stopped at step 7. Resume"),
    ("stopped, with a reason", process(ended=START + 60, exit_code=0, outcome="exited", stop_reason="user"), Signs.read([SAVED, end("stopped", reason="asked by the cockpit", step=1)]), 99, DEAD, "stopped", "Stopped at step 1: asked by the cockpit. Resume goes on from its checkpoint."),
    ("stopped before it saved", process(ended=START + 60, exit_code=0, outcome="exited", stop_reason="user"), Signs.read([end("stopped")]), 99, DEAD, "stopped", "Stopped."),
    ("stopped at once", process(ended=START + 60, signal="SIGKILL", outcome="signaled", stop_reason="user", stop_now=True, forced=True), Signs.read(TRAINING), 99, DEAD, "stopped", "Stopped at once, as asked"),
    ("a trainer of one's own, stopped", process(ended=START + 60, exit_code=143, outcome="exited", stop_reason="user"), Signs.read([], steps(START + 40)), 99, DEAD, "stopped", "Stopped at step 120 on request. It ended with exit code 143"),
    ("budget, with a checkpoint", process(ended=START + 60, exit_code=0, outcome="time_budget", time_budget_s=7500), Signs.read([end("stopped", step=7)]), 99, DEAD, "stopped", "time budget of 2 h 05 min"),
    ("budget, silently", process(ended=START + 60, signal="SIGKILL", outcome="time_budget", time_budget_s=90, forced=True), Signs.read(TRAINING, steps(START + 40)), 99, DEAD, "stopped", "at step 120: its time budget of 90 s was used up. It had to be killed"),
    ("gpu memory", process(ended=START + 60, exit_code=1, outcome="exited"), Signs.read([end("out_of_memory", reason="CUDA out of memory.")]), 99, DEAD, "failed", "Ran out of memory. CUDA out of memory."),
    ("failed, told", process(ended=START + 60, exit_code=1, outcome="exited"), Signs.read([end("failed", reason="no such model")]), 99, DEAD, "failed", "Failed: no such model."),
    ("failed, untold", process(ended=START + 60, exit_code=2, outcome="exited"), Signs.read([], error="ImportError: trl"), 99, DEAD, "failed", "before it reported anything with exit code 2: ImportError: trl"),
    ("own trainer ends well", process(ended=START + 60, exit_code=0, outcome="exited"), Signs.read([], steps(START + 40)), 99, DEAD, "finished", "Finished at step 120"),
    ("memory kill", process(ended=START + 60, signal="SIGKILL", outcome="oom_killed", detail="The kernel log says so."), Signs.read(TRAINING, steps(START + 40)), 99, DEAD, "oom_killed", "want of memory while training, step 120. The kernel log says so."),
    ("kill -9", process(ended=START + 60, signal="SIGKILL", outcome="signaled"), Signs.read(TRAINING), 99, DEAD, "killed", "Killed from outside"),
    ("killed by us", process(ended=START + 60, signal="SIGKILL", outcome="signaled", stop_reason="user", forced=True), Signs.read(TRAINING), 99, DEAD, "killed", "did not stop in time"),
    ("segfault", process(ended=START + 60, signal="SIGSEGV", outcome="signaled"), Signs.read(TRAINING), 99, DEAD, "failed", "Crashed while training (SIGSEGV)"),
    ("never began", process(ended=START, outcome="spawn_failed", trainer=None, detail="no such python"), Signs(), 9, DEAD, "failed", "no such python"),
    ("gone without a word", process(), Signs.read(TRAINING, steps(START + 40)), 99, DEAD, "lost", "Lost at step 120"),
    ("restarted machine", process(), Signs.read(TRAINING), 99, Liveness(False, False, "rebooted"), "lost", "restarted"),
    ("supervisor died first", process(trainer=None), Signs(), 99, DEAD, "lost", "before the trainer"),
    ("other host, fresh", process(), Signs.read(TRAINING, steps(START + 90)), 100, UNSEEN, "running", "runs on box, out of sight"),
    ("other host, silent", process(), Signs.read(TRAINING, steps(START + 90)), 400, UNSEEN, "stalled", "Perhaps stalled"),
    ("other host, given up", process(), Signs.read(TRAINING, steps(START + 90)), 9000, UNSEEN, "lost", "last heard of 2 h"),
    ("other host, ended", process(ended=START + 60, exit_code=0, outcome="exited"), Signs.read(TRAINING), 9000, UNSEEN, "finished", "Finished"),
    ("bare lines, fresh", None, Signs.read(TRAINING, steps(START + 90)), 100, Liveness(), "running", "nobody supervises it"),
    ("bare lines, silent", None, Signs.read(TRAINING, steps(START + 90)), 400, Liveness(), "stalled", "Perhaps stalled"),
    ("a file read at once tells no pace", None, Signs.read(TRAINING, steps(START + 90, every=0)), 400, Liveness(), "running", "last heard of 5 min ago"),
    ("a file read at once, given up", None, Signs.read(TRAINING, steps(START + 90, every=0)), 9000, Liveness(), "lost", "Over at step 120: its newest line is 2 h"),
    ("bare lines, old", None, Signs.read(TRAINING, steps(START + 90)), 9000, Liveness(), "lost", "Over at step 120: its newest line is 2 h"),
    ("resumed: the old end is past", process(started=START + 500), Signs.read([*TRAINING, end("stopped")], steps(START + 40)), 505, ALIVE, "starting", "the process is up"),
    ("resumed and training", process(started=START + 500), Signs.read([end("stopped"), stage("training", START + 510)], steps(START + 520)), 525, ALIVE, "running", "Training, step 120"),
]


# fmt: on


@pytest.mark.parametrize(
    ("name", "facts", "signs", "after", "alive", "state", "says"), CASES, ids=[c[0] for c in CASES]
)
def test_states(
    name: str, facts: ProcessFacts | None, signs: Signs, after: float, alive: Liveness, state: str, says: str
) -> None:
    status = derive(facts, signs, now=START + after, alive=alive)
    assert (status.state, says in status.sentence) == (state, True), status.sentence
    assert status.live == (state in LIVE)
    assert status.sentence[0].isupper()
    assert status.sentence[-1] in ".!?"
    unseen = alive.where == "elsewhere" or facts is None
    assert status.sure or unseen


def test_launching_is_said() -> None:
    status = derive(None, Signs(), now=START, alive=Liveness(), launching=True)
    assert (status.state, "supervisor" in status.sentence) == ("starting", True)


def test_quiet_status_stays_equal() -> None:
    """A screen that compares statuses redraws a quiet run once in ten seconds at most."""
    signs = Signs.read(TRAINING, steps(START + 90))
    seen = {derive(process(), signs, now=START + 110 + i, alive=ALIVE) for i in range(30)}
    assert len(seen) <= 7


def test_foreign_text_is_made_harmless() -> None:
    signs = Signs.read(
        [stage("load\x1b[2J"), {"kind": "notice", "level": "error", "text": "x\x1b]0;pwned\x07" * 99}]
    )
    facts = process(ended=START + 1, exit_code=1, outcome="exited", detail="\x1b[31m")
    status = derive(facts, signs, now=START + 9, alive=DEAD)
    assert "\x1b" not in status.sentence + status.reason + str(status.stage)
    assert len(status.sentence) < 500


@pytest.mark.parametrize(
    "row",
    [
        {"pid": "x"},
        {"supervisor": 3, "trainer": {"pid": -1, "start_time": 1}, "started": "now", "argv": "x"},
        {"exit_code": True},
    ],
)
def test_odd_records_are_read(row: dict[str, object]) -> None:
    facts = ProcessFacts.from_json(row)
    assert facts
    assert (facts.trainer, facts.started, facts.exit_code, facts.argv) == (None, None, None, ())
    assert ProcessFacts.from_json([1]) is None


def test_odd_rows_are_read() -> None:
    rows: list[dict[str, object]] = [
        {},
        {"kind": "stage"},
        {"kind": "end", "step": float("nan")},
        {"step": "7", "time": None},
    ]
    signs = Signs.read(rows, rows)
    assert signs.step is None
    assert signs.step_time is None


def test_patience() -> None:
    assert stall_after(Signs.read(TRAINING, steps(9.0))) == 60
    assert stall_after(Signs.read(TRAINING, steps(9.0, every=18))) == 180
    assert stall_after(Signs.read(TRAINING, steps(9.0, every=50, stride=50))) == 150
    assert stall_after(Signs(stage="evaluating")) > 600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "a moment"),
        (12, "12 s"),
        (119, "119 s"),
        (180, "3 min"),
        (7500, "2 h 05 min"),
        (260000, "3 days"),
        (-5, "a moment"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_coarse_never_exceeds() -> None:
    for seconds in (0.0, 4.9, 5.0, 19.0, 20.0, 119.0, 120.0, 3601.0, 200000.0):
        assert 0 <= seconds - coarse(seconds) <= max(10.0, seconds * 0.5)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("step 1\nstep 2\n\n", "step 2"),
        (
            "Traceback (most recent call last):\n  File x\n    y\nValueError: bad\n  more\nlater",
            "ValueError: bad",
        ),
        (
            "Traceback (most recent call last):\n  a\nKeyError: 1\nTraceback (most recent call last):\n  b\nOSError: 2\n",
            "OSError: 2",
        ),
        ("10%|#   |\r20%|##  |\rdone", "done"),
    ],
)
def test_last_error(log: str, line: str) -> None:
    assert last_error(log) == line


def test_pid_needs_both_halves() -> None:
    assert ProcessFacts.from_json({"trainer": {"pid": 5}}).trainer is None  # type: ignore[union-attr]
    assert process().trainer == Pid(11, 1.0)
