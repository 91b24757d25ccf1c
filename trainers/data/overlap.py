"""The firm guardrail: no item of the held-out set or of the mini-eval is in the training data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from cockpit.contract import CockpitError, Recipe
from trainers.data.examples import read_example
from trainers.data.rows import Prompt, column, eval_items, messages_of, prompt_of, read_rows

_BLANKS = re.compile(r"\s+")


def normalise(text: str) -> str:
    """`text` without what does not make two prompts different: case, spacing, Unicode form."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def refuse_overlap(recipe: Recipe, rows: list[dict[str, Any]]) -> None:
    """Compare prompts by content. Raises CockpitError with the first that stands on both sides."""
    for name, path in (("held-out set", recipe.data.held_out), ("mini-eval", recipe.data.mini_eval)):
        items = eval_items(path, recipe.data.columns, name=name)
        kept = {key: item.id for item in items for key in keys(item.prompt)}
        met = [
            (number, kept[key])
            for number, row in enumerate(rows, 1)
            for key in _row_keys(row, recipe)
            if key in kept
        ]
        if met:
            number, item = met[0]
            raise CockpitError(
                f"{len(met)} prompt(s) of the {name} are in the training data: the first is row {number}, "
                f"which is item {item} of {path}",
                "Take them out of the training data: a score on items that were trained on says nothing.",
                file=recipe.data.train,
            )


def keys(prompt: Prompt) -> set[str]:
    """What identifies a prompt: what its users say, turn by turn (a system prompt is shared by all)."""
    if isinstance(prompt, str):
        return {normalise(prompt)}
    return {normalise(turn["content"]) for turn in prompt if turn["role"] == "user"}


def _row_keys(row: Mapping[str, Any], recipe: Recipe) -> Iterable[str]:
    columns = recipe.data.columns
    chat = messages_of(row, columns)
    prompt = chat if chat is not None else prompt_of(row, columns)
    if prompt is not None:
        return keys(prompt)
    chosen, rejected = column(row, "chosen", columns), column(row, "rejected", columns)
    if chosen is not None and rejected is not None:
        shared = read_example(dict(row), 0, recipe).prompt  # pairs whose prompt is what both sides begin with
        return keys(shared) if shared is not None else ()
    # Plain text: an item that was pasted in stands on lines of its own, or is the whole text.
    text = str(row.get("text") or "")
    return {normalise(text)} | {normalise(line) for line in text.splitlines() if line.strip()}


def training_rows(recipe: Recipe) -> list[dict[str, Any]]:
    """The training file's rows, after the guardrail. Raises CockpitError."""
    if recipe.data.train is None:
        raise CockpitError("the recipe names no training file", "Set data.train.")
    rows = read_rows(recipe.data.train)
    refuse_overlap(recipe, rows)
    return rows
