"""Rows with images as TRL takes them: texts rendered by us, and the images beside them, opened when a batch is made.

The texts are what the scorer renders, with the recipe's switches and tools; TRL's collators for images leave those out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os.path import commonprefix
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.techniques import SEEING
from cockpit.data.images import opening
from cockpit.data.images.seats import images_of
from cockpit.data.rows import Prompt, Row, as_chat
from trainers.data.prompts import as_template_takes, with_system
from trainers.model.vision import model_sees, opened

NEEDED: dict[str, Any] = {
    "max_length": None,
    "packing": False,
    "padding_free": False,
    "assistant_only_loss": False,
    "ddp_find_unused_parameters": None,
}
"""What TRL's configs must say for rows with images: nothing is cut, for a cut among an image's tokens ends the run, and
a batch may leave the vision tower unused."""


def check_images(images: Sequence[str], number: int, recipe: Recipe, file: str | Path | None) -> None:
    """Look at the images of row `number` by their headers.

    Raises CockpitError where the technique or the model can't learn from them, or one can't be opened.
    """
    if not images:
        return
    if recipe.technique not in (*SEEING, "baseline"):
        raise CockpitError(
            f"row {number} has images, and {recipe.technique} is trained on text alone here",
            f"Train with {', '.join(SEEING)}, or leave rows with images out.",
            file=file,
        )
    if not model_sees(recipe.model.name_or_path, recipe.model.trust_remote_code):
        raise CockpitError(
            f"row {number} has images, and {recipe.model.name_or_path} reads text alone",
            "Choose a vision-language model, or leave rows with images out.",
            file=file,
        )
    for ref in images:
        opening.size_of(ref, file=file, row=number)


def in_text(tokenizer: Any, row: Row) -> Row:
    """TRL's row of messages (prompt and completion, or chosen and rejected) as texts, with the images beside them.

    `asked` is the prompt as it is scored; what trains begins where it and the whole part, as TRL has it.
    """
    given = {**row.get("chat_template_kwargs", {}), "tokenize": False}
    if row.get("tools"):
        given["tools"] = json.loads(row["tools"])
    prompt = row["prompt"]
    if tokenizer.chat_template is None:
        raise CockpitError(
            "rows have images, and this model has no chat template to put them into a text",
            "Use a vision-language model that was tuned to follow instructions, or set trainer.chat_template_path.",
        )
    head = tokenizer.apply_chat_template(
        as_template_takes(tokenizer, prompt), add_generation_prompt=True, **given
    )
    whole = {
        name: tokenizer.apply_chat_template(as_template_takes(tokenizer, [*prompt, *row[name]]), **given)
        for name in ("completion", "chosen", "rejected")
        if name in row
    }
    begin = len(commonprefix([head, *whole.values()]))  # noqa: RUF071 - character by character is meant
    texts = {name: text[begin:] for name, text in whole.items()}
    label = {"label": row["label"]} if "label" in row else {}
    return {"prompt": head[:begin], **texts, **label, "asked": head, "images": images_of(prompt)}


def asked_with_images(tokenizer: Any, prompt: Prompt, recipe: Recipe) -> Row:
    """A prompt as GRPO takes it: turns with places for images, and the images."""
    chat = with_system(as_chat(prompt), recipe)
    turns = as_template_takes(tokenizer, chat, parts=True)
    return {"prompt": turns, "images": images_of(chat)}


def with_open_images(rows: Any) -> Any:
    """A data set whose rows have their images open, as Pillow's, when they are taken."""
    return rows.with_transform(_open_batch)


def _open_batch(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    if "images" not in batch:
        return batch
    return {**batch, "images": [opened(refs) for refs in batch["images"]]}
