"""Going on from a checkpoint: the adapter itself, a new one on top of it, full weights; each loads in plain peft."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.layout import PIN
from tests.trainers.real.conftest import Run, Scripted, Tiny, TrainRun

STEPS = {"max_steps": 6, "mid_eval__every_steps": 2, "mid_eval__every_epochs": 99.0, "mid_eval__patience": 9}


@pytest.fixture
def parents(attempt: TrainRun, scripted: Callable[..., Scripted]) -> Callable[[bool], Run]:
    """A parent of 6 steps, LoRA or full weights, with its checkpoints at 2, 4 and 6."""
    scripted(0.5)

    def train_run(lora: bool) -> Run:
        run = attempt("sft", lora=lora, **STEPS, **({"learning_rate": 2e-3} if lora else {}))
        assert run.here() == 0
        return run

    return train_run


def logits(model: Any, tokenizer: Any) -> Any:
    import torch

    model.eval()
    with torch.inference_mode():
        return model(**tokenizer("user\n3+4=?\nassistant\n", return_tensors="pt")).logits


def assert_loads_alike(run: Run) -> None:
    """What our evaluation loads from the checkpoint is what plain peft or transformers loads from it."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from trainers.model import loading

    folder = run.layout.best.resolve()
    plain = AutoPeftModelForCausalLM if (folder / loading.ADAPTER).is_file() else AutoModelForCausalLM
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ours = logits(loading.load_model(run.recipe, training=False, checkpoint=str(folder)), tokenizer)
    assert torch.allclose(ours, logits(plain.from_pretrained(folder), tokenizer), atol=1e-5)


def test_an_adapter_is_trained_on(attempt: TrainRun, parents: Callable[[bool], Run], tiny: Tiny) -> None:
    parent = parents(True)
    start = parent.layout.checkpoint(4)
    child = attempt("sft", lora=True, max_steps=2, learning_rate=1e-6, model__warm_start=str(start))
    assert child.here() == 0
    assert child.losses[0] < parent.losses[0] * 0.8, "it begins where the parent was, not at the base"
    config = json.loads((child.layout.best / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny.model)
    assert child.summary["warm_start"] == str(start)
    assert_loads_alike(child)


def test_or_merged_and_a_new_one_begun_on_top(attempt: TrainRun, parents: Callable[[bool], Run]) -> None:
    parent = parents(True)
    start = str(parent.layout.checkpoint(4))
    slow = {"lora": True, "max_steps": 2, "learning_rate": 1e-6, "model__warm_start": start}
    on, merged = attempt("sft", **slow), attempt("sft", **slow, model__adapter="merge", peft__r=4)
    assert on.here() == merged.here() == 0
    assert merged.losses[0] == pytest.approx(on.losses[0], rel=1e-4), "the same function to begin with"
    config = json.loads((merged.layout.best / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(merged.layout.root / "merged_base")
    assert config["r"] == 4
    assert_loads_alike(merged)
    # A workspace that was moved takes the merged base along.
    from trainers.model.loading import base_of

    moved = merged.layout.root.with_name("002")
    merged.layout.root.rename(moved)
    place = (moved / "checkpoints" / "best").resolve()
    assert base_of(str(place), merged.recipe) == str(moved / "merged_base")


def test_or_into_full_weights(attempt: TrainRun, parents: Callable[[bool], Run]) -> None:
    parent = parents(True)
    start = str(parent.layout.checkpoint(4))
    child = attempt("sft", max_steps=2, learning_rate=1e-6, model__warm_start=start, model__adapter="merge")
    assert child.here() == 0
    assert child.losses[0] < parent.losses[0] * 0.8
    assert (child.layout.best / "model.safetensors").is_file()
    assert not (child.layout.best / "adapter_config.json").exists()
    assert_loads_alike(child)


def test_an_adapter_on_full_weights_is_scored_on_those(
    attempt: TrainRun, parents: Callable[[bool], Run]
) -> None:
    """Its base is the parent's checkpoint: scored on the recipe's base model it would be another model."""
    parent = parents(False)
    start = parent.layout.checkpoint(6)
    child = attempt("sft", lora=True, max_steps=2, model__warm_start=str(start))
    assert child.here() == 0
    config = json.loads((child.layout.best / "adapter_config.json").read_text())
    assert Path(config["base_model_name_or_path"]).resolve() == start.resolve()
    assert_loads_alike(child)


def test_grpo_goes_on_with_the_adapter_of_an_sft(attempt: TrainRun, parents: Callable[[bool], Run]) -> None:
    """With a KL term TRL keeps a frozen copy of the adapter beside it; what we publish is the trained one."""
    parent = parents(True)
    start = str(parent.layout.checkpoint(6))
    child = attempt("grpo", lora=True, max_steps=2, model__warm_start=start, mid_eval__every_steps=2)
    assert child.here() == 0
    assert "kl" in child.metrics[0]
    assert child.metrics[0]["kl"] == pytest.approx(0.0, abs=1e-6), "measured against where it began"
    assert_loads_alike(child)
    assert {p.name for p in child.layout.best.resolve().iterdir() if p.is_dir()} <= {"ref"}


def test_a_checkpoint_that_is_started_from_stays(
    attempt: TrainRun, scripted: Callable[..., Scripted]
) -> None:
    scripted(0.1, 0.2)
    run = attempt("sft", **STEPS | {"mid_eval__every_steps": 1}, mid_eval__keep_last=1)
    from trainers.report.telemetry import Telemetry

    begin = Telemetry.on_step_begin

    def pin(self: Any, args: Any, state: Any, flow: Any, **kwargs: Any) -> None:
        if state.global_step == 1:
            (run.layout.checkpoint(1) / PIN).write_text("exp_0009\n")
        begin(self, args, state, flow, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Telemetry, "on_step_begin", pin)
        assert run.here() == 0
    assert run.checkpoints == [1, 2, 6], "pinned, best, newest"
