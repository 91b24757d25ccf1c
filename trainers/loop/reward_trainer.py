"""TRL's RewardTrainer as the cockpit runs it. Import late: it costs TRL's import."""

from __future__ import annotations

from trl import RewardTrainer

from trainers.data.tokenized import KeptTokens
from trainers.loop.trainer import CockpitTrainer


class RewardModelTrainer(CockpitTrainer, KeptTokens, RewardTrainer):
    """RewardTrainer that keeps its tokens in the cache and survives a full disk; give it the `attempt` as well."""

    settings_read = ("max_length",)
