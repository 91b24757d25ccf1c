"""What is read of a run that somebody else made, whatever wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from cockpit.contract.setting_names import METRICS

State = Literal["running", "finished", "failed", "stopped", "unknown"]
_PREFIXES = ("train/", "Train/")


class Row(NamedTuple):
    """Numbers at an optimizer step; `time` in epoch seconds, None where the source has none."""

    step: int
    time: float | None
    values: Mapping[str, float]


@dataclass(slots=True)
class Update:
    """What is new since the last poll. `samples`: step -> rows of prompts and completions."""

    rows: list[Row] = field(default_factory=list[Row])
    samples: dict[int, list[dict[str, Any]]] = field(default_factory=dict[int, list[dict[str, Any]]])
    state: State = "unknown"
    why: str = ""
    restarted: bool = False
    """The source was replaced: everything read before counts no more."""


class ForeignRun(Protocol):
    """One run. `settings` are the hyperparameters that it names, `place` says where it was found."""

    name: str
    kind: str
    place: str
    settings: dict[str, Any]

    def poll(self) -> Update:
        """Read on; bounded, tolerant of half lines and missing files."""
        ...


def metric(name: str) -> str:
    """A metric by the name that the cockpit uses: without `train/`, `lr` for the learning rate."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return METRICS.get(name, name)


_ODDS = {"log_odds_ratio", "odds_ratio_loss", "log_odds_chosen"}
_PPO = {"objective/kl", "objective/scores", "objective/rlhf_reward", "ppo/mean_scores", "policy/clipfrac_avg"}
_REWARD_MODEL = {"min_reward", "mean_reward", "max_reward"}


def technique_of(names: Sequence[str]) -> str:
    """Guess the technique by the metrics that it logs, as TRL and LLaMA-Factory name them."""
    known = {metric(name) for name in names}
    if known & _PPO:
        return "ppo"
    if any(name.startswith("completions/") for name in known) or {"reward", "reward_std"} <= known:
        return "grpo"
    if known & _ODDS:
        return "orpo"
    if "rewards/accuracies" in known or "rewards/margins" in known:
        return "kto" if "kl" in known else "dpo"
    if known >= _REWARD_MODEL or {"accuracy", "margin"} <= known:
        return "reward"
    return "sft"
