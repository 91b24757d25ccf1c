"""The second half of classic RLHF: PPO against a reward model, with TRL 1.12.0's PPOTrainer, LoRA or full weights.

    python -m trainers.ppo .cockpit/experiments/exp_0006/attempts/001
    python -m trainers.ppo .cockpit/experiments/exp_0006/attempts/001 --resume

TRL dropped PPO after 1.12.0 as unmaintained, so it runs on an interpreter of its own (`cockpit env add ppo`). With a
verifier take GRPO or RLOO: no reward model that gets hacked, no value model, the same kind of update.
`trainer` holds PPOConfig's own names; `reward_model_path` is a checkpoint of `trainers.reward`.
"""

from __future__ import annotations

import sys

from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.loop.frame import run


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from trainers.rollouts.ppo_data import PpoRollouts, needs_old_trl, ppo_dataset, reward_model_path

    needs_old_trl()
    from datasets import Dataset
    from transformers import DataCollatorWithPadding
    from trl.experimental.ppo import PPOConfig  # pyright: ignore[reportMissingImports]

    from trainers.loop import settings
    from trainers.loop.mid_eval import MidEval
    from trainers.loop.train import ending, resume_point
    from trainers.model import loading
    from trainers.report.telemetry import Telemetry
    from trainers.rollouts.ppo_loop import PpoTrainer
    from trainers.scoring.scoring import scorer_of

    recipe = attempt.recipe

    attempt.stage("loading", recipe.model.name_or_path)
    judge = reward_model_path(attempt)
    tokenizer = loading.load_tokenizer(recipe)
    tokenizer.padding_side = "left"
    examples, items = ppo_dataset(attempt, tokenizer)
    config = settings.build(PPOConfig, attempt, **settings.ppo_fixed(recipe, attempt.processes.world))
    model = loading.load_model(recipe, training=True)
    reward_model = loading.load_scorer(recipe, tokenizer, training=False, checkpoint=judge)
    value_model = loading.load_scorer(recipe, tokenizer, training=False, checkpoint=judge).train()

    attempt.stage("tokenizing", f"{len(examples)} prompts")
    trainer = PpoTrainer(
        attempt=attempt,
        args=config,
        processing_class=tokenizer,
        model=model,
        ref_model=None,
        reward_model=reward_model,
        value_model=value_model,
        train_dataset=Dataset.from_list(examples),
        data_collator=DataCollatorWithPadding(tokenizer),
        peft_config=loading.lora(recipe, model),
        seen=PpoRollouts(attempt, items, tokenizer),
    )

    mid_eval = MidEval(attempt, trainer, scorer_of(attempt, tokenizer))
    trainer.add_callback(Telemetry(attempt))
    trainer.add_callback(mid_eval)
    start = resume_point(attempt)
    if not mid_eval.settled(start):
        trainer.train(resume_from_checkpoint=start)
    return ending(attempt, mid_eval.state, trainer.state.global_step)


if __name__ == "__main__":
    sys.exit(run("ppo", train))
