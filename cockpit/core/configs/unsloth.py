"""unsloth's configuration: the arguments of its script (`--model_name`, `--r`), or its YAML with sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from cockpit.core.configs import carried
from cockpit.core.configs.carried import Carried, Rules, leaving


def _data(made: Carried, _name: str, value: Any) -> None:
    made.data += carried.words(value)


_SAVED = leaving("checkpoints are saved as Hugging Face folders; nothing is merged or quantized on the way")
RULES: Rules = {
    "model": carried.model,
    "model_name": carried.model,
    "dataset": _data, "local_dataset": _data,
    "format_type": leaving("how rows are read is recognised; `cockpit inspect` says how"),
    "training_type": carried.told_elsewhere,
    "load_in_4bit": "model.load_in_4bit", "load_in_8bit": carried.eight_bit,
    "use_gradient_checkpointing": carried.checkpointing, "gradient_checkpointing": carried.checkpointing,
    "target_modules": carried.modules,
    "random_state": "seed", "random_seed": "seed", "seed": "seed",
    "train_on_completions": lambda made, name, value: carried.inputs(made, name, not value),
    "bias": leaving("none, as here"), "loftq_config": leaving(carried.ELSEWHERE),
    "hf_token": leaving("HF_TOKEN of the environment"), "push_model": carried.HUB, "hub_path": carried.HUB,
    "save_model": _SAVED, "save_method": _SAVED, "save_path": _SAVED, "quantization": _SAVED, "save_gguf": _SAVED,
    "save_steps": carried.SAVES, "report_to": carried.TRACKING, "enable_wandb": carried.TRACKING,
    "wandb_project": carried.TRACKING, "wandb_token": carried.TRACKING, "enable_tensorboard": carried.TRACKING,
    "tensorboard_dir": carried.TRACKING, "raw_text_file": leaving(carried.ELSEWHERE),
    "bf16": carried.automatic, "fp16": carried.automatic,
}  # fmt: skip
SECTIONS = ("data", "training", "lora", "logging")


def flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of all sections side by side."""
    made = {name: value for name, value in given.items() if name not in SECTIONS}
    for name in SECTIONS:
        section: Any = given.get(name)
        if isinstance(section, Mapping):
            made |= cast("Mapping[str, Any]", section)
    return made


def read(given: Mapping[str, Any], technique: str) -> Carried:
    """Carry a configuration of unsloth's over."""
    settings = flat(given)
    made = Carried("unsloth", technique, lora=str(settings.get("training_type") or "lora").lower() == "lora")
    if settings.get("dtype") in ("None", "none"):
        del settings["dtype"]
    if settings.get("raw_text_file"):
        made.doubts.append("raw_text_file trains on running text, which the cockpit doesn't")
    return carried.carry(made, settings, RULES)
