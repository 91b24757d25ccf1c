"""TRL's SFTTrainer as the cockpit runs it. Import late: it costs TRL's import."""

from __future__ import annotations

from trl import SFTTrainer

from trainers.data.tokenized import KeptTokens
from trainers.loop.trainer import CockpitTrainer


class SftTrainer(CockpitTrainer, KeptTokens, SFTTrainer):
    """SFTTrainer that keeps its tokens in the cache and survives a full disk; give it the `attempt` as well."""

    settings_read = (
        "assistant_only_loss",
        "dataset_text_field",
        "max_length",
        "packing_strategy",
        "seed",
        "shuffle_dataset",
        "truncation_mode",
    )
    attributes_read = ("chat_template", "completion_only_loss")
