"""Batch and accumulation from memory: what is lowered, what isn't, and that a person's choice stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.recipe import Recipe
from cockpit.core.recipe import batches
from cockpit.core.recipe.memory import Device, plan_of
from cockpit.core.recipe.recipes import choices
from cockpit.services.experiments import lifecycle
from cockpit.services.recipe import drafts, fit
from cockpit.services.workspace.workspace import Workspace
from tests.core.recipe.test_memory import QWEN, SMOL, recipe, shape

GB = 10**9


def gpu(size: float) -> Device:
    return Device("GPU 0 A", int(size * GB), int(size * GB))


def found(technique: str, config: dict[str, Any], size: float, *overrides: str) -> batches.Lowered | None:
    made = recipe(technique, *overrides)
    plan = plan_of(made, gpu=True, longest=1024)
    return batches.lowered(shape(config), plan, gpu(size))


@pytest.mark.parametrize(
    ("name", "technique", "config", "size", "batch", "passes"),
    [
        ("fits a large GPU", "sft", QWEN, 80, None, None),
        ("a small model fits", "sft", SMOL, 24, None, None),
        ("8 GB and a small model", "sft", SMOL, 8, 4, 2),
        ("SFT of 4B on 24 GB", "sft", QWEN, 24, 2, 4),
        ("DPO holds two answers a row", "dpo", QWEN, 24, 1, 8),
        ("8 GB and 4B: the smallest, though it isn't enough", "sft", QWEN, 8, 1, 8),
        ("KTO needs two rows a pass", "kto", QWEN, 8, 2, 4),
        ("GRPO fits a large GPU", "grpo", QWEN, 80, None, None),
        ("GRPO keeps whole groups", "grpo", QWEN, 24, 1, 32),
        ("RLOO keeps whole groups", "rloo", QWEN, 24, 1, 32),
    ],
)
def test_the_batch_is_lowered_to_what_fits(
    name: str, technique: str, config: dict[str, Any], size: float, batch: int | None, passes: int | None
) -> None:
    lowered = found(technique, config, size)
    assert (lowered and lowered.batch, lowered and lowered.passes) == (batch, passes), name
    if lowered is not None:
        before = recipe(technique).trainer
        product = before["per_device_train_batch_size"] * before["gradient_accumulation_steps"]
        assert lowered.batch * lowered.passes == product
        assert product % before.get("num_generations", 1) == 0
        assert lowered.reason.startswith("from memory: ")
        assert "GPU 0 A" in lowered.reason


def test_an_odd_batch_is_cut_into_equal_passes() -> None:
    lowered = found("grpo", QWEN, 24, "num_generations=6")
    assert lowered is not None
    assert 6 % lowered.batch == 0
    assert lowered.batch * lowered.passes == 24


def test_what_does_not_fit_even_so_says_so() -> None:
    lowered = found("sft", QWEN, 8)
    assert lowered is not None
    assert "cockpit fit" in lowered.reason


# -- drafts ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_gpu(monkeypatch: pytest.MonkeyPatch, ws: Workspace) -> Workspace:
    """A workspace whose model is one of four billion weights, on a box with an 8 GB GPU."""
    Path(ws.config.model, "config.json").write_text(json.dumps(QWEN))
    monkeypatch.setattr(fit, "here", lambda: ([gpu(8)], True))
    return ws


def test_a_draft_says_why(small_gpu: Workspace) -> None:
    made = Recipe.load(small_gpu.layout.experiment(lifecycle.new(small_gpu, "sft", hypothesis="x").id).draft)
    assert made.trainer["per_device_train_batch_size"] * made.trainer["gradient_accumulation_steps"] == 8
    assert made.trainer["per_device_train_batch_size"] < 8
    sources = {choice.field: choice.source for choice in choices(made)}
    for name in ("trainer.per_device_train_batch_size", "trainer.gradient_accumulation_steps"):
        assert sources[name].startswith("from memory: 8 rows a pass")
    assert "per_device_train_batch_size: from memory: 8 rows a pass" in small_gpu.layout.methodlog.read_text()


@pytest.mark.parametrize(
    "override",
    [
        "per_device_train_batch_size=16",
        "gradient_accumulation_steps=2",
        "trainer.per_device_train_batch_size=4",
    ],
)
def test_what_a_person_chose_stands(small_gpu: Workspace, override: str) -> None:
    made = Recipe.load(
        small_gpu.layout.experiment(lifecycle.new(small_gpu, "sft", overrides=[override]).id).draft
    )
    name, _, value = override.removeprefix("trainer.").partition("=")
    assert made.trainer[name] == int(value)
    assert "trainer.per_device_train_batch_size" not in made.reasons


def test_what_the_workspace_chose_stands(small_gpu: Workspace) -> None:
    toml = small_gpu.layout.config
    toml.write_text(toml.read_text() + "\n[recipes.sft]\nper_device_train_batch_size = 8\n")
    made = Recipe.load(small_gpu.layout.experiment(lifecycle.new(Workspace(small_gpu.root), "sft").id).draft)
    assert made.trainer["per_device_train_batch_size"] == 8
    assert "trainer.per_device_train_batch_size" not in made.reasons


def test_another_machine_is_not_judged_by_this_one(small_gpu: Workspace) -> None:
    made = drafts.resolve(small_gpu, drafts.DraftRequest("sft", overrides=["launcher=slurm"]))
    assert made.trainer["per_device_train_batch_size"] == 8


def test_a_model_of_unknown_size_keeps_the_default(ws: Workspace) -> None:
    assert drafts.resolve(ws, drafts.DraftRequest("sft")).trainer["per_device_train_batch_size"] == 8


def test_sft_on_pairs_says_that_it_learns_the_better_answers(ws: Workspace, tmp_path: Path) -> None:
    sides = {"chosen": {"from": "gpt", "value": "good"}, "rejected": {"from": "gpt", "value": "bad"}}
    rows = [{"conversations": [{"from": "human", "value": f"word {n}?"}], **sides} for n in range(5)]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = drafts.resolve(ws, drafts.DraftRequest("sft", train=pairs))
    assert "the better answer of each pair is learnt" in made.reasons["data.train"]
    assert "data.train" not in drafts.resolve(ws, drafts.DraftRequest("dpo", train=pairs)).reasons


def test_rl_on_a_base_that_passes_one_in_forty_takes_larger_groups(ws: Workspace) -> None:
    first = lifecycle.new(ws, "grpo")
    smoke = ws.layout.experiment(first.id).root / "smoke" / "001"
    smoke.mkdir(parents=True)
    (smoke / "verdict.json").write_text(json.dumps({"base_pass_rate": 0.025, "rollouts": 40}))
    made = drafts.resolve(ws, drafts.DraftRequest("grpo"))
    assert made.trainer["num_generations"] == 16
    assert "passes 0.025 of its 40 sampled answers" in made.reasons["trainer.num_generations"]
    chosen = drafts.resolve(ws, drafts.DraftRequest("grpo", overrides=["num_generations=8"]))
    assert chosen.trainer["num_generations"] == 8
    assert "set num_generations=32" in chosen.reasons["trainer.num_generations"]
    for other in ("verifier=hashes", "data.system_prompt=Think.", "generation.max_new_tokens=64"):
        asked = drafts.resolve(ws, drafts.DraftRequest("grpo", overrides=[other]))
        assert asked.trainer["num_generations"] == 8, "a pass rate of other circumstances says nothing"
