"""Two processes train as one: accelerate starts them, rank 0 writes, and whatever ends one ends both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from cockpit.services import flight, launcher, observe
from cockpit.services.processes import belonging
from cockpit.services.record import read_facts
from cockpit.services.workspace import Workspace
from tests.ml.conftest import Fly, Tiny, make_workspace, reap, until
from tests.techniques.tiny_settings import settings, training_file

pytestmark = pytest.mark.fault
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


def test_two_processes_of_16_are_one_of_32_stopped_and_resumed(ws: Workspace, attempt: Fly) -> None:
    alone = attempt("sft", max_steps=12, mid_eval__every_steps=4, mid_eval__every_epochs=99.0)
    assert alone.here() == 0
    flight.new(ws, "sft", lora=False, overrides={**SFT, **TOGETHER, "per_device_train_batch_size": 16})
    flight.launch(ws, "exp_0001", reason="a test")
    layout = ws.layout.experiment("exp_0001").attempt(1)
    until(lambda: any(row["step"] >= 2 for row in read_rows(layout.metrics)))
    facts = read_facts(layout.process)
    assert facts is not None
    ranks = [row for row in belonging(facts.launch) if facts.trainer and row.parent == facts.trainer.pid]
    assert len(ranks) == 2
    flight.stop(ws, "exp_0001")
    assert launcher.wait(layout, 60)
    assert observe.observe(layout).state in ("stopped", "finished")  # it may have been too quick for us
    if observe.observe(layout).state == "stopped":
        flight.resume(ws, "exp_0001")
        assert launcher.wait(layout, 120)
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
    flight.new(ws, "grpo", lora=True, train=Path(tiny.files["train"]), overrides={**options, **TOGETHER})
    flight.launch(ws, "exp_0001", reason="a test")
    layout = ws.layout.experiment("exp_0001").attempt(1)
    until(lambda: any(row["step"] >= 5 for row in read_rows(layout.metrics)))
    flight.stop(ws, "exp_0001", now=True)  # SIGTERM to accelerate, which passes it on
    assert launcher.wait(layout, 60)
    status = observe.observe(layout)
    assert status.state == "stopped", layout.log.read_text()
    rows = [row for row in read_rows(layout.metrics) if "reward" in row]
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    facts = read_facts(layout.process)
    assert facts is not None
    assert belonging(facts.launch) == []


def test_the_first_to_fail_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cockpit.contract import AttemptLayout
    from trainers.common import attempt, ranks
    from trainers.common.ending import Ending

    layout = AttemptLayout(tmp_path)
    torn = Ending("failed", "RuntimeError: Connection closed by peer (the log has the traceback)")
    with monkeypatch.context() as rank_1:
        rank_1.setattr(ranks, "RANK", 1)
        rank_1.setattr(attempt, "RANK", 1)
        attempt._blamed(Ending("failed", "ValueError: row 7 is empty"), layout, 0.0)
    monkeypatch.setattr(ranks, "WORLD", 2)
    assert attempt._blamed(torn, layout, 0.0).reason == "In process 1 of 2: ValueError: row 7 is empty"
    assert attempt._blamed(torn, layout, 1e12).reason == torn.reason, (
        "an earlier launch's word does not count"
    )
    well = Ending("finished", "done")
    assert attempt._blamed(well, layout, 0.0) is well


@pytest.mark.parametrize("technique", ["dpo", "kto", "orpo", "rloo", "rft", "reward"])
def test_every_technique_on_two_processes(technique: str, ws: Workspace, tiny: Tiny) -> None:
    """A few steps to the end: one writer, a mini-eval, a checkpoint that the held-out pass loads."""
    chosen = settings(technique, lora=True)
    batch = int(chosen.get("per_device_train_batch_size", 16))
    steps = {} if technique == "rft" else {"max_steps": 4}
    asked = {
        **chosen,
        **TOGETHER,
        **steps,
        "per_device_train_batch_size": max(8, batch // 2),
        "warmup_steps": 0,
    }
    flight.new(ws, technique, lora=True, train=Path(tiny.files[training_file(technique)]), overrides=asked)
    flight.launch(ws, "exp_0001", reason="a test")
    layout = ws.layout.experiment("exp_0001").attempt(1)
    assert launcher.wait(layout, 200)
    status = observe.observe(layout)
    assert status.state in ("finished", "early_stopped"), layout.log.read_text()[-4000:]
    steps_seen = [row["step"] for row in read_rows(layout.metrics) if "loss" in row]
    assert steps_seen == list(range(1, len(steps_seen) + 1)) != []
    kinds = [row["kind"] for row in read_rows(layout.events)]
    assert "mid_eval" in kinds
    assert "checkpoint" in kinds


@pytest.mark.parametrize(
    ("kind", "refused"),
    [("StateDictType.SHARDED_STATE_DICT", True), ("StateDictType.FULL_STATE_DICT", False), (None, False)],
)
def test_checkpoints_in_parts_are_refused_before_a_step_is_trained(kind: str | None, refused: bool) -> None:
    """FSDP needs GPUs (on a CPU accelerate makes DDP of it), so that this is what can be shown of it here."""
    from types import SimpleNamespace

    from cockpit.contract import CockpitError
    from trainers.common.callback import refuse_parts

    plugin = SimpleNamespace(state_dict_type=kind)
    accelerator = SimpleNamespace(state=SimpleNamespace(fsdp_plugin=plugin))
    trainer = SimpleNamespace(is_fsdp_enabled=kind is not None, accelerator=accelerator)
    if refused:
        with pytest.raises(CockpitError, match="checkpoints in parts"):
            refuse_parts(trainer)
    else:
        refuse_parts(trainer)


def test_under_fsdp_the_mini_eval_asks_the_checkpoint_from_the_disk(attempt: Fly) -> None:
    """Rank 0 holds a part of the weights; a forward pass of it would wait for the others for ever."""
    from types import SimpleNamespace
    from typing import cast

    from trainers.common.callback import MidEval

    run = attempt("sft", max_steps=1, mid_eval__every_steps=1)
    assert run.here() == 0
    asker = cast("Any", SimpleNamespace(attempt=SimpleNamespace(recipe=run.recipe)))
    part = object()
    asker.trainer = SimpleNamespace(is_fsdp_enabled=False)
    assert MidEval._whole(asker, part, run.layout.checkpoint(1)) is part
    asker.trainer = SimpleNamespace(is_fsdp_enabled=True)
    whole = MidEval._whole(asker, part, run.layout.checkpoint(1))
    assert whole is not part
    assert not whole.training
