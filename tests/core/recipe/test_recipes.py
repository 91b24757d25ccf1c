"""Recipes: defaults with reasons, overrides by their names, and refusals that say field, value and range."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import TECHNIQUES
from cockpit.core.recipe import presets, settings
from cockpit.core.recipe.recipes import advice, choices, parse_overrides, resolve

DATA = {"train": "/d/train.jsonl", "mini_eval": "/d/mini.jsonl", "held_out": "/d/held.jsonl"}


def made(technique: str = "sft", *overrides: str, **more: Any) -> Any:
    return resolve(technique, **{"experiment_id": "exp_0001", "model": "/m", "verifier": "tagged:answer", "data": DATA,
                                 "overrides": overrides, **more})  # fmt: skip


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_technique_resolves_and_lora_learns_ten_times_as_fast(technique: str) -> None:
    lora, full = made(technique), made(technique, "peft=null")
    assert lora.peft is not None
    assert (lora.peft.r, lora.peft.lora_alpha, full.peft) == (32, 64, None)
    assert lora.trainer["learning_rate"] == pytest.approx(10 * full.trainer["learning_rate"])
    assert made(technique, lora=False) == full
    for choice in choices(lora):
        assert choice.source
        assert choice.allowed
    assert advice(lora) == advice(full) == []


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("lora", [True, False])
def test_every_default_is_within_its_own_range(technique: str, lora: bool) -> None:
    for name, default in settings.defaults(technique, lora=lora).items():
        setting = settings.SETTINGS[name]
        assert setting.problem(default.value) == "", name
        assert not setting.only or technique in setting.only, name


def test_overrides_take_dots_bare_names_and_nested_mappings() -> None:
    recipe = made("grpo", "learning_rate=3e-5", "peft.r=16", "mid_eval.patience=3", "seed=7", "trainer.beta=0.1",
                  "peft.target_modules=[\"q_proj\"]", "save_only_model=true")  # fmt: skip
    assert (recipe.trainer["learning_rate"], recipe.trainer["beta"], recipe.trainer["save_only_model"]) == (
        3e-5,
        0.1,
        True,
    )
    assert (recipe.peft.r, recipe.peft.lora_alpha, recipe.peft.target_modules) == (16, 32, ["q_proj"])
    assert (recipe.mid_eval.patience, recipe.seed) == (3, 7)
    nested = {"trainer": {"learning_rate": 3e-5}, "peft": {"r": 16}, "mid_eval": {"patience": 3}, "seed": "7"}
    assert parse_overrides(nested) == {
        "trainer.learning_rate": 3e-5,
        "peft.r": 16,
        "mid_eval.patience": 3,
        "seed": 7,
    }
    assert made("grpo", overrides={"peft": None, "max_steps": 60}).peft is None


@pytest.mark.parametrize(
    "typed",
    [
        "enable_thinking=false",
        "generation.enable_thinking=false",
        "data.chat_template_kwargs.enable_thinking=false",
        'chat_template_kwargs={"enable_thinking": false}',
        'trainer.chat_template_kwargs={"enable_thinking": false}',
    ],
)
def test_the_templates_arguments_are_one_setting_whatever_it_is_called(typed: str) -> None:
    recipe = made("grpo", typed)
    assert recipe.data.chat_template_kwargs == {"enable_thinking": False}
    assert "chat_template_kwargs" not in recipe.trainer


@pytest.mark.parametrize("section", ["", "peft.", "lora."])
def test_peft_takes_the_settings_for_new_tokens(section: str) -> None:
    recipe = made(
        "sft", f"{section}trainable_token_indices=[320, 321]", f'{section}modules_to_save=["lm_head"]'
    )
    assert recipe.peft.trainable_token_indices == [320, 321]
    assert recipe.peft.modules_to_save == ["lm_head"]


def test_the_workspaces_sections_and_recipes_lie_below_the_overrides() -> None:
    sections = {"mid_eval": {"patience": 4, "every_steps": 10}, "generation": {"max_new_tokens": 16}}
    recipe = made("sft", "mid_eval.patience=5", sections=sections, recipes={"sft": {"max_steps": 10, "peft.r": 8},
                                                                            "grpo": {"max_steps": 99}})  # fmt: skip
    assert (recipe.mid_eval.patience, recipe.mid_eval.every_steps, recipe.generation.max_new_tokens) == (
        5,
        10,
        16,
    )
    assert (recipe.trainer["max_steps"], recipe.peft.r) == (10, 8)
    baseline = made("baseline", sections=sections)
    assert (baseline.trainer, baseline.peft, baseline.mid_eval.every_steps) == ({}, None, 10)
    assert made("grpo", mid_eval_baseline=0.3).mid_eval.baseline == 0.3


@pytest.mark.parametrize(
    ("technique", "override", "says"),
    [
        ("sft", "learning_rate=5", "learning_rate=5 is out of range: allowed is 1e-09 to 0.1 a step"),
        ("sft", "learning_rate=0", "is out of range"),
        ("sft", "learning_rate=fast", 'learning_rate="fast" is not a number'),
        ("sft", "learning_rate=nan", "is not a number"),
        ("sft", "learning_rat=1e-4", "Did you mean learning_rate?"),
        ("sft", "epocs=3", "Did you mean num_train_epochs?"),
        ("sft", "lr=5", "learning_rate=5 is out of range"),
        ("sft", "group_by_length=true", 'It is now train_sampling_strategy="group_by_length".'),
        ("sft", "output_dir=here", 'output_dir="here" is not set here: it follows the attempt\'s folder'),
        ("grpo", "seq_len=512", "max_length=512: GRPO has no such setting"),
        (
            "sft",
            "per_device_train_batch_size=2.5",
            "is not a whole number: allowed is a whole number, 1 to 65,536 rows",
        ),
        ("sft", "num_train_epochs=true", "is not a number"),
        ("sft", "packing=yes", "is not true or false"),
        ("sft", "lr_scheduler_type=cosin", "one of linear, cosine"),
        ("sft", "max_steps=0", "would train nothing"),
        ("sft", "beta=0.1", "SFT has no such setting, only grpo"),
        ("sft", "temperature=0.5", "For scoring it is generation.temperature."),
        ("sft", "pefd.r=8", "Did you mean peft.r?"),
        ("sft", "nonsense.x=1", "no section 'nonsense'"),
        ("sft", "peft.r=0", "peft.r=0: input should be greater than or equal to 1"),
        ("sft", "peft.ranks=8", "peft.ranks is no setting of a recipe"),
        ("sft", "peft=yes", 'peft="yes" is not understood'),
        ("sft", "seed=-1", "seed=-1"),
        ("sft", "report_to=none,wandb", "report_to"),
        ("sft", "mid_eval.patience=0", "mid_eval.patience=0"),
        ("sft", "learning_rate", "is not an override"),
        ("sft", "device_map=auto", 'model.device_map="auto" places layers for inference'),
        ("sft", "model.device_map=balanced", "places layers for inference"),
        ("sft", 'model_init_kwargs={"device_map": "auto"}', "device_map is refused"),
        ("sft", "use_cache=true", "keeps a key-value cache"),
        ("sft", "model.train_mode=false", "switches dropout off"),
        ("grpo", "num_generations=1", "num_generations=1 is out of range"),
        (
            "grpo",
            "num_generations=8 per_device_train_batch_size=6 gradient_accumulation_steps=1",
            "whole groups",
        ),
        ("dpo", "num_generations=4", "DPO has no such setting"),
    ],
)
def test_a_bad_override_is_refused_in_a_sentence(technique: str, override: str, says: str) -> None:
    parts = [override] if "{" in override else override.split(" ")
    with pytest.raises(CockpitError) as caught:
        made(technique, *parts)
    assert says in str(caught.value)


def test_quantization_needs_an_adapter() -> None:
    assert made("sft", "model.load_in_4bit=true").model.load_in_4bit
    for overrides in (
        ["model.load_in_4bit=true", "peft=null"],
        ['model_init_kwargs={"load_in_8bit": true}', "peft=null"],
    ):
        with pytest.raises(CockpitError, match="learn nothing"):
            made("sft", *overrides)


def test_full_weights_and_a_lora_setting_contradict_each_other() -> None:
    with pytest.raises(CockpitError, match=r"peft\.r is a LoRA setting"):
        made("sft", "peft.r=8", lora=False)
    with pytest.raises(CockpitError, match="has no peft section"):
        made("sft", overrides={"peft": None, "peft.r": 8})


def test_the_batch_follows_when_only_the_group_is_chosen() -> None:
    recipe = made("grpo", "num_generations=12")
    assert (
        recipe.trainer["per_device_train_batch_size"] * recipe.trainer["gradient_accumulation_steps"] % 12
        == 0
    )
    assert (
        made("grpo", "num_generations=16").trainer["per_device_train_batch_size"] == 8
    )  # 8 x 4 divides already


def test_an_unknown_technique_and_missing_training_data_are_refused() -> None:
    with pytest.raises(CockpitError, match="there is no technique 'lora'"):
        made("lora")
    with pytest.raises(CockpitError, match=r"data\.train is missing"):
        made("sft", data={"mini_eval": "m", "held_out": "h"})


@pytest.mark.parametrize(
    ("technique", "overrides", "says"),
    [
        ("sft", ["learning_rate=2e-5"], "usual for full weights"),
        ("sft", ["learning_rate=2e-4", "peft=null"], "usual for LoRA"),
        ("grpo", ["learning_rate=0.05"], "far from the usual"),
        ("grpo", ["beta=0"], "KL is not measured"),
        ("grpo", ["num_iterations=4"], "on-policy"),
        ("sft", ["budget.attempts=3"], "one attempt"),
    ],
)
def test_advice(technique: str, overrides: list[str], says: str) -> None:
    said = advice(made(technique, *overrides))
    assert len(said) == 1
    assert says in said[0]


def test_what_follows_another_setting_says_so() -> None:
    made_of_three = made("grpo", "num_generations=3")
    assert made_of_three.trainer["per_device_train_batch_size"] == 3
    reason = made_of_three.reasons["trainer.per_device_train_batch_size"]
    assert reason == "follows num_generations=3, as a batch holds whole groups: 3 in place of 8"
    assert not made("grpo", "num_generations=4").reasons


def test_what_is_out_of_range_is_explained_in_words_that_stand_alone() -> None:
    with pytest.raises(CockpitError, match="a whole number, 2 to 4,096 completions") as caught:
        made("grpo", "num_generations=1")
    assert caught.value.fix == "num_generations: how many are sampled for each prompt."


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_preset_sets_what_it_says_and_says_where_it_is_from(name: str) -> None:
    preset = presets.PRESETS[name]
    recipe = made(preset.techniques[0], f"preset={name}")
    whole = recipe.model_dump(mode="json")
    for setting, value in preset.settings.items():
        section, _, key = setting.rpartition(".")
        assert whole[section or "trainer"][key] == value
        assert preset.source in recipe.reasons[setting if section else f"trainer.{setting}"]
    assert "preset" not in recipe.trainer


def test_two_presets_go_together_and_what_is_asked_for_beside_them_wins() -> None:
    recipe = made("grpo", "preset=gspo,dora", "beta=0.01")
    assert (recipe.trainer["importance_sampling_level"], recipe.trainer["beta"]) == ("sequence", 0.01)
    assert recipe.peft.use_dora
    assert "trainer.beta" not in recipe.reasons
    same = made("grpo", recipes={"grpo": {"preset": "DR_GRPO"}})
    assert same.trainer["loss_type"] == "dr_grpo"


REFUSED_PRESETS = [
    ("sft", ("preset=dapo",), "only grpo"),
    ("grpo", ("preset=grppo",), "It has: dapo, dr-grpo, gspo"),
    ("grpo", ("preset=dapo,gspo",), "they set loss_type"),
    ("grpo", ("loss_type=dap",), "allowed is one of grpo, dr_grpo"),
    ("sft", ("preset=dora", "peft=null"), "no peft section"),
]


@pytest.mark.parametrize(("technique", "asked", "says"), REFUSED_PRESETS)
def test_a_preset_that_does_not_fit_is_refused(technique: str, asked: tuple[str, ...], says: str) -> None:
    with pytest.raises(CockpitError) as refused:
        made(technique, *asked)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "biased"),
    [
        (("use_vllm=true", "top_p=0.9"), True),
        (("use_vllm=true", "top_k=20"), True),
        (("use_vllm=true", "top_p=1.0", "top_k=0"), False),
        (("use_vllm=true", "top_p=0.9", "vllm_importance_sampling_correction=false"), False),
        (("top_p=0.9",), False),
    ],
)
def test_sampling_from_a_part_of_the_distribution_biases_the_correction(asked: Any, biased: bool) -> None:
    assert any("importance correction is biased" in text for text in advice(made("grpo", *asked))) is biased
