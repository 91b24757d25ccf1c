"""axolotl's YAML: `base_model`, `adapter`, `datasets`, `rl`, and a section `trl` for what samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from cockpit.core.configs import carried
from cockpit.core.configs.carried import Carried, Rules, leaving

RL: Mapping[str, str] = {
    "dpo": "dpo", "ipo": "dpo", "dpo_norm": "dpo", "kto": "kto", "orpo": "orpo", "grpo": "grpo", "gspo": "grpo",
}  # fmt: skip
"""What `rl` says -> the technique."""


def _datasets(made: Carried, _name: str, value: Any) -> None:
    for part in cast("list[Any]", value) if isinstance(value, list) else [value]:
        if isinstance(part, Mapping):
            entry = cast("Mapping[str, Any]", part)
            files = entry.get("data_files") or entry.get("path")
            made.data += carried.words(files) if files else []
            kind = entry.get("type")
            if kind is not None:
                told = kind if isinstance(kind, str) else "of your own"
                made.left[f"datasets.type={told}"] = (
                    "how rows are read is recognised; `cockpit inspect` says how"
                )
        else:
            made.data += carried.words(part)


def _optimizer(made: Carried, name: str, value: Any) -> None:
    made.take(
        name, "optim", {"adamw_hf": "adamw_torch", "adamw_apex_fused": "adamw_torch_fused"}.get(value, value)
    )


def _linear(made: Carried, name: str, value: Any) -> None:
    if value:
        made.take(name, "peft.target_modules", "all-linear")


RULES: Rules = {
    "base_model": carried.model,
    "adapter": carried.told_elsewhere,
    "rl": carried.told_elsewhere,
    "base_model_config": leaving(carried.OURS),
    "model_type": leaving(carried.OURS),
    "tokenizer_type": leaving(carried.OURS),
    "tokenizer_config": leaving("the model's own tokenizer is used"),
    "lora_target_modules": carried.modules,
    "lora_target_linear": _linear,
    "lora_modules_to_save": "peft.modules_to_save",
    "peft_use_rslora": "peft.use_rslora",
    "load_in_4bit": "model.load_in_4bit",
    "load_in_8bit": carried.eight_bit,
    "micro_batch_size": "per_device_train_batch_size",
    "optimizer": _optimizer,
    "lr_scheduler": "lr_scheduler_type",
    "train_on_inputs": carried.inputs,
    "bf16": carried.automatic,
    "fp16": carried.automatic,
    "gradient_checkpointing": carried.checkpointing,
    "flash_attention": carried.attention,
    "sdp_attention": leaving("left to transformers, which chooses"),
    "attn_implementation": carried.attention,
    "sequence_len": "max_length",
    "sample_packing": "packing",
    "rl_beta": "beta",
    "dpo_label_smoothing": "label_smoothing",
    "datasets": _datasets,
    "test_datasets": carried.SPLIT,
    "val_set_size": carried.SPLIT,
    "chat_template": carried.TEMPLATE,
    "special_tokens": leaving("the model's own tokenizer is used"),
    "dataset_prepared_path": carried.CACHES,
    "dataset_processes": leaving("rows are prepared once and kept"),
    "eval_sample_packing": carried.SAVES,
    "evals_per_epoch": carried.SAVES,
    "saves_per_epoch": carried.SAVES,
    "eval_steps": carried.SAVES,
    "save_steps": carried.SAVES,
    "eval_max_new_tokens": "generation.max_new_tokens",
    "early_stopping_patience": "mid_eval.patience",
    "pad_to_sequence_len": leaving("rows are padded to the longest of a batch"),
    "wandb_project": carried.TRACKING, "wandb_entity": carried.TRACKING, "wandb_watch": carried.TRACKING,
    "wandb_name": carried.TRACKING, "wandb_log_model": carried.TRACKING, "use_wandb": carried.TRACKING,
    "mlflow_tracking_uri": carried.TRACKING, "mlflow_experiment_name": carried.TRACKING,
    "hub_model_id": carried.HUB,
    "deepspeed": leaving("launcher=accelerate with resources.accelerate_config names a file for several GPUs"),
    "fsdp": leaving("launcher=accelerate with resources.accelerate_config names a file for several GPUs"),
    "fsdp_config": leaving("launcher=accelerate with resources.accelerate_config names a file for several GPUs"),
    "seed": "seed",
}  # fmt: skip


def technique_of(given: Mapping[str, Any]) -> str | None:
    """Return the technique that `rl` names; None for one that the cockpit doesn't have."""
    named = given.get("rl")
    if given.get("reward_model"):
        return "reward"
    return "sft" if not named else RL.get(str(named).lower())


def read(given: Mapping[str, Any], technique: str) -> Carried:
    """Carry a configuration of axolotl's over."""
    made = Carried("axolotl", technique, lora=str(given.get("adapter") or "") in ("lora", "qlora"))
    flat = {name: value for name, value in given.items() if name not in ("trl", "reward_model")}
    nested: Any = given.get("trl")
    if isinstance(nested, Mapping):
        flat |= cast("Mapping[str, Any]", nested)
    carried.carry(made, flat, RULES)
    if str(given.get("rl")).lower() == "ipo":
        made.take("rl", "loss_type", "ipo")
    if given.get("adapter") == "qlora" and "model.load_in_4bit" not in made.settings:
        made.doubts.append(
            "adapter: qlora without load_in_4bit: true trains on whole weights, not on 4-bit ones"
        )
    return made
