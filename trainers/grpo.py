"""Reinforcement learning from a verifier with TRL's GRPOTrainer, LoRA or full weights.

    python -m trainers.grpo .cockpit/experiments/exp_0002/attempts/001
    python -m trainers.grpo .cockpit/experiments/exp_0002/attempts/001 --resume

The reward is the recipe's verifier, format included: what scores the held-out set is what is trained for.
`trainer` holds GRPOConfig's own field names; (batch x accumulation) must divide by num_generations.
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
    from trl import GRPOConfig

    from trainers.data.prompts import template_switches
    from trainers.data.questions import questions
    from trainers.data.same_tokens import check_tokens
    from trainers.loop import settings
    from trainers.loop.grpo_trainer import GrpoTrainer
    from trainers.loop.mid_eval import MidEval
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
        GRPOConfig,
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
    trainer = GrpoTrainer(
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
    sys.exit(run("grpo", train))
