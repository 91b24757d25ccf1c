"""The settings that matter, each with its unit, its allowed range, its default per technique, and where that is from.

Sources: "source text" is the fine-tuning guide whose judgement the cockpit embodies ("Numbers that matter");
"TRL" the default of TRL 1.16; papers by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cockpit.contract.techniques import GROUPED, OFFLINE

FULL_TO_LORA_LR = 10.0  # source text: "LoRA LR ~10x full-FT"
LORA_RANK = 32  # source text: "rank 32 is a fine default"
SAMPLED = (*GROUPED, "rft")
PAIRED = ("dpo", "orpo", "kto")


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of TRL's configs: kind, allowed range (ends included), unit, and what it does."""

    kind: Literal["float", "int", "bool", "choice"]
    low: float | None
    high: float | None
    unit: str
    description: str
    choices: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """Techniques that have it; empty means all."""

    def allowed(self) -> str:
        """Return the range as shown: `1e-09 to 0.1 (per step)`."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "bool":
            return "true or false"
        span = f"{_number(self.low)} to {_number(self.high)}"
        return (
            f"{'a whole number, ' if self.kind == 'int' else ''}{span}{f' {self.unit}' if self.unit else ''}"
        )

    def problem(self, value: Any) -> str:
        """Say what is wrong with `value`; empty where it is allowed."""
        if self.kind == "bool":
            return "" if isinstance(value, bool) else "is not true or false"
        if self.kind == "choice":
            return "" if value in self.choices else "is not known"
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return "is not a number"
        if self.kind == "int" and value != int(value):
            return "is not a whole number"
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            return "is out of range"
        return ""


def _number(value: float | None) -> str:
    if value is None:
        return "any"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e12 else f"{value:g}"


_SCHEDULES = (
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup",
    "inverse_sqrt", "cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmup_stable_decay",
)  # fmt: skip
"""transformers' schedules but those that need TRL's own evaluation, which the mini-eval stands in for."""

SETTINGS: Mapping[str, Setting] = {
    "learning_rate": Setting("float", 1e-9, 0.1, "a step", "step size of the optimizer, at its highest"),
    "per_device_train_batch_size": Setting("int", 1, 65_536, "rows", "rows a forward pass on each device"),
    "gradient_accumulation_steps": Setting("int", 1, 65_536, "passes", "forward passes an optimizer step"),
    "num_train_epochs": Setting("float", 1e-3, 10_000, "epochs", "passes over the training data"),
    "max_steps": Setting("int", -1, 100_000_000, "optimizer steps", "where it ends; -1 leaves that to the epochs"),
    "warmup_steps": Setting("float", 0, 10_000_000, "steps, or a share below 1", "rise to the full learning rate"),
    "lr_scheduler_type": Setting("choice", None, None, "", "how the learning rate falls", _SCHEDULES),
    "weight_decay": Setting("float", 0, 1, "a step", "pull of the weights towards zero"),
    "max_grad_norm": Setting("float", 0, 10_000, "", "gradients are clipped to this norm"),
    "label_smoothing_factor": Setting("float", 0, 0.9, "", "share of the target spread over all tokens"),
    "neftune_noise_alpha": Setting("float", 0, 100, "", "noise on the embeddings"),
    "max_length": Setting("int", 8, 10_000_000, "tokens", "where rows are cut", only=OFFLINE),
    "packing": Setting("bool", None, None, "", "several rows in one sequence", only=("sft", "rft")),
    "assistant_only_loss": Setting("bool", None, None, "", "learn only the assistant's turns", only=("sft", "rft")),
    "completion_only_loss": Setting("bool", None, None, "", "learn the completion alone", only=("sft", "rft")),
    "beta": Setting("float", 0, 10, "", "pull towards the reference model (KL)", only=(*GROUPED, *PAIRED)),
    "kl_coef": Setting("float", 0, 10, "", "pull towards the reference model (KL)", only=("ppo",)),
    "response_length": Setting("int", 1, 1_000_000, "tokens", "where answers are cut", only=("ppo",)),
    "num_ppo_epochs": Setting("int", 1, 64, "", "passes over one batch of rollouts", only=("ppo",)),
    "num_mini_batches": Setting("int", 1, 4096, "", "updates a pass over the rollouts", only=("ppo",)),
    "missing_eos_penalty": Setting("float", 0, 1000, "", "taken off where an answer has no end", only=("ppo",)),
    "num_generations": Setting("int", 2, 4096, "completions", "how many are sampled for each prompt", only=SAMPLED),
    "num_iterations": Setting("int", 1, 64, "", "updates on one batch; 1 is on-policy", only=GROUPED),
    "max_completion_length": Setting("int", 1, 1_000_000, "tokens", "where completions are cut", only=SAMPLED),
    "temperature": Setting("float", 1e-3, 10, "", "how freely training samples", only=(*SAMPLED, "ppo")),
    "top_p": Setting("float", 1e-6, 1, "", "share of the likeliest tokens to sample from", only=SAMPLED),
    "epsilon": Setting("float", 1e-6, 10, "", "clip range of the policy ratio", only=GROUPED),
    "mask_truncated_completions": Setting("bool", None, None, "", "leave cut completions out of the loss",
                                          only=GROUPED),
    "rounds": Setting("int", 1, 100, "", "times that the current policy is sampled anew", only=("rft",)),
    "min_reward": Setting("float", -1e6, 1e6, "", "a sample survives from this reward on", only=("rft",)),
    "keep_per_prompt": Setting("int", 1, 4096, "samples", "survivors a prompt at the most", only=("rft",)),
    "max_age": Setting("int", -1, 1_000_000_000, "steps", "how far the policy may be away that sampled the scored "
                       "trajectories in the training file; -1 takes and flags all", only=("rft",)),
    "desirable_weight": Setting("float", 0, 1000, "", "weight of rows labelled true", only=("kto",)),
    "undesirable_weight": Setting("float", 0, 1000, "", "weight of rows labelled false", only=("kto",)),
}  # fmt: skip

FIRST = (
    "learning_rate", "num_train_epochs", "max_steps", "num_generations", "beta", "kl_coef", "max_completion_length",
    "response_length", "max_length", "peft.r", "per_device_train_batch_size", "gradient_accumulation_steps",
)  # fmt: skip
"""Settings that change a run most, and are shown before the others."""


@dataclass(frozen=True, slots=True)
class Default:
    """A value and where it comes from."""

    value: Any
    source: str


_TRL = "TRL's default"
_COMMON: Mapping[str, Default] = {
    "per_device_train_batch_size": Default(8, _TRL),
    "gradient_accumulation_steps": Default(1, _TRL),
    "warmup_steps": Default(0.05, "a share of the steps; a short warm-up keeps Adam's first steps small"),
    "lr_scheduler_type": Default("linear", _TRL),
    "max_grad_norm": Default(1.0, _TRL),
    "weight_decay": Default(0.0, _TRL),
}
_OWN: Mapping[str, Mapping[str, Default]] = {
    "sft": {
        "learning_rate": Default(2e-5, _TRL),
        "num_train_epochs": Default(2, "small demonstration sets overfit from about three epochs on"),
        "lr_scheduler_type": Default("cosine", "usual for SFT"),
        "max_length": Default(1024, _TRL),
    },
    "rft": {
        "learning_rate": Default(1e-5, "half of SFT's: what the model said itself moves it faster"),
        "num_train_epochs": Default(1, "passes over the survivors of a round"),
        "lr_scheduler_type": Default("cosine", "usual for SFT"),
        "max_length": Default(1024, _TRL),
        "rounds": Default(2, "Dong et al. 2023 (RAFT): the gain of later rounds falls off"),
        "num_generations": Default(8, "usual; more where few samples are right"),
        "temperature": Default(1.0, "the policy's own distribution"),
        "min_reward": Default(1.0, "only what the verifier calls right"),
        "keep_per_prompt": Default(4, "Yuan et al. 2023: distinct samples, and easy prompts must not rule"),
    },
    "dpo": {
        "learning_rate": Default(1e-6, _TRL),
        "num_train_epochs": Default(1, "pairs overfit within one or two epochs"),
        "beta": Default(0.1, f"{_TRL}; Rafailov et al. 2023"),
        "max_length": Default(1024, _TRL),
    },
    "kto": {
        "learning_rate": Default(1e-6, _TRL),
        "num_train_epochs": Default(1, "labels overfit within one or two epochs"),
        "beta": Default(0.1, f"{_TRL}; Ethayarajh et al. 2024"),
        "max_length": Default(1024, _TRL),
    },
    "orpo": {
        "learning_rate": Default(8e-6, "Hong et al. 2024"),
        "num_train_epochs": Default(2, "there is no SFT before it"),
        "beta": Default(0.1, f"{_TRL}; Hong et al. 2024"),
        "max_length": Default(1024, _TRL),
    },
    "grpo": {
        "learning_rate": Default(1e-6, f"{_TRL}; Shao et al. 2024"),
        "num_train_epochs": Default(1, "every prompt is sampled anew; the early stop decides"),
        "num_generations": Default(8, _TRL),
        "gradient_accumulation_steps": Default(4, "four groups a step steady the gradient"),
        "num_iterations": Default(1, "source text: on-policy freshness"),
        "beta": Default(0.04, "Shao et al. 2024; above 0, so that the KL is measured"),
        "temperature": Default(1.0, _TRL),
        "lr_scheduler_type": Default("constant_with_warmup", "a run that is stopped early should not have decayed"),
    },
    "rloo": {
        "learning_rate": Default(1e-6, f"{_TRL}; Ahmadian et al. 2024"),
        "num_train_epochs": Default(1, "every prompt is sampled anew; the early stop decides"),
        "num_generations": Default(4, "Ahmadian et al. 2024"),
        "gradient_accumulation_steps": Default(4, "eight groups a step steady the gradient"),
        "num_iterations": Default(1, "source text: on-policy freshness"),
        "beta": Default(0.05, _TRL),
        "temperature": Default(1.0, _TRL),
        "lr_scheduler_type": Default("constant_with_warmup", "a run that is stopped early should not have decayed"),
    },
    "ppo": {
        "learning_rate": Default(3e-6, "TRL's default (trl 1.12)"),
        "num_train_epochs": Default(1, "every prompt is sampled anew"),
        "temperature": Default(0.7, "TRL's default (trl 1.12)"),
        "gradient_accumulation_steps": Default(4, "32 rollouts an update steady the value model"),
        "kl_coef": Default(0.05, "TRL's default (trl 1.12)"),
        "num_ppo_epochs": Default(4, "TRL's default (trl 1.12); Schulman et al. 2017"),
    },
    "reward": {
        "learning_rate": Default(1e-5, "usual for reward models"),
        "num_train_epochs": Default(1, "reward models overfit after one epoch (Stiennon et al. 2020)"),
        "max_length": Default(1024, _TRL),
    },
}  # fmt: skip


_UNSET: Mapping[str, Mapping[str, Any]] = {
    "": {"dataloader_num_workers": 0, "max_steps": -1},
    "grpo": {"max_completion_length": 512, "vllm_importance_sampling_correction": True},
    "rloo": {"max_completion_length": 512},
    "ppo": {"response_length": 53},
}


def unset(technique: str) -> dict[str, Any]:
    """Return what TRL takes where a recipe doesn't say: of the settings that advice is given about."""
    return {**_UNSET[""], **_UNSET.get(technique, {})}


def defaults(technique: str, *, lora: bool) -> dict[str, Default]:
    """Return the trainer's settings for a technique, LoRA or full weights; empty for one that has no trainer."""
    own = _OWN.get(technique)
    if own is None:
        return {}
    made = {**_COMMON, **own}
    if lora:
        rate = made["learning_rate"]
        made["learning_rate"] = Default(
            round(float(rate.value) * FULL_TO_LORA_LR, 12),
            f"source text: LoRA about 10x full weights' {rate.value:g} ({rate.source})",
        )
    return made


def shown(value: Any) -> str:
    """Return a setting's value as it is written in a recipe."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)
