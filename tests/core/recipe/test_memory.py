"""Will it fit: the estimate's parts, the changes that make it fit, and the time from a measured step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cockpit.core.recipe.memory import (
    ERROR,
    HEADROOM,
    Device,
    Fit,
    Plan,
    Shape,
    changes,
    estimate,
    plan_of,
)
from cockpit.core.recipe.pace import duration, pace, steps_of
from cockpit.core.recipe.recipes import resolve

SMOL: dict[str, Any] = {
    "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64,
    "intermediate_size": 1536, "vocab_size": 49152, "tie_word_embeddings": True,
}  # fmt: skip
QWEN: dict[str, Any] = {
    "hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 9728, "vocab_size": 151936, "tie_word_embeddings": True,
}  # fmt: skip
DATA = {"train": "/d/t.jsonl", "mini_eval": "/d/m.jsonl", "held_out": "/d/h.jsonl"}


def shape(config: dict[str, Any]) -> Shape:
    made = Shape.from_config(config)
    assert made is not None
    return made


def recipe(technique: str, *overrides: str, **more: Any) -> Any:
    return resolve(
        technique,
        experiment_id="exp_0001",
        model="/m",
        verifier="exact",
        data=DATA,
        overrides=overrides,
        **more,
    )


def test_weights_are_counted() -> None:
    assert shape(SMOL).parameters == 134_515_008  # what the model's own files hold
    assert shape(QWEN).parameters == pytest.approx(4.02e9, rel=0.01)
    assert Shape.from_config({"hidden_size": 8}) is None
    assert shape({"text_config": QWEN}).hidden == 2560


@pytest.mark.parametrize(
    ("rank", "batch", "length", "measured_mb"),
    # SFT of SmolLM2-135M in float32 on a CPU, TRL 1.16: peak resident memory, every token trained on.
    [(32, 1, 128, 1648), (32, 4, 128, 2709), (32, 4, 256, 4467), (None, 1, 128, 2896), (None, 4, 128, 3566)],
)
def test_the_estimate_is_within_its_error(
    rank: int | None, batch: int, length: int, measured_mb: int
) -> None:
    guess = estimate(shape(SMOL), Plan("sft", rank, batch, length)).total / 2**20
    assert guess == pytest.approx(measured_mb, rel=ERROR)


def test_parts_follow_the_recipe() -> None:
    lora, full = (
        estimate(shape(QWEN), plan_of(recipe("dpo", lora=kind), gpu=True)).parts for kind in (True, False)
    )
    assert "reference" not in lora, "the reference is the model with its adapter switched off"
    assert full["reference"] == full["weights"]
    assert "adapter" not in full
    assert full["optimizer"] == 8 * shape(QWEN).parameters
    assert lora["optimizer"] < full["optimizer"] / 20
    online = estimate(shape(QWEN), plan_of(recipe("grpo"), gpu=True)).parts
    assert online["generation"] > 0
    assert "generation" not in lora
    short = plan_of(recipe("sft", "max_length=256"), gpu=True, longest=4000)
    assert short.length == 256
    assert plan_of(recipe("sft"), gpu=True, longest=300).length == 300
    quarter = estimate(shape(QWEN), plan_of(recipe("sft", "model.load_in_4bit=true"), gpu=True)).parts[
        "weights"
    ]
    assert quarter < lora["weights"] / 2
    assert (
        "reference"
        not in estimate(shape(QWEN), plan_of(recipe("grpo", "beta=0.0", lora=False), gpu=True)).parts
    )


@pytest.mark.parametrize(
    ("technique", "lora"), [("sft", False), ("grpo", False), ("dpo", True), ("kto", True)]
)
def test_changes_end_in_something_that_fits(technique: str, lora: bool) -> None:
    plan = plan_of(recipe(technique, "per_device_train_batch_size=32", lora=lora), gpu=True, longest=2048)
    room = 24 << 30
    made = changes(shape(QWEN), plan, room)
    assert made
    assert made[-1].total <= room * HEADROOM
    totals = [change.total for change in made]
    assert totals == sorted(totals, reverse=True)
    names = [name.partition("=")[0] for change in made for name in change.overrides]
    assert len(names) == len(set(names)), "several halvings are one change"
    assert recipe(
        technique, "per_device_train_batch_size=32", *(o for c in made for o in c.overrides), lora=None
    )


def test_nothing_is_changed_where_it_fits() -> None:
    assert changes(shape(SMOL), Plan("sft", 32, 4, 128), 24 << 30) == []


def test_what_can_never_fit_says_so() -> None:
    made = changes(shape(QWEN), plan_of(recipe("sft"), gpu=True), 1 << 30)
    assert made[-1].total > 1 << 30


@pytest.mark.parametrize(("needed", "verdict"), [(50, "fits"), (80, "tight"), (95, "too large")])
def test_verdicts(needed: int, verdict: str) -> None:
    assert Fit(Device("gpu", 100, 100), needed).verdict == verdict
    assert replace(Fit(Device("gpu", 100, 0), 1)).verdict == "too large"


def test_steps_and_time() -> None:
    assert steps_of(recipe("sft", "num_train_epochs=2"), 80) == 20
    assert steps_of(recipe("sft", "max_steps=7"), 80) == 7
    assert steps_of(recipe("grpo", "num_train_epochs=1"), 100) == 25  # 100 prompts x 8 / (8 x 4)
    told = pace(recipe("sft", "num_train_epochs=2"), 80, 3.0, hourly=2.0)
    assert (told.steps, told.seconds, told.mid_evals) == (20, 60.0, 10)
    assert told.cost == pytest.approx(2.0 * 60 / 3600)
    assert "20 steps of 3 s" in told.sentence
    whole = pace(recipe("sft", "num_train_epochs=2"), 80, 3.0, eval_time=1.0, pass_time=30.0)
    assert whole.seconds == 100.0
    assert "20 steps of 3 s, 10 mid-evals and the held-out pass of 30 s" in whole.sentence
    assert [duration(s) for s in (30, 600, 7200, 3 * 86400)] == ["30 s", "10 min", "2.0 h", "3.0 days"]
