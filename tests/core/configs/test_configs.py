"""What becomes of other trainers' settings, and a recipe as their configuration and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.contract.recipe import Recipe
from cockpit.core.configs import axolotl, llamafactory, trl, unsloth
from cockpit.core.configs.carried import Carried
from cockpit.core.configs.write import WRITERS
from cockpit.core.recipe import recipes

READ: Mapping[str, Callable[[Mapping[str, Any], str], Carried]] = {
    "trl": trl.read,
    "axolotl": axolotl.read,
    "llamafactory": llamafactory.read,
    "unsloth": unsloth.read,
}


@pytest.mark.parametrize(
    ("tool", "technique", "given", "settings"),
    [
        ("axolotl", "sft", {"learning_rate": "2e-4", "micro_batch_size": 2, "num_epochs": 3},
         {"learning_rate": 2e-4, "per_device_train_batch_size": 2, "num_train_epochs": 3}),
        ("axolotl", "sft", {"adapter": "lora", "lora_r": 8, "lora_target_linear": True, "sequence_len": 512},
         {"peft.r": 8, "peft.target_modules": "all-linear", "max_length": 512}),
        ("axolotl", "dpo", {"rl": "ipo", "rl_beta": 0.2}, {"beta": 0.2, "loss_type": "ipo"}),
        ("axolotl", "grpo", {"rl": "grpo", "trl": {"beta": 0.01, "num_generations": 4}},
         {"beta": 0.01, "num_generations": 4}),
        ("axolotl", "sft", {"train_on_inputs": True, "optimizer": "adamw_hf", "warmup_ratio": "0.1"},
         {"completion_only_loss": False, "optim": "adamw_torch", "warmup_steps": 0.1}),
        ("llamafactory", "dpo", {"pref_beta": 0.1, "pref_loss": "ipo", "cutoff_len": 64},
         {"beta": 0.1, "loss_type": "ipo", "max_length": 64}),
        ("llamafactory", "kto", {"kto_chosen_weight": 2, "quantization_bit": 4, "lora_target": "q_proj,v_proj"},
         {"desirable_weight": 2, "model.load_in_4bit": True, "peft.target_modules": ["q_proj", "v_proj"]}),
        ("llamafactory", "sft", {"disable_gradient_checkpointing": True, "enable_thinking": False},
         {"activation_checkpointing": False, "data.chat_template_kwargs.enable_thinking": False}),
        ("trl", "sft", {"use_peft": True, "lora_r": 4, "torch_dtype": "bfloat16", "packing": True},
         {"peft.r": 4, "model.dtype": "bfloat16", "packing": True}),
        ("unsloth", "sft", {"training": {"max_seq_length": 64, "random_seed": 7}, "lora": {"lora_r": 8}},
         {"max_length": 64, "seed": 7, "peft.r": 8}),
    ],
)  # fmt: skip
def test_settings_are_carried_under_our_names(
    tool: str, technique: str, given: dict[str, Any], settings: dict[str, Any]
) -> None:
    made = READ[tool](given, technique)
    assert made.settings == settings
    assert not made.doubts


def test_what_has_no_counterpart_is_named_with_the_reason() -> None:
    given = {
        "val_set_size": 0.1,
        "load_in_8bit": True,
        "strange": 1,
        "chat_template": "chatml",
        "wandb_project": "x",
    }
    made = axolotl.read({**given, "datasets": [{"path": "a.jsonl", "type": "alpaca"}], "beta": None}, "sft")
    assert made.settings == {}
    assert made.data == ["a.jsonl"]
    assert made.left.keys() == {*given, "datasets.type=alpaca"}
    assert made.left["strange"] == "no counterpart"
    assert "held-out" in made.left["val_set_size"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resources.python", "/tmp/evil"), ("resources.env", {"LD_PRELOAD": "x"}), ("resources.command", ["sh"]),
        ("trainer.resources.python", "/tmp/evil"), ("Resources.python", "/tmp/evil"), ("gpus", 8),
        ("data.held_out", "/etc/passwd"), ("model.name_or_path", "x"), ("slurm.setup", ["sh"]), ("launcher", "slurm"),
        ("budget.seconds", 1), ("rewards", "mine:f"), ("verifier", "mine.py"), ("bf16.x", True),
        ("resources", {"python": "x"}), ("peft", {"r": 8}), ("mid_eval", {"patience": 1}),
        ("trust_remote_code", True), ("model.trust_remote_code", True), ("trust-remote-code", "true"),
        ("model_init_kwargs.trust_remote_code", True), ("output_dir.x", "/tmp"), ("trainer.output_dir", "/tmp"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tool", READ)
def test_what_is_run_or_read_here_is_not_for_anothers_file_to_say(
    tool: str, name: str, value: object
) -> None:
    made = READ[tool]({name: value}, "sft")
    assert made.settings == {}
    assert made.left[name]


def test_leave_to_run_a_models_code_is_taken_out_wherever_it_stands() -> None:
    inner = {"trust_remote_code": True, "attn_implementation": "eager"}
    for given in (inner, json.dumps(inner)):
        made = trl.read({"model_init_kwargs": given}, "sft")
        assert made.settings == {"model_init_kwargs": {"attn_implementation": "eager"}}
        assert "model.trust_remote_code=true" in made.left["model_init_kwargs.trust_remote_code"]


def test_settings_are_typed_by_what_they_take_and_not_by_their_look() -> None:
    given = {
        "max_steps": 1e3, "save_total_limit": "2", "logging_steps": "1e1", "learning_rate": "1e-5", "eos_token": "0",
        "pad_token": "1e3", "lr_scheduler_kwargs": {"a": "0"}, "peft.r": "8", "generation.temperature": 0.5,
        "mid_eval.patience": 3, "model_init_kwargs.attn_implementation": "sdpa",
    }  # fmt: skip
    left = {"save_total_limit": given.pop("save_total_limit")}
    made = trl.read({**given, **left}, "sft")
    assert made.settings == {
        **given,
        "max_steps": 1000,
        "logging_steps": 10.0,
        "learning_rate": 1e-5,
        "peft.r": 8,
    }
    assert isinstance(made.settings["max_steps"], int)
    assert made.left.keys() == left.keys()


def test_what_looks_wrong_is_said() -> None:
    made = axolotl.read({"adapter": "qlora"}, "sft")
    assert "load_in_4bit" in made.doubts[0]
    made = llamafactory.read({"packing": False, "neat_packing": True}, "sft")
    assert made.doubts == ["packing and neat_packing both set packing, to false and true"]
    made = trl.read({"epsilon_high": 0.3}, "sft")
    assert "grpo, rloo" in made.doubts[0]


@pytest.mark.parametrize(
    ("given", "fit"),
    [
        ({"assistant_only_loss": True}, ["sft"]),
        ({"loss_type": "dft"}, ["sft"]),
        ({"loss_type": "dr_grpo"}, ["grpo"]),
        ({"desirable_weight": 2.0}, ["kto"]),
        ({"center_rewards_coefficient": 0.01}, ["reward"]),
        ({"reward_funcs": "accuracy_reward"}, ["grpo", "rloo"]),
        ({"packing": True, "num_generations": 8}, []),
    ],
)
def test_which_of_trls_trainers_it_is_for(given: dict[str, Any], fit: list[str]) -> None:
    assert trl.techniques_of(given) == fit
    assert len(trl.techniques_of({"learning_rate": 1e-5})) > 3


def recipe(technique: str, *texts: str, lora: bool = True) -> Recipe:
    data = {"train": "t.jsonl", "mini_eval": "m.jsonl", "held_out": "h.jsonl"}
    return recipes.resolve(
        technique,
        experiment_id="exp_0001",
        model="acme/tiny",
        verifier="exact",
        data=data,
        lora=lora,
        overrides=texts,
    )


CHOSEN = (
    'model_init_kwargs={"attn_implementation": "eager", "rope_scaling": "yarn"}', "peft.use_dora=true",
    "model.revision=c0ffee", 'peft.init_lora_weights="pissa"', "generation.temperature=0.3", "budget.seconds=77",
    "model.dtype=float16", "model.trust_remote_code=true", "data.system_prompt=short", "resources.omp_num_threads=3",
    "data.chat_template_kwargs.enable_thinking=true", "rewards=0.5*format", "data_seed=5",
)  # fmt: skip
EVERYWHERE = {
    "mid_eval", "verifier", "data.mini_eval", "data.held_out", "generation.temperature", "budget.seconds",
    "resources.omp_num_threads", "rewards", "peft.init_lora_weights",
}  # fmt: skip
_KWARGS, _THINKING = "trainer.model_init_kwargs", "data.chat_template_kwargs.enable_thinking"


@pytest.mark.parametrize(
    ("tool", "written", "left"),
    [
        ("trl",
         {"attn_implementation": "eager", "model_init_kwargs": {"rope_scaling": "yarn"}, "use_dora": True,
          "model_revision": "c0ffee", "dtype": "float16", "trust_remote_code": True, "data_seed": 5},
         {"data.system_prompt", _THINKING}),
        ("axolotl",
         {"peft_use_dora": True, "revision_of_model": "c0ffee", "trust_remote_code": True},
         {f"{_KWARGS}.attn_implementation", f"{_KWARGS}.rope_scaling", "model.dtype", "data.system_prompt", _THINKING,
          "datasets.type", "trainer.data_seed"}),
        ("llamafactory",
         {"use_dora": True, "model_revision": "c0ffee", "trust_remote_code": True, "default_system": "short",
          "enable_thinking": True},
         {f"{_KWARGS}.attn_implementation", f"{_KWARGS}.rope_scaling", "model.dtype", "data.train", "template",
          "trainer.data_seed"}),
    ],
)  # fmt: skip
def test_every_choice_is_written_or_named_with_the_reason(
    tool: str, written: dict[str, Any], left: set[str]
) -> None:
    settings, why = WRITERS[tool](recipe("sft", *CHOSEN))
    assert {name: settings.get(name) for name in written} == written
    assert why.keys() == EVERYWHERE | left
    assert all(why.values())


def test_what_is_given_apart_and_together_is_one_setting() -> None:
    settings, _ = WRITERS["trl"](recipe("sft", *CHOSEN))
    assert trl.read(settings, "sft").settings["model_init_kwargs"] == {
        "attn_implementation": "eager",
        "rope_scaling": "yarn",
    }
    given = {"model_init_kwargs": {"attn_implementation": "sdpa"}, "attn_implementation": "eager"}
    made = trl.read(given, "sft")
    assert made.settings == {"model_init_kwargs": {"attn_implementation": "sdpa"}}
    assert "both set model_init_kwargs.attn_implementation" in made.doubts[0]


UNKNOWN = {"trl": ("orpo",), "axolotl": ("reward",), "llamafactory": ("grpo",)}


@pytest.mark.parametrize("tool", WRITERS)
@pytest.mark.parametrize("technique", ["sft", "dpo", "kto", "grpo", "orpo", "reward"])
@pytest.mark.parametrize("lora", [True, False])
def test_a_recipe_comes_back_from_each_tools_configuration(tool: str, technique: str, lora: bool) -> None:
    had = recipe(technique, "learning_rate=3e-5", "max_steps=7", *(["peft.r=16"] if lora else []), lora=lora)
    if technique in UNKNOWN[tool]:
        with pytest.raises(CockpitError, match=f"no {tool} configuration"):
            WRITERS[tool](had)
        return
    settings, left = WRITERS[tool](had)
    assert {"mid_eval", "verifier"} <= left.keys()
    back = READ[tool](settings, technique)
    assert back.lora is lora
    assert back.model == "acme/tiny"
    again = recipe(technique, lora=lora) if not back.settings else recipes.resolve(
        technique, experiment_id="exp_0001", model="acme/tiny", verifier="exact", overrides=back.settings, lora=lora,
        data={"train": "t.jsonl", "mini_eval": "m.jsonl", "held_out": "h.jsonl"},
    )  # fmt: skip
    lost = {name for name in left if name.startswith("trainer.")}
    assert {n: v for n, v in again.trainer.items() if f"trainer.{n}" not in lost} == {
        n: v for n, v in had.trainer.items() if f"trainer.{n}" not in lost
    }
    assert again.peft == had.peft
    assert not lost & {"trainer.learning_rate", "trainer.max_steps", "trainer.per_device_train_batch_size"}


def test_each_tool_knows_its_techniques() -> None:
    assert axolotl.technique_of({}) == "sft"
    assert axolotl.technique_of({"rl": "simpo"}) is None
    assert llamafactory.technique_of({"stage": "pt"}) is None
    assert llamafactory.technique_of({"stage": "dpo", "pref_loss": "orpo"}) == "orpo"
    assert llamafactory.technique_of({"stage": "rm"}) == "reward"
