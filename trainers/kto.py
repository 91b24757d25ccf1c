"""Learning from a yes or no an answer with TRL's KTOTrainer, LoRA or full weights.

    python -m trainers.kto .cockpit/experiments/exp_0003/attempts/001
    python -m trainers.kto .cockpit/experiments/exp_0003/attempts/001 --resume

`trainer` holds KTOConfig's own field names. The KL is estimated within a batch, so that batches of fewer than about
eight rows say little; with far more yes than no (or the other way round) set desirable_weight or undesirable_weight.
"""

from __future__ import annotations

import sys

from trainers.loop.attempt import Attempt, run
from trainers.loop.ending import Ending


def train(attempt: Attempt) -> Ending:
    attempt.stage("importing")
    from trl import KTOConfig, KTOTrainer

    from trainers.data.overlap import training_rows
    from trainers.data.preferences import label_dataset
    from trainers.data.same_tokens import check_tokens
    from trainers.data.table import as_dataset
    from trainers.data.tokenized import tokenized
    from trainers.loop import settings
    from trainers.loop.train import fly
    from trainers.model import loading

    recipe = attempt.recipe

    attempt.stage("loading", recipe.model.name_or_path)
    rows = training_rows(recipe)
    tokenizer = loading.load_tokenizer(recipe)
    examples = label_dataset(rows, attempt, tokenizer)
    config = settings.build(KTOConfig, attempt)
    model = loading.load_model(recipe, training=True)

    attempt.stage("tokenizing", f"{len(examples)} labelled answers")
    trainer = tokenized(KTOTrainer, attempt)(
        model=model,
        args=config,
        train_dataset=as_dataset(examples),
        processing_class=tokenizer,
        peft_config=loading.lora(recipe, model),
    )
    check_tokens(trainer, examples, attempt, tokenizer)
    return fly(trainer, attempt, tokenizer)


if __name__ == "__main__":
    sys.exit(run("kto", train))
