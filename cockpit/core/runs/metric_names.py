"""Map trainers' names of the same measurement to the one name that the rules use.

TRL's names are the rules' own (its page on logging); beside them stand those of its older versions, of its PPO, of
LLaMA-Factory and of verl. A name of a run's own is never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from cockpit.contract.techniques import REWARDED

Series = TypeVar("Series")

_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "grad_norm": ("gradient_norm", "actor/grad_norm"),
    "eval_loss": ("eval/loss", "val_loss", "validation_loss"),
}
_REWARDED: Mapping[str, tuple[str, ...]] = {
    "reward": ("objective/scores", "env/reward_mean", "critic/rewards/mean", "objective/rlhf_reward"),
    "kl": ("objective/kl", "actor/kl_loss"),
    "entropy": ("objective/entropy", "policy/entropy_avg", "ppo/policy/entropy", "actor/entropy"),
    "completions/mean_length": ("completion_length", "response_length/mean"),
    "completions/clipped_ratio": ("response_length/clip_ratio",),
    "clip_ratio/region_mean": (
        "clip_ratio", "policy/clipfrac_avg", "ppo/policy/clipfrac", "actor/pg_clipfrac",
    ),
}  # fmt: skip


def aliased(metrics: Mapping[str, Series], technique: str) -> dict[str, Series]:
    """Return the series with those that another trainer named otherwise under the rules' names as well."""
    made = dict(metrics)
    known = {**_ALWAYS, **_REWARDED} if technique in REWARDED else _ALWAYS
    for name, others in known.items():
        other = next((made[o] for o in others if o in made), None)
        if other is not None:
            made.setdefault(name, other)
    return made
