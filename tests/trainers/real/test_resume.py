"""A resumed run is the run that was never broken: step, optimizer, random state, early-stop state, weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import control
from cockpit.contract.atomic import read_json
from tests.trainers.real.conftest import Run, Scripted, TrainRun

KINDS = [("sft", False), ("sft", True), ("grpo", False), ("grpo", True)]


def stop_at(run: Run, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cockpit ask for a stop while `step` is being trained."""
    from trainers.report.telemetry import Telemetry

    begin = Telemetry.on_step_begin

    def ask(self: Any, args: Any, state: Any, flow: Any, **kwargs: Any) -> None:
        if state.global_step + 1 == step:
            control.request(run.layout, "stop")
        begin(self, args, state, flow, **kwargs)

    monkeypatch.setattr(Telemetry, "on_step_begin", ask)


def state_of(folder: Path, *, lora: bool) -> dict[str, Any]:
    import torch

    state = read_json(folder / "trainer_state.json") or {}
    weights = folder / ("adapter_model.safetensors" if lora else "model.safetensors")
    return {
        "weights": weights.read_bytes(),
        "optimizer": torch.load(folder / "optimizer.pt", weights_only=True),
        "scheduler": torch.load(folder / "scheduler.pt", weights_only=True),
        "rng": torch.load(folder / "rng_state.pth", weights_only=False),
        "steps": (state["global_step"], state["max_steps"]),
        "early_stop": read_json(folder / "cockpit_state.json"),
    }


def assert_same(one: Any, other: Any, where: str) -> None:
    import numpy
    import torch

    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{index}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, numpy.ndarray):
        assert numpy.array_equal(one, other), where
    else:
        assert one == other, where


@pytest.mark.parametrize(("technique", "lora"), KINDS)
def test_it_goes_on_to_the_bit(
    attempt: TrainRun, monkeypatch: pytest.MonkeyPatch, technique: str, lora: bool
) -> None:
    options: dict[str, Any] = {
        "lora": lora,
        "max_steps": 6,
        "mid_eval__every_steps": 2,
        "mid_eval__patience": 9,
    }
    if lora:
        options["peft__lora_dropout"] = 0.1
    whole, broken = attempt(technique, **options), attempt(technique, **options)
    assert whole.here() == 0
    with monkeypatch.context() as patch:
        stop_at(broken, 3, patch)
        assert broken.here() == 0
    assert broken.end["outcome"] == "stopped"
    assert (broken.end["step"], broken.end["reason"]) == (3, "asked by the cockpit")
    assert [(row["step"], row["reason"]) for row in broken.events("checkpoint")][-1] == (3, "stop")
    assert broken.checkpoints == [2, 3]
    control.clear(broken.layout)
    if lora:  # the two files that can be rebuilt cost nothing where they are damaged
        (broken.layout.checkpoint(3) / "cockpit_state.json").unlink()
        (broken.layout.checkpoint(3) / "trainer_state.json").write_text(
            '{"global_step": "6", "max_steps": 6}'
        )
    assert broken.here("--resume") == 0
    assert "Resumed from step_000003" in broken.notices
    assert ("trainer_state.json was damaged" in broken.notices) is lora
    assert [row["step"] for row in broken.metrics if "loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in broken.events("mid_eval")] == [2, 4, 6]
    assert broken.losses == whole.losses
    last = [state_of(run.layout.checkpoint(6), lora=lora) for run in (whole, broken)]
    assert_same(last[0], last[1], "step 6")


def test_the_count_of_the_early_stop_goes_on(
    attempt: TrainRun, monkeypatch: pytest.MonkeyPatch, scripted: Callable[..., Scripted]
) -> None:
    """Best at 2, worse at 4, stopped at 5; the resumed run stops at 8, where four mini-evals show no gain."""
    scripted(0.5, 0.4)
    run = attempt("sft", max_steps=20, mid_eval__every_steps=2, mid_eval__patience=2)
    with monkeypatch.context() as patch:
        stop_at(run, 5, patch)
        assert run.here() == 0
    control.clear(run.layout)
    assert run.here("--resume") == 0
    told = run.summary
    assert (told["outcome"], told["steps"], told["best_step"]) == ("early_stopped", 8, 2)
    assert run.layout.best.resolve().name == "step_000002"


def test_a_finished_run_is_not_trained_on(attempt: TrainRun, scripted: Callable[..., Scripted]) -> None:
    scripted(0.5)
    run = attempt("sft", max_steps=2)
    assert run.here() == 0
    weights = (run.layout.checkpoint(2) / "model.safetensors").read_bytes()
    assert run.here("--resume") == 0
    assert run.checkpoints == [2]
    assert (run.layout.checkpoint(2) / "model.safetensors").read_bytes() == weights
    assert run.would_score == ["step_000002"] * 2, "but its held-out pass may still be due"


def test_a_mini_eval_that_was_cut_short_is_made_up_for(
    attempt: TrainRun, monkeypatch: pytest.MonkeyPatch, scripted: Callable[..., Scripted]
) -> None:
    """Stopped at the very step whose mini-eval was due: the resume does it first, with that checkpoint's weights."""
    scorer = scripted(0.5)
    run = attempt("sft", max_steps=4, mid_eval__every_steps=2)
    with monkeypatch.context() as patch:
        stop_at(run, 2, patch)
        assert run.here() == 0
    assert scorer.seen == []
    control.clear(run.layout)
    assert run.here("--resume") == 0
    assert [seen["step"] for seen in scorer.seen] == [2, 4]


def test_a_fresh_start_over_checkpoints_is_refused(
    attempt: TrainRun, scripted: Callable[..., Scripted]
) -> None:
    scripted(0.5)
    run = attempt("sft", max_steps=2)
    assert run.here() == 0
    assert run.here() == 1
    assert "already has checkpoints, up to step_000002" in run.end["reason"]
