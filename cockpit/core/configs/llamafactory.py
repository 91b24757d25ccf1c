"""LLaMA-Factory's YAML: `stage`, `finetuning_type`, `dataset` (names in dataset_info.json), `template`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.core.configs import carried
from cockpit.core.configs.carried import Carried, Rules, leaving

STAGES: Mapping[str, str] = {"sft": "sft", "dpo": "dpo", "kto": "kto", "ppo": "ppo", "rm": "reward"}
LOSSES: Mapping[str, str] = {"sigmoid": "sigmoid", "hinge": "hinge", "ipo": "ipo"}


def _data(made: Carried, name: str, value: Any) -> None:
    made.data.extend(carried.words(value))


def _bits(made: Carried, name: str, value: Any) -> None:
    if str(value) == "4":
        made.take(name, "model.load_in_4bit", True)
    else:
        carried.eight_bit(made, name, value)


def _loss(made: Carried, name: str, value: Any) -> None:
    if made.technique == "orpo":
        return
    if value in LOSSES:
        made.take(name, "loss_type", LOSSES[value])
    else:
        made.leave(f"{name}={value}", "TRL's DPO has no such loss")


_GPUS = leaving("launcher=accelerate with resources.accelerate_config names a file for several GPUs")
RULES: Rules = {
    "model_name_or_path": carried.model,
    "adapter_name_or_path": leaving("--warm-start FOLDER goes on from an adapter"),
    "stage": carried.told_elsewhere,
    "finetuning_type": carried.told_elsewhere,
    "do_train": carried.told_elsewhere, "do_eval": carried.SPLIT, "do_predict": carried.SPLIT,
    "dataset": _data,
    "dataset_dir": carried.told_elsewhere,
    "eval_dataset": carried.SPLIT, "val_size": carried.SPLIT,
    "template": carried.TEMPLATE,
    "default_system": "data.system_prompt",
    "enable_thinking": "data.chat_template_kwargs.enable_thinking",
    "lora_target": carried.modules,
    "additional_target": lambda made, name, value: made.take(name, "peft.modules_to_save", carried.words(value)),
    "quantization_bit": _bits,
    "quantization_method": leaving("bitsandbytes, as here"),
    "flash_attn": carried.attention,
    "neat_packing": "packing",
    "train_on_prompt": carried.inputs,
    "pref_loss": _loss,
    "kto_chosen_weight": "desirable_weight", "kto_rejected_weight": "undesirable_weight",
    "gradient_checkpointing": carried.checkpointing,
    "disable_gradient_checkpointing": lambda made, name, value: made.take(name, "activation_checkpointing", not value),
    "enable_liger_kernel": "use_liger_kernel",
    "reward_model": leaving("reward_model_path=EXP names a reward model of this workspace"),
    "reward_model_type": leaving("reward_model_path=EXP names a reward model of this workspace"),
    "bf16": carried.automatic, "fp16": carried.automatic, "pure_bf16": leaving("model.dtype=bfloat16 is the default"),
    "overwrite_cache": carried.CACHES, "preprocessing_num_workers": leaving("rows are prepared once and kept"),
    "tokenized_path": carried.CACHES, "plot_loss": leaving("the screens draw every series"),
    "report_to": carried.TRACKING, "save_steps": carried.SAVES, "eval_steps": carried.SAVES,
    "save_only_model": carried.SAVES, "deepspeed": _GPUS, "fsdp": _GPUS,
    "max_samples": leaving("cut the training file; `cockpit inspect` says how many rows it has"),
    "max_new_tokens": "generation.max_new_tokens",
    "seed": "seed",
}  # fmt: skip


def technique_of(given: Mapping[str, Any]) -> str | None:
    """Return the technique of its stage; None for one that the cockpit doesn't have (`pt`)."""
    stage = str(given.get("stage") or "sft").lower()
    loss = str(given.get("pref_loss") or "").lower()
    if stage == "dpo" and loss in ("orpo", "kto_pair", "simpo"):
        return {"orpo": "orpo"}.get(loss)
    return STAGES.get(stage)


def read(given: Mapping[str, Any], technique: str) -> Carried:
    """Carry a configuration of LLaMA-Factory's over."""
    kind = str(given.get("finetuning_type") or "lora").lower()
    made = Carried("llamafactory", technique, lora=kind == "lora")
    carried.carry(made, given, RULES)
    if kind not in ("lora", "full"):
        made.doubts.append(f"finetuning_type: {kind} has no counterpart: full weights are trained instead")
    return made
