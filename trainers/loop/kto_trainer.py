"""TRL's KTOTrainer as the cockpit runs it. Import late: it costs TRL's import."""

from __future__ import annotations

from trl import KTOTrainer

from trainers.data.tokenized import KeptTokens
from trainers.loop.trainer import CockpitTrainer


class KtoTrainer(CockpitTrainer, KeptTokens, KTOTrainer):
    """KTOTrainer that keeps its tokens in the cache and survives a full disk; give it the `attempt` as well."""

    settings_read = ("max_length", "per_device_train_batch_size")
    attributes_read = ("calculate_KL", "desirable_weight", "undesirable_weight")
