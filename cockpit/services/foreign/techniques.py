"""Tell a foreign run's technique: by its settings, else by what it logs, else not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cockpit.contract.techniques import TECHNIQUES
from cockpit.services.foreign.record import metric

UNKNOWN = "unknown"

_FIELDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("ppo", frozenset({"num_ppo_epochs", "cliprange_value", "vf_coef"})),
    ("rloo", frozenset({"rloo_k", "normalize_advantages", "reward_clip_range"})),
    ("grpo", frozenset({"scale_rewards", "importance_sampling_level", "mask_truncated_completions", "epsilon_high"})),
    ("kto", frozenset({"desirable_weight", "undesirable_weight"})),
    ("reward", frozenset({"center_rewards_coefficient"})),
    ("dpo", frozenset({"discopop_tau", "f_divergence_type", "use_weighting", "rpo_alpha", "precompute_ref_log_probs"})),
    ("sft", frozenset({"completion_only_loss", "assistant_only_loss", "dataset_text_field", "packing_strategy"})),
)  # fmt: skip
"""Fields of TRL's configurations that only this technique's has, the more special ones first (TRL 0.9 to 1.16)."""

_STATED = ("technique", "stage", "rl", "train_type", "trainer", "trainer_class")
"""Where people and frameworks name it: LLaMA-Factory's `stage`, Axolotl's `rl`."""
_WORDS = {"rm": "reward", "reward_model": "reward", "pt": "sft", "online_ppo": "ppo"} | {
    name: name for name in TECHNIQUES if name != "rft"
}

_ODDS = {"log_odds_ratio", "odds_ratio_loss", "log_odds_chosen"}
_PPO = {"objective/kl", "objective/scores", "objective/rlhf_reward", "ppo/mean_scores", "policy/clipfrac_avg"}
_REWARD_MODEL = {"min_reward", "mean_reward", "max_reward"}


def technique_of(names: Iterable[str], settings: Mapping[str, object] | None = None) -> str:
    """Give the technique, `unknown` where neither a setting nor a logged number tells it.

    `names`: the metrics logged so far; `settings`: the hyperparameters that the run names. A run that logs a loss and
    nothing that rewards or preferences would log is called supervised: that is what a Trainer logs for it.
    """
    return _stated(settings or {}) or _configured(settings or {}) or _logged(names)


def _stated(settings: Mapping[str, object]) -> str:
    for key in _STATED:
        value = settings.get(key)
        if isinstance(value, str):
            name = value.strip().casefold().removesuffix("trainer")
            if name in _WORDS:
                return _WORDS[name]
    return ""


def _configured(settings: Mapping[str, object]) -> str:
    named = settings.keys()
    return next((technique for technique, fields in _FIELDS if named & fields), "")


def _logged(names: Iterable[str]) -> str:
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
    return "sft" if any("loss" in name for name in known) else UNKNOWN
