"""Turn the recipe's `trainer` section into TRL's own config, with the cockpit's choices and what a CPU needs."""

from __future__ import annotations

import dataclasses
import difflib
import importlib.metadata
from collections.abc import Mapping
from typing import Any, TypeVar

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.setting_names import DECIDED, GONE, recipe_name
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame

Config = TypeVar("Config")

ON_CPU = {
    "use_cpu": True,
    "bf16": False,
    "fp16": False,
    "activation_checkpointing": False,
    "dataloader_pin_memory": False,
}
"""TRL's defaults are for GPUs: bf16 on a CPU is 2.6 times slower, and without `use_cpu` it raises."""


@blame("settings")
def build(config_class: type[Config], attempt: Attempt, **fixed: Any) -> Config:
    """Return TRL's config for this attempt; `fixed` is what the technique itself needs.

    Raises CockpitError for a field that TRL does not know (naming those that come close), for one that the cockpit
    decides, and for a value that TRL refuses.
    """
    given = dict(attempt.recipe.trainer)
    check_names(config_class, given, attempt.recipe.technique)
    values: dict[str, Any] = {
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a NaN loss must be seen, not averaged away
        "disable_tqdm": True,
        "ddp_find_unused_parameters": False,  # every one of a language model's is used; looking costs a pass
        **given,
        **fixed,
        "output_dir": str(attempt.layout.checkpoints / ".writing"),
        "run_name": attempt.recipe.experiment_id,
        "report_to": "none",  # a process of its own reports (trainers.report.tracker): nothing of it may slow a step
        "seed": attempt.recipe.seed,
        "save_strategy": "no",  # the mid-eval callback says when
    }
    if not has_gpu():
        ignored = [f"{k}={given[k]}" for k, v in ON_CPU.items() if given.get(k, v) != v]
        if ignored:
            attempt.notice(
                f"There is no GPU here, so {', '.join(ignored)} of the recipe is not used.", "warning"
            )
        values |= ON_CPU
    attempt.facts["framework"] = f"trl {importlib.metadata.version('trl')}"
    known = {field.name for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]
    try:
        return config_class(**{name: value for name, value in values.items() if name in known})
    except (TypeError, ValueError) as error:
        raise CockpitError(
            f"{config_class.__name__} refuses the recipe: {str(error).splitlines()[0]}",
            "Correct the trainer section of the recipe.",
            file=attempt.layout.recipe,
        ) from error


def need(config: Any, needed: Mapping[str, Any]) -> None:
    """Set what the rows need, which are read when the config stands."""
    for name, value in needed.items():
        setattr(config, name, value)


def ppo_fixed(recipe: Recipe, world: int) -> dict[str, Any]:
    """What PPOConfig of TRL 1.12.0 needs to behave like the others: steps instead of episodes, and an end token."""
    given = recipe.trainer
    fixed: dict[str, Any] = {"stop_token": "eos", "num_sample_generations": 0, "eval_strategy": "no"}
    fixed["response_length"] = given.get("response_length", recipe.generation.max_new_tokens)
    steps = given.get("max_steps")
    if isinstance(steps, int) and steps > 0:
        batch = world * int(str(given.get("per_device_train_batch_size", 8)))
        fixed["total_episodes"] = steps * batch * int(str(given.get("gradient_accumulation_steps", 1)))
    return fixed


def check_names(config_class: type[Any], given: dict[str, Any], technique: str) -> None:
    """Raise CockpitError for the first name in `given` that `config_class` does not take."""
    known = {field.name for field in dataclasses.fields(config_class)}
    for name in given:
        if name in DECIDED:
            raise CockpitError(f"trainer.{name} is not set here: it follows {DECIDED[name]}", "Leave it out.")
        now = GONE.get(name) or recipe_name(name, technique)
        if now != name and name not in known:
            raise CockpitError(f"trainer.{name} is not a name that {technique} takes", f"It is now {now}.")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
            hint = f"Close to it: {', '.join(close)}." if close else f"It takes: {', '.join(sorted(known))}."
            raise CockpitError(
                f"trainer.{name} is not a name that {technique} takes ({config_class.__name__})", hint
            )


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
