"""Tell whose samples the rows are: the id of the policy in training, and how far behind it reused samples are.

Source: "On-policy freshness for RL: train on current policy's samples, not stale ones". A policy is named
`exp_0003@120` (an experiment after so many optimizer steps), by its weights (`sha256:…`, as result.json has it), or by
the base model's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cockpit.contract import Recipe
from trainers.attempt.attempt import Attempt
from trainers.attempt.checkpoints import step_of, weights_key
from trainers.data.examples import Example

_ID = re.compile(r"(exp_\d{4,})(?:@(\d+))?")


def policy_id(attempt: Attempt, step: int) -> str:
    """The policy that this run holds after `step` optimizer steps."""
    return f"{attempt.recipe.experiment_id}@{step}"


def starting_ids(recipe: Recipe) -> set[str]:
    """Every name of the policy that this run begins with."""
    model = recipe.model
    names = {model.name_or_path, "base", "exp_0000"}
    if model.warm_start:
        names = {model.warm_start_from or "", model.warm_start}
    folder = Path(model.warm_start or model.name_or_path)
    if folder.is_dir() and any(folder.glob("*.safetensors")):
        names |= {f"sha256:{weights_key(folder)}"}
    step = step_of(folder.resolve())
    if model.warm_start_from and step is not None:
        names |= {f"{model.warm_start_from.partition('@')[0]}@{step}"}
    return {name for name in names if name}


def behind(policy: str, current: set[str]) -> int | None:
    """Optimizer steps from `policy` to the current one: 0 for the same, None where they are no kin."""
    if policy in current:
        return 0
    known = _ID.fullmatch(policy)
    if known is None or known[2] is None:
        return None
    for name in current:
        mine = _ID.fullmatch(name)
        if mine and mine[1] == known[1] and mine[2] is not None:
            return abs(int(mine[2]) - int(known[2]))
    return None


def stale(examples: Sequence[Example], recipe: Recipe) -> list[Example]:
    """The examples that name a policy other than the one that this run begins with."""
    if not any(example.policy for example in examples):
        return []
    current = starting_ids(recipe)
    return [example for example in examples if example.policy and behind(example.policy, current) != 0]


def flag_stale(examples: Sequence[Example], attempt: Attempt) -> list[Example]:
    """Say, and log with every step, how many samples are another policy's and how old those are."""
    named = sum(1 for example in examples if example.policy)
    if not named:
        return []
    old = stale(examples, attempt.recipe)
    attempt.extra_metrics["samples/stale_share"] = round(len(old) / max(1, len(examples)), 4)
    current = starting_ids(attempt.recipe)
    ages = [age for e in old if e.policy and (age := behind(e.policy, current)) is not None]
    if ages:
        attempt.extra_metrics["samples/age"] = float(max(ages))
    if old:
        whose = ", ".join(sorted({e.policy or "" for e in old})[:3])
        attempt.notice(
            f"{len(old)} of {len(examples)} samples come from another policy ({whose}), not from the one trained here.",
            "warning",
        )
    return old
