"""A reward model from preference pairs with TRL's RewardTrainer, LoRA or full weights: the first half of RLHF.

    python -m trainers.reward .cockpit/experiments/exp_0005/attempts/001
    python -m trainers.reward .cockpit/experiments/exp_0005/attempts/001 --resume

Its score is the share of held-out pairs that it puts in the right order; the recipe's verifier has nothing to judge.
A learnt reward gets hacked: prefer a verifier wherever one can be written. `trainer` holds RewardConfig's own names.
"""

from __future__ import annotations

import sys

from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.loop.frame import run


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from trl import RewardConfig

    from trainers.data.prepared import prepared
    from trainers.loop import settings
    from trainers.loop.mid_eval import MidEval
    from trainers.loop.reward_trainer import RewardModelTrainer
    from trainers.loop.train import ending, resume_point
    from trainers.model import loading
    from trainers.report.telemetry import Telemetry
    from trainers.scoring import pair_scoring
    from trainers.scoring.pair_scoring import PairScorer

    recipe = attempt.recipe

    attempt.stage("loading", recipe.model.name_or_path)
    apart = pair_scoring.slices(attempt)
    config = settings.build(RewardConfig, attempt)
    tokenizer = loading.load_tokenizer(recipe)
    pairs, _ = prepared(
        attempt,
        tokenizer,
        lambda rows: (pair_scoring.reward_rows(rows, attempt, tokenizer, apart.groups), {}),
    )
    attempt.notice(
        f"{len(pairs)} pairs to train on, {len(apart.mini_eval)} for the mini-eval, {len(apart.held_out)} held out."
    )
    model = loading.load_scorer(recipe, tokenizer, training=True)

    attempt.stage("tokenizing", f"{len(pairs)} pairs")
    trainer = RewardModelTrainer(
        attempt=attempt,
        model=model,
        args=config,
        train_dataset=pairs,
        processing_class=tokenizer,
        peft_config=loading.lora(recipe, model, task="SEQ_CLS"),
    )

    mid_eval = MidEval(attempt, trainer, PairScorer(attempt, tokenizer, apart.mini_eval))
    trainer.add_callback(Telemetry(attempt))
    trainer.add_callback(mid_eval)
    start = resume_point(attempt)
    if not mid_eval.settled(start):
        trainer.train(resume_from_checkpoint=start)
    return ending(attempt, mid_eval.state, trainer.state.global_step)


if __name__ == "__main__":
    sys.exit(run("reward", train))
