"""Check by token ids, when a run starts, that prompts are trained on exactly as they are scored.

Source: "the same chat template and tokenizer train and serve". A template that renders a prompt alone in another way
than before an answer, a switch that one side does not know, a doubled BOS: all show here, before a step is spent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from cockpit.data.rows import Row
from trainers.attempt.attempt import Attempt
from trainers.data.prompts import prompt_text

ROWS = 3
_COLUMNS = (
    ("input_ids",),
    ("prompt_ids", "chosen_ids"),
    ("prompt_ids", "completion_ids"),
    ("chosen_input_ids",),
)
"""What TRL's trainers call the token ids of a whole row: SFT and RFT, DPO, KTO, ORPO."""


def check_tokens(trainer: Any, examples: Iterable[Row], attempt: Attempt, tokenizer: Any) -> None:
    """Compare the first rows of what `trainer` made of `examples`; a difference is a finding, gravest of all."""
    if not attempt.processes.first:
        return
    checked = 0
    for number, example in enumerate(islice(examples, ROWS), 1):
        try:
            if "images" in example:
                scored, trained = _with_images(trainer, number - 1, example, attempt, tokenizer)
            else:
                scored = _scored(example, attempt, tokenizer)
                trained = _trained(trainer, number - 1, example)
        except (AttributeError, KeyError, IndexError, TypeError) as error:  # TRL's insides, not its interface
            attempt.notice(f"Token ids of training and scoring could not be compared: {error}.", "warning")
            return
        if scored is None or trained is None:
            continue
        checked += 1
        prompt_alone = hasattr(trainer, "_tokenize_prompts")
        if trained[: len(scored)] != scored or (prompt_alone and len(trained) != len(scored)):
            _report(attempt, tokenizer, number, scored, trained)
            return
    if checked:
        attempt.notice(f"The prompts of {checked} rows have the same token ids in training and in scoring.")


def _scored(example: Row, attempt: Attempt, tokenizer: Any) -> list[int] | None:
    """The prompt as the scorer feeds it; None for plain text, which has no prompt."""
    prompt = example.get("prompt")
    if prompt is None:
        turns = example.get("messages") or []
        first = next((i for i, turn in enumerate(turns) if turn["role"] == "assistant"), 0)
        prompt = turns[:first] or None
    if prompt is None:
        return None
    text = (
        prompt
        if isinstance(prompt, str)
        else prompt_text(tokenizer, prompt, attempt.recipe, json.loads(example.get("tools") or "[]"))
    )
    return tokenizer(text, add_special_tokens=tokenizer.chat_template is None)["input_ids"]


def _with_images(
    trainer: Any, index: int, example: Row, attempt: Attempt, tokenizer: Any
) -> tuple[list[int], list[int]]:
    """The same of a row with images: through the processor at both ends, so that an image's tokens are among them."""
    row, processor = trainer.train_dataset[index], trainer.processing_class
    images = {"images": [row["images"]]} if row["images"] else {}
    text = example.get("asked") or prompt_text(tokenizer, example["prompt"], attempt.recipe)
    made = processor(text=[text], add_special_tokens=False, **images)["input_ids"]
    if hasattr(trainer, "_tokenize_prompts"):
        from trl.data_utils import prepare_multimodal_messages

        turns = prepare_multimodal_messages(row["prompt"], images=row["images"])
        trained = trainer._tokenize_prompts([turns])[0][0]
    else:
        trained = trainer.data_collator([row])["input_ids"][0].tolist()
    return list(made[0]), list(trained)


def _trained(trainer: Any, index: int, example: Row) -> list[int] | None:
    """The row's ids as the trainer has them, answer and all; None where it packs or leaves rows out."""
    if hasattr(trainer, "_tokenize_prompts"):
        made = trainer._tokenize_prompts([example["prompt"]])
        return list((made[0] if isinstance(made, tuple) else made)[0])
    data = trainer.train_dataset
    columns = getattr(data, "column_names", None) or []
    names = next((names for names in _COLUMNS if set(names) <= set(columns)), None)
    if names is None or "seq_lengths" in columns or index >= len(data):
        return None
    row = data[index]
    return [token for name in names for token in row[name]]


def _report(attempt: Attempt, tokenizer: Any, number: int, scored: list[int], trained: list[int]) -> None:
    same = next(
        (i for i, (a, b) in enumerate(zip(scored, trained, strict=False)) if a != b),
        min(len(scored), len(trained)),
    )
    sides = [tokenizer.decode(ids[max(0, same - 4) : same + 8]) for ids in (scored, trained)]
    attempt.out.finding(
        "template-drift",
        "alarm",
        "The prompt that trains is not the prompt that is scored",
        [
            f"row {number}: {len(trained)} tokens in training, {len(scored)} in scoring, the same up to token {same}",
            f"scored there: {sides[0]!r}",
            f"trained there: {sides[1]!r}",
        ],
        "Look at the rows in the spot check. Mend the chat template so that a prompt alone and before an answer render "
        "alike (thinking switches, generation prompt), or use prompt and completion as plain text.",
    )
    attempt.notice(
        f"Row {number}: the prompt that trains differs from the one that is scored (token {same}).", "warning"
    )
