"""Settings of every technique for the tiny model; the tests and the docs' table share them."""

from __future__ import annotations

from typing import Any

RL: dict[str, Any] = {
    "per_device_train_batch_size": 128,
    "num_generations": 8,
    "beta": 0.05,
    "max_completion_length": 16,
    "max_steps": 30,
}
PPO: dict[str, Any] = {
    "per_device_train_batch_size": 64,
    "num_ppo_epochs": 4,
    "temperature": 1.0,
    "missing_eos_penalty": 1.0,
    "response_length": 12,
    "max_steps": 20,
}
HELD_UP: dict[str, Any] = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0]}
"""DPO alone lowers both answers on this task (measured: 0.38 falls to 0.14); an SFT term holds the better one up."""

# technique -> training file, settings of both, those of full weights, those of LoRA
TINY: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "sft": (
        "sft",
        {"per_device_train_batch_size": 32, "max_length": 64, "max_steps": 60},
        {"learning_rate": 1e-3},
        {"learning_rate": 5e-3},
    ),
    "dpo": (
        "preferences",
        {"per_device_train_batch_size": 32, "max_steps": 60, **HELD_UP},
        {"learning_rate": 3e-4},
        {"learning_rate": 3e-3},
    ),
    "kto": (
        "labels",
        {"per_device_train_batch_size": 32, "max_steps": 60, "undesirable_weight": 0.3},
        {"learning_rate": 6e-4},
        {"learning_rate": 5e-3},
    ),
    "orpo": (
        "preferences",
        {"per_device_train_batch_size": 32, "max_steps": 60},
        {"learning_rate": 1e-3},
        {"learning_rate": 5e-3},
    ),
    "rft": (
        "train",
        {"per_device_train_batch_size": 32, "max_steps": 40, "num_generations": 4, "rounds": 2},
        {"learning_rate": 5e-4},
        {"learning_rate": 5e-3},
    ),
    "grpo": ("train", RL, {"learning_rate": 3e-4}, {"learning_rate": 2e-3}),
    "rloo": ("train", RL, {"learning_rate": 3e-4}, {"learning_rate": 2e-3}),
    "reward": (
        "comparisons",
        {"per_device_train_batch_size": 32, "max_steps": 120},
        {"learning_rate": 1e-3},
        {"learning_rate": 5e-3},
    ),
    "ppo": (
        "train",
        PPO,
        {"learning_rate": 3e-4, "kl_coef": 0.1},
        {"learning_rate": 5e-4, "kl_coef": 0.2},
    ),
}


def settings(technique: str, *, lora: bool) -> dict[str, Any]:
    """What `cockpit new` is given for a run on the tiny model."""
    _, both, full, adapter = TINY[technique]
    return {"warmup_steps": 0, "gradient_accumulation_steps": 1, **both, **(adapter if lora else full)}


def training_file(technique: str) -> str:
    """The tiny task's file that the technique is trained on."""
    return TINY[technique][0]
