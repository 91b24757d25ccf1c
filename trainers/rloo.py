"""Reinforcement learning from a verifier with TRL's RLOOTrainer, LoRA or full weights.

    python -m trainers.rloo .cockpit/experiments/exp_0004/attempts/001
    python -m trainers.rloo .cockpit/experiments/exp_0004/attempts/001 --resume

The reward is the recipe's verifier, format included: what scores the held-out set is what is trained for.
A completion is compared with the others to its prompt (leave one out); the KL is part of the reward. The logged loss is
always about 0: look at the reward. `trainer` holds RLOOConfig's own names; (batch x accumulation) must divide by
num_generations.
"""

from __future__ import annotations

import sys

from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.loop.frame import run


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from trainers.rollouts import vllm_rollouts

    vllm_rollouts.prepare(attempt.recipe)  # before torch is imported
    from trl import RLOOConfig

    from trainers.data.prompts import template_switches
    from trainers.data.questions import questions
    from trainers.data.same_tokens import check_tokens
    from trainers.loop import settings
    from trainers.loop.mid_eval import MidEval
    from trainers.loop.rloo_trainer import RlooTrainer
    from trainers.loop.train import ending, resume_point
    from trainers.model import loading
    from trainers.report.telemetry import Telemetry
    from trainers.rollouts import difficulty
    from trainers.rollouts.rewards import reward_functions
    from trainers.rollouts.rollouts import Rollouts
    from trainers.scoring.scoring import scorer_of

    recipe = attempt.recipe
    vllm_rollouts.refuse(recipe, gpu=settings.has_gpu())

    attempt.stage("loading", recipe.model.name_or_path)
    config = settings.build(
        RLOOConfig,
        attempt,
        max_completion_length=recipe.trainer.get("max_completion_length", recipe.generation.max_new_tokens),
        chat_template_kwargs=template_switches(recipe) or None,
    )
    tokenizer = loading.load_tokenizer(recipe)
    examples, items = questions(attempt, tokenizer)
    rewards = reward_functions(attempt, items, tokenizer)
    config.reward_weights = rewards.weights
    model = loading.load_model(recipe, training=True)
    examples = difficulty.of_use(attempt, tokenizer, model, config, examples, items)

    attempt.stage("tokenizing", f"{len(examples)} prompts")
    trainer = RlooTrainer(
        attempt=attempt,
        model=model,
        args=config,
        reward_funcs=rewards.functions,
        train_dataset=examples,
        processing_class=tokenizer,
        peft_config=loading.lora(recipe, model),
    )
    trainer.add_callback(Rollouts(trainer, rewards, tokenizer))
    check_tokens(trainer, examples, attempt, tokenizer)

    mid_eval = MidEval(attempt, trainer, scorer_of(attempt, tokenizer))
    trainer.add_callback(Telemetry(attempt))
    trainer.add_callback(mid_eval)
    start = resume_point(attempt)
    if not mid_eval.settled(start):
        trainer.train(resume_from_checkpoint=start)
    return ending(attempt, mid_eval.state, trainer.state.global_step)


if __name__ == "__main__":
    sys.exit(run("rloo", train))
