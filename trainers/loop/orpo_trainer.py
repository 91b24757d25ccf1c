"""TRL's ORPOTrainer as the cockpit runs it. Import late: it costs TRL's import."""

from __future__ import annotations

from trl.experimental.orpo import ORPOTrainer

from trainers.data.tokenized import KeptRows
from trainers.loop.trainer import CockpitTrainer


class OrpoTrainer(CockpitTrainer, KeptRows, ORPOTrainer):
    """ORPOTrainer that keeps its tokens in the cache and survives a full disk; give it the `attempt` as well."""

    attributes_read = ("is_encoder_decoder", "max_completion_length", "max_length", "padding_value")
