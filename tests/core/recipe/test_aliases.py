"""Short names of settings: what they become, what two of them mean together, and that no table contradicts another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.contract.recipe import Recipe
from cockpit.contract.setting_names import ALIASES, DECIDED, GONE, OWN, SECTION_ALIASES, recipe_name
from cockpit.contract.techniques import TECHNIQUES
from cockpit.core.recipe import recipes, settings
from cockpit.core.recipe.aliases import named, notes_on, rename_text

DATA = {"train": "/d/train.jsonl", "mini_eval": "/d/mini.jsonl", "held_out": "/d/held.jsonl"}
BEYOND = {
    "optim",
    "activation_checkpointing",
    "dataloader_num_workers",
}  # TRL's, but not among the settings shown


@pytest.mark.parametrize(
    ("technique", "typed", "name"),
    [
        ("sft", "lr", "learning_rate"),
        ("sft", "trainer.lr", "learning_rate"),
        ("sft", "trainer.learning_rate", "learning_rate"),
        ("sft", "Learning-Rate", "learning_rate"),
        ("sft", "bs", "per_device_train_batch_size"),
        ("sft", "batch_size", "per_device_train_batch_size"),
        ("sft", "micro_batch_size", "per_device_train_batch_size"),
        ("sft", "grad_accum", "gradient_accumulation_steps"),
        ("sft", "ga", "gradient_accumulation_steps"),
        ("sft", "epochs", "num_train_epochs"),
        ("sft", "wd", "weight_decay"),
        ("sft", "warmup", "warmup_steps"),
        ("sft", "warmup_ratio", "warmup_steps"),
        ("sft", "max_len", "max_length"),
        ("sft", "seq_len", "max_length"),
        ("sft", "cutoff_len", "max_length"),
        ("sft", "rank", "peft.r"),
        ("sft", "r", "peft.r"),
        ("sft", "peft.rank", "peft.r"),
        ("sft", "lora.r", "peft.r"),
        ("sft", "alpha", "peft.lora_alpha"),
        ("sft", "max_new_tokens", "generation.max_new_tokens"),
        ("sft", "label_smoothing", "label_smoothing_factor"),
        ("dpo", "label_smoothing", "label_smoothing"),
        ("grpo", "temp", "temperature"),
        ("grpo", "n", "num_generations"),
        ("grpo", "num_gen", "num_generations"),
        ("grpo", "kl_coef", "beta"),
        ("ppo", "kl_coef", "kl_coef"),
        ("ppo", "beta", "kl_coef"),
        ("grpo", "response_length", "max_completion_length"),
        ("ppo", "response_length", "response_length"),
        ("ppo", "max_completion_length", "response_length"),
        ("sft", "mid_eval.eval_steps", "mid_eval.every_steps"),
        ("sft", "model.lr", "model.lr"),
        ("sft", "nonsense", "nonsense"),
        ("sft", "seed", "seed"),
        ("sft", "peft", "peft"),
    ],
)
def test_what_a_name_is_called_in_the_recipe(technique: str, typed: str, name: str) -> None:
    assert recipe_name(typed, technique) == name


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_no_name_of_the_recipe_is_taken_for_another(technique: str) -> None:
    of_technique = [n for n, s in settings.SETTINGS.items() if not s.only or technique in s.only]
    for name in (*of_technique, *recipes.TOP, *recipes.SECTIONS):
        assert recipe_name(name, technique) == name
    for section in recipes.SECTIONS:
        for field in _fields(section):
            assert recipe_name(f"{section}.{field}", technique) == f"{section}.{field}"


def test_every_short_name_leads_to_a_setting() -> None:
    for name in ALIASES.values():
        section, dot, field = name.partition(".")
        known = (
            field.partition(".")[0] in _fields(section)
            if dot
            else name in settings.SETTINGS or name in BEYOND
        )
        assert known, name
    assert set(SECTION_ALIASES.values()) <= set(recipes.SECTIONS)
    assert not ALIASES.keys() & (
        settings.SETTINGS.keys() - {name for names in OWN.values() for name in names}
    )
    assert not GONE.keys() & (ALIASES.keys() | DECIDED.keys() | settings.SETTINGS.keys())


def _fields(section: str) -> Mapping[str, Any]:
    kind: Any = Recipe.model_fields[section].annotation
    kinds = [part for part in (kind, *getattr(kind, "__args__", ())) if hasattr(part, "model_fields")]
    return kinds[0].model_fields if kinds else {}


@pytest.mark.parametrize(
    ("technique", "given", "says"),
    [
        (
            "sft",
            {"lr": 1e-5, "learning_rate": 2e-5},
            "lr=1e-05 and learning_rate=2e-05 both set learning_rate",
        ),
        ("sft", {"trainer.learning_rate": 1e-5, "learning_rate": 2e-5}, "both set learning_rate"),
        ("sft", {"rank": 8, "peft.r": 16}, "rank=8 and peft.r=16 both set peft.r"),
        ("sft", {"warmup_ratio": 0.1, "warmup_steps": 100}, "both set warmup_steps"),
        ("sft", {"eval_steps": 50, "save_steps": 100}, "both set mid_eval.every_steps"),
        ("sft", {"warmup_ratio": 10}, "warmup_ratio=10 is not a share of the steps"),
        ("grpo", {"max_new_tokens": 64}, "Write max_completion_length for the answers it trains on"),
        ("ppo", {"max_tokens": 64}, "Write response_length for the answers it trains on"),
    ],
)
def test_what_is_unclear_is_one_sentence(technique: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(CockpitError) as caught:
        named(given, technique)
    assert says in str(caught.value)


def test_two_spellings_of_one_value_are_no_conflict() -> None:
    made = named({"eval_steps": 50, "save_steps": 50, "seed": 3}, "sft")
    assert made.settings == {"mid_eval.every_steps": 50, "seed": 3}
    assert made.notes == ["eval_steps is mid_eval.every_steps", "save_steps is mid_eval.every_steps"]
    assert named({"generation.max_new_tokens": 64}, "grpo").settings == {"generation.max_new_tokens": 64}


def test_texts_keep_their_values_and_half_typed_ones_are_borne() -> None:
    assert rename_text("lr=1e-5,3e-5", "sft") == "learning_rate=1e-5,3e-5"
    assert rename_text("undo", "sft") == "undo"
    assert notes_on(["lr", "bs=", "=3", "lr=fast", "max_steps=2"], "sft") == [
        "bs is per_device_train_batch_size",
        "lr is learning_rate",
    ]


def test_a_recipe_holds_trls_names_whoever_wrote_the_short_ones() -> None:
    recipe = recipes.resolve(
        "sft", experiment_id="exp_0001", model="/m", verifier="exact", data=DATA,
        overrides=["lr=1e-5", "bs=4", "ga=2", "warmup_ratio=0.1", "rank=8", "eval_steps=50"],
        recipes={"sft": {"learning_rate": 3e-5, "epochs": 3, "lora": {"alpha": 12}}},
    )  # fmt: skip
    trainer = recipe.trainer
    assert (trainer["learning_rate"], trainer["num_train_epochs"], trainer["warmup_steps"]) == (1e-5, 3, 0.1)
    assert (trainer["per_device_train_batch_size"], trainer["gradient_accumulation_steps"]) == (4, 2)
    assert not trainer.keys() & ALIASES.keys()
    assert recipe.peft is not None
    assert (recipe.peft.r, recipe.peft.lora_alpha, recipe.mid_eval.every_steps) == (8, 12, 50)


def test_a_wrong_default_says_where_it_stands() -> None:
    with pytest.raises(CockpitError, match=r"^\[recipes\.sft\]: lr=0\.001 and learning_rate=0\.002"):
        recipes.asked_for("sft", [], {"sft": {"lr": 1e-3, "learning_rate": 2e-3}})
