"""TRL's DPOTrainer as the cockpit runs it. Import late: it costs TRL's import."""

from __future__ import annotations

from trl import DPOTrainer

from trainers.data.tokenized import KeptTokens
from trainers.loop.trainer import CockpitTrainer


class DpoTrainer(CockpitTrainer, KeptTokens, DPOTrainer):
    """DPOTrainer that keeps its tokens in the cache and survives a full disk; give it the `attempt` as well."""

    settings_read = ("max_length", "truncation_mode")
