"""A reward model from preference pairs with TRL's RewardTrainer, LoRA or full weights: the first half of RLHF.

    python -m trainers.reward .cockpit/experiments/exp_0005/attempts/001
    python -m trainers.reward .cockpit/experiments/exp_0005/attempts/001 --resume

Its score is the share of held-out pairs that it puts in the right order; the recipe's verifier has nothing to judge.
A learnt reward gets hacked: prefer a verifier wherever one can be written. `trainer` holds RewardConfig's own names.
"""

from __future__ import annotations

import sys

from trainers.loop.attempt import Attempt, run
from trainers.loop.ending import Ending


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    from trainers.data.tokenized import tokenized
    from trainers.loop import settings
    from trainers.loop.train import fly
    from trainers.model import loading
    from trainers.scoring import pair_scoring

    recipe = attempt.recipe

    attempt.stage("loading", recipe.model.name_or_path)
    pairs, mini, held_out = pair_scoring.slices(attempt)
    attempt.notice(
        f"{len(pairs)} pairs to train on, {len(mini)} for the mini-eval, {len(held_out)} held out."
    )
    tokenizer = loading.load_tokenizer(recipe)
    config = settings.build(RewardConfig, attempt)
    model = loading.load_scorer(recipe, tokenizer, training=True)

    attempt.stage("tokenizing", f"{len(pairs)} pairs")
    trainer = tokenized(RewardTrainer, attempt)(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(pair_scoring.reward_dataset(attempt, pairs, tokenizer)),
        processing_class=tokenizer,
        peft_config=loading.lora(recipe, model, task="SEQ_CLS"),
    )
    return fly(trainer, attempt, tokenizer)


if __name__ == "__main__":
    sys.exit(run("reward", train))
