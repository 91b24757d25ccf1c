"""Two processes train as one: accelerate starts them, rank 0 writes, and whatever ends one ends both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from cockpit.services.experiments import lifecycle
from cockpit.services.runs import launcher, observe
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import belonging
from cockpit.services.workspace.workspace import Workspace
from tests.trainers.real.conftest import Tiny, TrainRun, make_workspace, reap, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1800)]
TOGETHER = {"launcher": "accelerate", "resources.processes": 2}
SFT = {
    "learning_rate": 1e-3,
    "max_length": 64,
    "max_steps": 12,
    "warmup_steps": 0,
    "gradient_accumulation_steps": 1,
}


@pytest.fixture
def ws(tiny: Tiny, tmp_path: Path) -> Iterator[Workspace]:
    made = make_workspace(
        tiny, tmp_path / "ws", mid_eval={"every_steps": 4, "every_epochs": 99.0, "patience": 9}
    )
    yield made
    reap(made)


def test_two_processes_of_16_are_one_of_32_stopped_and_resumed(ws: Workspace, attempt: TrainRun) -> None:
    alone = attempt("sft", max_steps=12, mid_eval__every_steps=4, mid_eval__every_epochs=99.0)
    assert alone.here() == 0
    lifecycle.new(ws, "sft", lora=False, overrides={**SFT, **TOGETHER, "per_device_train_batch_size": 16})
    lifecycle.launch(ws, "exp_0001", reason="a test")
    layout = ws.layout.experiment("exp_0001").attempt(1)
    facts = read_facts(layout.process)
    assert facts is not None
    trainer = facts.trainer
    assert trainer is not None
    until(lambda: len([row for row in belonging(facts.launch) if row.parent == trainer.pid]) == 2)
    until(lambda: any(row["step"] >= 2 for row in read_rows(layout.metrics)))
    lifecycle.stop(ws, "exp_0001")
    assert launcher.wait(layout, 600)
    assert observe.observe(layout).state in ("stopped", "finished")  # it may have been too quick for us
    if observe.observe(layout).state == "stopped":
        lifecycle.resume(ws, "exp_0001")
        assert launcher.wait(layout, 600)
    assert observe.observe(layout).state == "finished", layout.log.read_text()
    rows = [row for row in read_rows(layout.metrics) if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 13)), "one writer: no line twice"
    assert [row["loss"] for row in rows] == pytest.approx(alone.losses, rel=2e-3)
    events = list(read_rows(layout.events))
    assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
    assert [row["step"] for row in events if row["kind"] == "mid_eval"] == [4, 8, 12]
    view = ws.experiment("1")
    assert view.score is not None
    assert view.score.n == 200


def test_grpo_on_two_processes_and_a_signal_to_the_launcher(ws: Workspace, tiny: Tiny) -> None:
    options: dict[str, Any] = {
        "learning_rate": 2e-4, "per_device_train_batch_size": 16, "num_generations": 8, "max_steps": 500,
        "gradient_accumulation_steps": 1, "beta": 0.05, "max_completion_length": 16,
    }  # fmt: skip
    lifecycle.new(ws, "grpo", lora=True, train=Path(tiny.files["train"]), overrides={**options, **TOGETHER})
    lifecycle.launch(ws, "exp_0001", reason="a test")
    layout = ws.layout.experiment("exp_0001").attempt(1)
    until(lambda: any(row["step"] >= 5 for row in read_rows(layout.metrics)))
    lifecycle.stop(ws, "exp_0001", now=True)  # SIGTERM to accelerate, which passes it on
    assert launcher.wait(layout, 600)
    status = observe.observe(layout)
    assert status.state == "stopped", layout.log.read_text()
    rows = [row for row in read_rows(layout.metrics) if "reward" in row]
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    facts = read_facts(layout.process)
    assert facts is not None
    assert belonging(facts.launch) == []


def test_the_first_to_fail_is_named(tmp_path: Path) -> None:
    from cockpit.contract import AttemptLayout
    from trainers.attempt.ending import Ending
    from trainers.distributed.together import Together

    layout = AttemptLayout(tmp_path)
    torn = Ending("failed", "RuntimeError: Connection closed by peer (the log has the traceback)")
    Together(1, 2).blamed(Ending("failed", "ValueError: row 7 is empty"), layout, 0.0)
    first = Together(0, 2)
    assert first.blamed(torn, layout, 0.0).reason == "In process 1 of 2: ValueError: row 7 is empty"
    assert first.blamed(torn, layout, 1e12).reason == torn.reason, "an earlier launch's word does not count"
    well = Ending("finished", "done")
    assert first.blamed(well, layout, 0.0) is well
