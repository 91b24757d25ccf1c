"""Supervised fine-tuning on demonstrations, LoRA or full weights, with TRL's SFTTrainer.

    python -m trainers.sft .cockpit/experiments/exp_0001/attempts/001
    python -m trainers.sft .cockpit/experiments/exp_0001/attempts/001 --resume

Everything comes from the attempt's recipe.json: `trainer` holds SFTConfig's own field names, `peft` makes it LoRA.
"""

from __future__ import annotations

import sys

from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending
from trainers.loop.frame import run


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from trl import SFTConfig

    from trainers.data.demonstrations import sft_rows
    from trainers.data.prepared import prepared
    from trainers.data.same_tokens import check_tokens
    from trainers.data.selection import learnable
    from trainers.loop import settings
    from trainers.loop.mid_eval import MidEval
    from trainers.loop.sft_trainer import SftTrainer
    from trainers.loop.train import ending, resume_point
    from trainers.model import loading
    from trainers.report.telemetry import Telemetry
    from trainers.scoring.scoring import scorer_of

    recipe = attempt.recipe

    attempt.stage("loading", recipe.model.name_or_path)
    config = settings.build(SFTConfig, attempt)
    tokenizer = loading.load_tokenizer(recipe)
    examples, needed = prepared(
        attempt,
        tokenizer,
        lambda rows: sft_rows(learnable(rows, attempt), attempt, tokenizer),
    )
    settings.need(config, needed)
    model = loading.load_model(recipe, training=True)

    attempt.stage("tokenizing", f"{len(examples)} examples")
    trainer = SftTrainer(
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
    sys.exit(run("sft", train))
