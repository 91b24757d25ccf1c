"""Direct preference optimisation on pairs with TRL's DPOTrainer, LoRA or full weights.

    python -m trainers.dpo .cockpit/experiments/exp_0003/attempts/001
    python -m trainers.dpo .cockpit/experiments/exp_0003/attempts/001 --resume

`trainer` holds DPOConfig's own field names. The reference is the model as it was loaded: with LoRA the same weights
without the adapter, with full weights a second copy.
"""

from __future__ import annotations

import sys

from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.loop.frame import run


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from trl import DPOConfig

    from trainers.data.preferences import pairs_of, preference_rows
    from trainers.data.prepared import prepared
    from trainers.data.same_tokens import check_tokens
    from trainers.loop import settings
    from trainers.loop.dpo_trainer import DpoTrainer
    from trainers.loop.mid_eval import MidEval
    from trainers.loop.train import ending, resume_point
    from trainers.model import loading
    from trainers.report.telemetry import Telemetry
    from trainers.scoring.scoring import scorer_of

    recipe = attempt.recipe

    attempt.stage("loading", recipe.model.name_or_path)
    config = settings.build(DPOConfig, attempt)
    tokenizer = loading.load_tokenizer(recipe)
    examples, _ = prepared(
        attempt, tokenizer, lambda rows: (preference_rows(attempt, pairs_of(rows, attempt), tokenizer), {})
    )
    model = loading.load_model(recipe, training=True)

    attempt.stage("tokenizing", f"{len(examples)} pairs")
    trainer = DpoTrainer(
        attempt=attempt,
        model=model,
        args=config,
        train_dataset=examples,
        processing_class=tokenizer,
        peft_config=loading.lora(recipe, model),
    )
    check_tokens(trainer, examples, attempt, tokenizer)

    mid_eval = MidEval(attempt, trainer, scorer_of(attempt, tokenizer))
    trainer.add_callback(Telemetry(attempt))
    trainer.add_callback(mid_eval)
    start = resume_point(attempt)
    if not mid_eval.settled(start):
        trainer.train(resume_from_checkpoint=start)
    return ending(attempt, mid_eval.state, trainer.state.global_step)


if __name__ == "__main__":
    sys.exit(run("dpo", train))
