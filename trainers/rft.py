"""Rejection-sampling fine-tuning: sample, score with the verifier, keep what is right, SFT on it; in rounds.

    python -m trainers.rft .cockpit/experiments/exp_0007/attempts/001
    python -m trainers.rft .cockpit/experiments/exp_0007/attempts/001 --resume

`trainer` holds SFTConfig's own names and RftConfig's: rounds, num_generations, temperature, min_reward,
keep_per_prompt, max_age. Samples of a round come from the policy that begins it, by construction: no stale one is
trained on. A training file of scored trajectories is the first round itself; stale ones among them are flagged.
"""

from __future__ import annotations

import sys

from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.loop.frame import run


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from datasets import Dataset

    from trainers.data.overlap import training_rows
    from trainers.data.questions import questions
    from trainers.loop import settings
    from trainers.loop.mid_eval import MidEval
    from trainers.loop.train import ending, resume_point
    from trainers.model import loading
    from trainers.report.telemetry import Telemetry
    from trainers.rollouts.rewards import reward_functions
    from trainers.rollouts.rft_config import RftConfig
    from trainers.rollouts.rft_given import given_round, is_given, items_of, rounds_of
    from trainers.rollouts.rft_rounds import RftTrainer, Rounds, Survivors, steps_a_round
    from trainers.rollouts.rft_sampling import Sampler
    from trainers.scoring.scoring import scorer_of

    recipe = attempt.recipe

    attempt.stage("loading", recipe.model.name_or_path)
    tokenizer = loading.load_tokenizer(recipe)
    config = settings.build(RftConfig, attempt, dataset_kwargs={"skip_prepare_dataset": True})
    rows, given = training_rows(recipe), None
    if is_given(rows, attempt):
        scored = list(rows)
        given, items = given_round(scored, attempt, tokenizer, config), items_of(scored, attempt)
        config.rounds = rounds_of(items, attempt, config)
    else:
        _, items = questions(attempt, tokenizer)
    rewards = reward_functions(attempt, items, tokenizer)
    model = loading.load_model(recipe, training=True)
    sampler = Sampler(attempt, rewards, tokenizer, config, given)

    attempt.stage("tokenizing", f"{len(items)} prompts, {config.num_generations} samples each")
    first = sampler.round(0, 0, 0, model)  # before training: how many survive decides how long a round is
    steps = steps_a_round(config, sum(row["kept"] for row in first))
    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps
    survivors = Survivors(sampler, steps * batch * max(1, config.world_size))
    survivors.fill(first, 0)
    config.max_steps, config.num_train_epochs = -1, config.rounds  # one epoch of the trainer is one round
    trainer = RftTrainer(
        attempt=attempt,
        model=model,
        args=config,
        train_dataset=Dataset.from_list(survivors.rows),
        processing_class=tokenizer,
        peft_config=loading.lora(recipe, model),
    )
    trainer.survivors = survivors
    trainer.add_callback(Rounds(trainer, steps))

    mid_eval = MidEval(attempt, trainer, scorer_of(attempt, tokenizer))
    trainer.add_callback(Telemetry(attempt))
    trainer.add_callback(mid_eval)
    start = resume_point(attempt)
    if not mid_eval.settled(start):
        trainer.train(resume_from_checkpoint=start)
    return ending(attempt, mid_eval.state, trainer.state.global_step)


if __name__ == "__main__":
    sys.exit(run("rft", train))
