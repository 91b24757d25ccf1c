"""Import what the trainers import: the process that `warm` forks from does it, once for all of them."""

import os

from trainers.attempt.imports import quick

os.environ.setdefault(
    "HF_DATASETS_DISABLE_PROGRESS_BARS", "1"
)  # as a run's own process sets them, before it imports
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

with quick():
    import trainers.loop.dpo_trainer
    import trainers.loop.grpo_trainer
    import trainers.loop.kto_trainer
    import trainers.loop.orpo_trainer
    import trainers.loop.reward_trainer
    import trainers.loop.rloo_trainer
    import trainers.loop.sft_trainer
    import trainers.scoring.scoring  # noqa: F401
