"""The mid-eval inside a run: when it comes, what it stops, what it keeps, and that it disturbs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.trainers.real.conftest import Scripted, TrainRun


@pytest.mark.parametrize(
    ("every_steps", "every_epochs", "steps_per_epoch", "expected"),
    [(200, 0.25, 20, 5), (3, 0.25, 20, 3), (200, 1.0, 20, 20), (200, 0.25, 2, 1), (50, 10.0, 100, 50)],
)
def test_whichever_comes_first(
    every_steps: int, every_epochs: float, steps_per_epoch: int, expected: int
) -> None:
    pytest.importorskip("transformers")
    from trainers.loop.progress import interval

    settings = SimpleNamespace(every_steps=every_steps, every_epochs=every_epochs)
    assert interval(settings, steps_per_epoch) == expected


def test_a_quarter_of_an_epoch_comes_before_many_steps(attempt: TrainRun) -> None:
    """620 rows in batches of 31: 20 steps an epoch, so a checkpoint every 5, and one at the end."""
    run = attempt("sft", per_device_train_batch_size=31, max_steps=12, mid_eval__patience=9)
    assert run.here() == 0
    assert [row["step"] for row in run.events("mid_eval")] == [5, 10, 12]
    assert [(row["step"], row["reason"]) for row in run.events("checkpoint")] == [
        (5, "periodic"), (10, "periodic"), (12, "end"),
    ]  # fmt: skip
    assert run.summary["outcome"] == "finished"
    assert [row["step"] for row in run.metrics if "loss" in row] == list(range(1, 13))
    for row in run.events("mid_eval"):
        items = run.layout.root / row["items"]
        told = [json.loads(line) for line in items.read_text().splitlines()]
        assert len(told) == row["n"] == 10
        assert sum(item["passed"] for item in told) == row["passed"]
        assert {"prompt", "completion", "answer", "parsed", "why"} <= told[0].keys()


def test_it_stops_after_patience_and_keeps_the_best(
    attempt: TrainRun, scripted: Callable[..., Scripted]
) -> None:
    scripted(0.2, 0.6, 0.6, 0.5, 0.4, 0.9)
    run = attempt("sft", max_steps=40, mid_eval__every_steps=2, mid_eval__patience=3, mid_eval__keep_last=1)
    assert run.here() == 0
    told = run.summary
    assert (told["outcome"], told["steps"]) == ("early_stopped", 10)
    assert (told["best_step"], told["best_mini_eval"]) == (4, 0.6)
    assert "has not improved in 3 checkpoint(s): best 0.6 at step 4" in told["early_stop_reason"]
    assert "Over the newest 4 mini-evals of 100 items the change is -0.14" in told["early_stop_reason"]
    assert told["checkpoint"].endswith("step_000004")
    assert run.checkpoints == [4, 10], "the best one is not rotated away, of the others one is kept"
    assert run.layout.best.resolve().name == "step_000004"
    assert [row["best"] for row in run.events("mid_eval")] == [True, True, False, False, False]
    assert [row["since_best"] for row in run.events("mid_eval")] == [0, 0, 1, 2, 3]
    assert run.would_score == ["step_000004"]


def test_early_stop_can_be_switched_off(attempt: TrainRun, scripted: Callable[..., Scripted]) -> None:
    scripted(0.6, 0.1)
    run = attempt("sft", max_steps=6, mid_eval__every_steps=1, mid_eval__early_stop=False)
    assert run.here() == 0
    assert (run.summary["outcome"], run.summary["steps"], run.summary["best_step"]) == ("finished", 6, 1)


@pytest.mark.parametrize(
    ("baseline", "best", "scored"),
    [(0.5, 0.2, False), (0.355, 0.34, True), (None, 0.0, True), (0.0, 0.0, True)],
)
def test_the_full_pass_only_from_the_baseline_up(
    attempt: TrainRun, scripted: Callable[..., Scripted], baseline: float | None, best: float, scored: bool
) -> None:
    scripted(best)
    run = attempt("sft", max_steps=2, mid_eval__every_steps=2, mid_eval__baseline=baseline)
    assert run.here() == 0
    assert run.would_score == (["step_000002"] if scored else [])
    if not scored:
        assert "full held-out pass is skipped" in run.notices
        assert run.end["outcome"] == "finished"


def test_training_with_training_settings_and_the_mode_given_back(
    attempt: TrainRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`use_cache` off and dropout on in every step, eval mode in the mini-eval, training mode after it."""
    from torch.nn import Dropout

    from trainers.report import telemetry
    from trainers.scoring.scoring import Scorer

    steps: list[tuple[bool, bool, set[float]]] = []
    evals: list[tuple[bool, bool]] = []
    begin, score = telemetry.Telemetry.on_step_begin, Scorer.score

    def look(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        model = kwargs["model"]
        dropouts = {m.p for name, m in model.named_modules() if isinstance(m, Dropout) and "lora" in name}
        steps.append((model.training, model.config.use_cache, dropouts))
        begin(self, args, state, control, **kwargs)

    def watched(self: Any, load: Callable[[], Any], **kwargs: Any) -> Any:
        model = load()
        before = model.training
        scored = score(self, load, **kwargs)
        evals.append((before, model.training))
        return scored

    monkeypatch.setattr(telemetry.Telemetry, "on_step_begin", look)
    monkeypatch.setattr(Scorer, "score", watched)
    run = attempt("sft", lora=True, max_steps=4, mid_eval__every_steps=2, peft__lora_dropout=0.2)
    assert run.here() == 0
    assert steps == [(True, False, {0.2})] * 4
    assert evals == [(True, True)] * 2


def test_a_mini_eval_changes_nothing_that_training_does_next(attempt: TrainRun, tmp_path: Path) -> None:
    """Sampled mini-evals at every step, or one at the end: the same weights, to the bit."""
    options = {"lora": True, "max_steps": 4, "peft__lora_dropout": 0.1, "generation__temperature": 0.7}
    often = attempt("sft", mid_eval__every_steps=1, mid_eval__patience=9, **options)
    once = attempt("sft", mid_eval__every_steps=9, **options)
    assert often.here() == once.here() == 0
    assert len(often.events("mid_eval")) == 4
    assert len(once.events("mid_eval")) == 1
    weights = [(run.layout.checkpoint(4) / "adapter_model.safetensors").read_bytes() for run in (often, once)]
    assert weights[0] == weights[1]
