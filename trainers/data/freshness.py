"""Tell whose samples the rows are: the id of the policy in training, and how far behind it reused samples are.

Source: "On-policy freshness for RL: train on current policy's samples, not stale ones". A policy is named
`exp_0003@120` (an experiment after so many optimizer steps), by its weights (`sha256:…`, as result.json has it), or by
the base model's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from cockpit.contract import Recipe
from cockpit.contract.reader import weights_key
from trainers.attempt.attempt import Attempt
from trainers.attempt.checkpoints import step_of

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


def flag_stale(policies: Mapping[str | None, int], attempt: Attempt) -> None:
    """Say, and log with every step, how many samples are another policy's and how old those are.

    `policies`: how many samples name which policy, None those that name none.
    """
    if not any(policies):
        return
    current = starting_ids(attempt.recipe)
    old = {policy: n for policy, n in policies.items() if policy and behind(policy, current) != 0}
    stale, samples = sum(old.values()), sum(policies.values())
    attempt.extra_metrics["samples/stale_share"] = round(stale / max(1, samples), 4)
    ages = [age for policy in old if (age := behind(policy, current)) is not None]
    if ages:
        attempt.extra_metrics["samples/age"] = float(max(ages))
    if old:
        whose = ", ".join(sorted(old)[:3])
        attempt.notice(
            f"{stale} of {samples} samples come from another policy ({whose}), not from the one trained here.",
            "warning",
        )
