"""However a run ends, its last event says so in a sentence; and no fault costs more than it must."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import control
from cockpit.contract.atomic import read_json
from cockpit.services.rules import run_findings
from tests.trainers.real.conftest import Run, Scripted, Tiny, TrainRun, until


@pytest.mark.fault
@pytest.mark.parametrize(("technique", "number"), [("sft", signal.SIGTERM), ("grpo", signal.SIGINT)])
def test_a_signal_makes_a_checkpoint_and_ends_cleanly(attempt: TrainRun, technique: str, number: int) -> None:
    run = attempt(technique, lora=technique == "grpo", max_steps=5000, mid_eval__every_steps=4000,
                  mid_eval__every_epochs=1000.0)  # fmt: skip
    process = run.start()
    try:
        until(lambda: len(run.metrics) >= 3 or process.poll() is not None)
        process.send_signal(number)
        assert process.wait(timeout=600) == 0, run.log
    finally:
        process.kill()
    name = signal.Signals(number).name
    assert run.end["outcome"] == "stopped"
    assert run.end["reason"] == f"asked by {name}"
    step = run.end["step"]
    assert run.checkpoints == [step]
    assert [row["step"] for row in run.metrics if "loss" in row] == list(range(1, step + 1))
    state = read_json(run.layout.checkpoint(step) / "trainer_state.json") or {}
    assert state["global_step"] == step
    assert not (run.layout.checkpoints / ".writing").exists()


def test_requests_of_the_cockpit_are_carried_out(
    attempt: TrainRun, monkeypatch: pytest.MonkeyPatch, scripted: Callable[..., Scripted]
) -> None:
    """A checkpoint and a mini-eval out of turn; they are marked as done and don't count towards the early stop."""
    from trainers.report.telemetry import Telemetry

    scorer = scripted(0.5, 0.2)
    run = attempt("sft", max_steps=7, mid_eval__every_steps=6, mid_eval__every_epochs=9.0)
    asks = {2: "checkpoint", 4: "evaluate"}
    begin = Telemetry.on_step_begin

    def ask(self: Any, args: Any, state: Any, flow: Any, **kwargs: Any) -> None:
        if name := asks.get(state.global_step + 1):
            control.request(run.layout, name)  # pyright: ignore[reportArgumentType]
        begin(self, args, state, flow, **kwargs)

    monkeypatch.setattr(Telemetry, "on_step_begin", ask)
    assert run.here() == 0
    made = [(row["step"], row["reason"]) for row in run.events("checkpoint")]
    assert made[:3] == [(2, "request"), (4, "request"), (6, "periodic")]
    assert [seen["step"] for seen in scorer.seen] == [4, 6, 7]
    assert control.pending(run.layout) == []
    assert len(list(run.layout.control.glob("*.done"))) == 2
    newest = run.layout.checkpoints / f"step_{run.checkpoints[-1]:06d}" / "cockpit_state.json"
    assert set(json.loads(newest.read_text())["scores"]) == {0.2}, "the one that was asked for is not judged"


def test_a_stop_that_comes_after_the_processes_agreed_waits_for_the_next_step(attempt: TrainRun) -> None:
    """Heard in one process alone, it would save while the others train on: they would wait for each other for ever."""
    from trainers.attempt.attempt import Attempt
    from trainers.attempt.signals import StopFlag
    from trainers.loop.frame import SilentWriter
    from trainers.loop.mid_eval import MidEval
    from trainers.scoring.engine import Engine
    from trainers.scoring.scoring import Scorer

    class Late(StopFlag):
        """Is set by a signal just after it was first looked at."""

        def __bool__(self) -> bool:
            before = super().__bool__()
            self.set("asked by SIGTERM")
            return before

    run = attempt("sft", max_steps=9, mid_eval__every_steps=5)
    trained = Attempt(run.layout, run.recipe, SilentWriter(run.layout.root), Late())
    mid_eval = MidEval(trained, None, Scorer(trained, None, [], None, Engine(trained)))
    decided: list[tuple[bool, bool]] = []
    for step in (1, 2):
        flow = SimpleNamespace(should_save=False, should_training_stop=False)
        mid_eval.on_step_end(None, SimpleNamespace(global_step=step, max_steps=9), flow)
        decided.append((flow.should_save, flow.should_training_stop))
    assert decided == [(False, False), (True, True)]


@pytest.mark.fault
def test_a_full_disk_costs_a_warning(attempt: TrainRun) -> None:
    """No file may grow beyond 100 kB, so no checkpoint fits: training goes on to its last step and says so."""
    run = attempt("sft", max_steps=4, mid_eval__every_steps=2)
    assert run.start(largest_file=100_000).wait(timeout=600) == 0, run.log
    assert (run.end["outcome"], run.end["step"]) == ("finished", 4)
    assert "The checkpoint at step 2 could not be written" in run.notices
    assert "It needs about " in run.notices
    assert "so they are held in memory" in run.notices
    assert [row["step"] for row in run.metrics if "loss" in row] == [1, 2, 3, 4]
    assert run.checkpoints == []


def test_lost_telemetry_does_not_stop_the_run(
    attempt: TrainRun, scripted: Callable[..., Scripted], capfd: pytest.CaptureFixture[str]
) -> None:
    scripted(0.5)
    run = attempt("sft", max_steps=3)
    run.layout.metrics.symlink_to("/dev/full")
    assert run.here() == 0
    assert run.summary["steps"] == 3
    said = capfd.readouterr().err
    assert said.count("could not write metrics.jsonl: OSError: No space left on device") == 1


def test_a_loss_that_is_no_number_is_seen(attempt: TrainRun) -> None:
    run = attempt("sft", max_steps=6, max_grad_norm=0.0, mid_eval__every_steps=3)
    rewritten(run, trainer={"learning_rate": 1e12, "optim": "sgd"})  # by hand: `cockpit new` refuses it
    assert run.here() == 0
    broken = [row for row in run.metrics if "loss" in (row.get("nonfinite") or {})]
    assert broken, run.losses
    assert broken[0]["loss"] is None
    text = run.layout.metrics.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    said = run_findings.for_attempt(run.layout.root)
    assert any("nan" in f.headline.lower() or "finite" in f.headline.lower() for f in said), said


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "per_device_train_batch_size 32 -> 16 with gradient_accumulation_steps 1 -> 2"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "LoRA instead of full weights"),
    ],
)
def test_want_of_memory_is_said_in_a_sentence(
    attempt: TrainRun, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    from trl import SFTTrainer

    def burst(*args: Any, **kwargs: Any) -> Any:
        raise error

    monkeypatch.setattr(SFTTrainer, "training_step", burst)
    run = attempt("sft", max_steps=2)
    assert run.here() == 1
    assert run.end["outcome"] == "out_of_memory"
    assert run.end["reason"].startswith("To make it fit, try in this order: ")
    assert expected in run.end["reason"]


def test_any_other_fault_is_one_sentence_and_the_log_has_the_rest(
    attempt: TrainRun, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from trl import SFTTrainer

    def burst(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("shapes differ\nand much more")

    monkeypatch.setattr(SFTTrainer, "training_step", burst)
    run = attempt("sft", max_steps=2)
    assert run.here() == 1
    assert run.end["reason"] == "ValueError: shapes differ (the log has the traceback)"
    assert "Traceback" in capfd.readouterr().err
    assert run.summary["errors"] == [run.end["reason"]]


def rewritten(run: Run, **sections: dict[str, Any]) -> None:
    """Change the recipe by hand, as somebody with an editor would."""
    value = json.loads(run.layout.recipe.read_text())
    for name, fields in sections.items():
        value[name] = {**(value[name] or {}), **fields}
    run.layout.recipe.write_text(json.dumps(value))


REFUSED = [
    ({"model": {"device_map": "auto"}}, "places layers for inference"),
    ({"model": {"load_in_4bit": True}}, "frozen 4-bit weights, which learn nothing"),
    ({"model": {"train_mode": False}}, "switches dropout off"),
    ({"trainer": {"model_init_kwargs": {"device_map": "auto"}}}, "pinned to its device"),
    ({"trainer": {"max_sequence_length": 9}}, "max_sequence_length is not a name that sft takes"),
    ({"trainer": {"evaluation_strategy": "steps"}}, "It is now mid_eval.every_steps"),
    ({"trainer": {"save_steps": 10}}, "it follows mid_eval.every_steps"),
    ({"model": {"name_or_path": "/nowhere/at/all"}}, "there is no such model folder"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_what_only_breaks_or_crawls_is_refused(
    attempt: TrainRun, change: dict[str, dict[str, Any]], reason: str
) -> None:
    run = attempt("sft", max_steps=2)
    rewritten(run, **change)
    assert run.here() == 1
    assert run.end["outcome"] == "failed"
    assert reason in run.end["reason"]
    assert run.metrics == []


@pytest.mark.parametrize("technique", ["sft", "grpo"])
@pytest.mark.parametrize("slice_name", ["held_out", "mini_eval"])
def test_training_on_an_item_of_the_evaluation_is_refused(
    attempt: TrainRun, tiny: Tiny, tmp_path: Path, technique: str, slice_name: str
) -> None:
    leaked = json.loads(Path(tiny.files[slice_name]).read_text().splitlines()[3])
    rows = Path(tiny.files["sft" if technique == "sft" else "train"]).read_text().splitlines()[:20]
    answer = f"<answer>{leaked['answer']}</answer>"
    row: dict[str, Any] = {"prompt": f"  {leaked['prompt']} ", "answer": leaked["answer"]}
    if technique == "sft":
        row = {
            "messages": [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": answer}]
        }
    train = tmp_path / "leaky.jsonl"
    train.write_text("\n".join([*rows, json.dumps(row)]) + "\n")
    run = attempt(technique, train, max_steps=2)
    assert run.here() == 1
    assert f"row 21, which is item {leaked['id']}" in run.end["reason"]
    assert "Take them out" in run.end["reason"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "this data file is empty"),
        ('{"messages": []}\n{not json\n', "leaky.jsonl:2: this line is not JSON"),
        ('{"colour": "red"}\n', "row 1 has no demonstration to learn from: its columns are colour"),
        ("[1, 2]\n", "leaky.jsonl:1: this row is an array, not a JSON object"),
    ],
)
def test_bad_training_data_names_the_place(attempt: TrainRun, tmp_path: Path, text: str, reason: str) -> None:
    train = tmp_path / "leaky.jsonl"
    train.write_text(text)
    run = attempt("sft", train, max_steps=2)
    assert run.here() == 1
    assert reason in run.end["reason"]


def test_a_damaged_model_is_named(attempt: TrainRun, tiny: Tiny, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "cut-off"
    shutil.copytree(tiny.model, folder)
    os.truncate(folder / "model.safetensors", 1000)
    run = attempt("sft", max_steps=2)
    rewritten(run, model={"name_or_path": str(folder)})
    assert run.here() == 1
    assert f"{folder}: the model can't be loaded" in run.end["reason"]
    assert "a file may be missing or cut off" in run.end["reason"]
