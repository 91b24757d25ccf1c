"""TRL's own YAML (`trl sft --config FILE`): fields of its configs, of its ModelConfig and its ScriptArguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from cockpit.contract.techniques import TECHNIQUES
from cockpit.contract.values import mapping
from cockpit.core.configs import carried
from cockpit.core.configs.carried import Carried, Rules, leaving
from cockpit.core.recipe import trl_fields


def _datasets(made: Carried, name: str, value: Any) -> None:
    for part in cast("list[Any]", value) if isinstance(value, list) else [value]:
        fields = mapping(part)
        made.data += carried.words(fields.get("data_files") or fields.get("path") if fields else part)


def _use_peft(made: Carried, _name: str, value: Any) -> None:
    made.lora = bool(value)


RULES: Rules = {
    "model_name_or_path": carried.model,
    "use_peft": _use_peft,
    "lora_target_modules": carried.modules,
    "lora_modules_to_save": "peft.modules_to_save",
    "lora_task_type": leaving(carried.OURS),
    "lora_target_parameters": leaving(carried.ELSEWHERE),
    "model_revision": leaving("model.revision=COMMIT pins the workspace's model"),
    "dtype": "model.dtype",
    "torch_dtype": "model.dtype",
    "attn_implementation": carried.attention,
    "load_in_8bit": carried.eight_bit,
    "load_in_4bit": "model.load_in_4bit",
    "bf16": carried.automatic,
    "fp16": carried.automatic,
    "gradient_checkpointing": carried.checkpointing,
    "dataset_name": _datasets,
    "datasets": _datasets,
    "dataset_train_split": leaving("the training file is one of yours"),
    "dataset_test_split": carried.SPLIT,
    "dataset_config": leaving("the training file is one of yours"),
    "reward_funcs": leaving("the workspace's verifier is the reward; rewards=module:function names more"),
    "reward_model_name_or_path": leaving("reward_model_path=EXP names a reward model of this workspace"),
    "config": leaving(carried.OURS),
    "env": leaving("set variables where you launch"),
    "seed": "seed",
    "chat_template_kwargs": "data.chat_template_kwargs",
    "save_steps": carried.SAVES,
    "eval_steps": carried.SAVES,
    "chat_template_path": carried.TEMPLATE,
}  # fmt: skip
_MODEL = frozenset({"use_peft", "model_name_or_path", "dataset_name", "datasets"})


def techniques_of(given: Mapping[str, Any]) -> list[str]:
    """Return the techniques whose config has every field of TRL's that is named here, and takes its value."""
    mine = {name: value for name, value in given.items() if trl_fields.having(name)}
    fit = [t for t in TECHNIQUES if t not in ("rft", "ppo") and all(_takes(t, n, v) for n, v in mine.items())]
    if "reward_funcs" in given:
        fit = [technique for technique in fit if technique in ("grpo", "rloo")]
    return fit


def _takes(technique: str, name: str, value: Any) -> bool:
    field = trl_fields.fields(technique).get(name)
    return field is not None and (name != "loss_type" or not field.problem(value))


def read(given: Mapping[str, Any], technique: str) -> Carried:
    """Carry a configuration of TRL's over."""
    made = Carried("trl", technique, lora=bool(given.get("use_peft")))
    return carried.carry(made, given, RULES)
