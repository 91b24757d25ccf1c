"""Items to be scored, out of data files. What a row is, `cockpit.data` knows for trainers and cockpit alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.data.examples import numbered_example
from cockpit.data.images.seats import images_of
from cockpit.data.left_out import LeftOut
from cockpit.data.reading.files import load_rows
from cockpit.data.rows import Prompt, Row, as_chat, checked_answer, value
from trainers.data.prompts import tool_fields


@dataclass(frozen=True)
class Item:
    """One thing to answer: `prompt` as given, `row` for the verifier (the file's row, with `answer` among it, which
    keeps the kind that the file gives it); `answer`: what is shown of it.

    `tools`: those that the answer may call.
    """

    id: str
    prompt: Prompt
    answer: str
    row: Mapping[str, Any]
    tools: tuple[Row, ...] = field(default=())

    @property
    def images(self) -> list[str]:
        """The images of its prompt, in order."""
        return images_of(as_chat(self.prompt))


def as_text(answer: object) -> str:
    """An answer as it is shown."""
    return json.dumps(answer, ensure_ascii=False) if isinstance(answer, dict | list) else str(answer)


def refuse_tools(items: Sequence[Item], recipe: Recipe, tokenizer: Any) -> None:
    """Raise CockpitError where an item names tools: TRL's samplers render prompts without them, scoring with them."""
    named = (bool(tool_fields(tokenizer, as_chat(item.prompt), item.tools)[1]) for item in items)
    number = next((number for number, tools in enumerate(named, 1) if tools), None)
    if number is not None:
        raise CockpitError(
            f"row {number} of the training data names tools, and {recipe.technique} would sample without them",
            "Leave out the column with the tools, or train with RFT or SFT.",
            file=recipe.data.train,
        )


def refuse_unseen(items: Sequence[Item], recipe: Recipe, file: str | Path | None) -> None:
    """Raise CockpitError for the first item with an image that this run would not see, or can't open."""
    for number, item in enumerate(items, 1):
        if item.images:
            from trainers.data.image_rows import check_images

            check_images(item.images, number, recipe, file)


def eval_items(path: str | Path, columns: Mapping[str, str], *, name: str) -> list[Item]:
    """Items of the mini-eval or the held-out set. Raises CockpitError as `read_items` does.

    The recipe's mapping tells how the training file is read; it is used here only where the usual names fail.
    """
    try:
        return read_items(path, {}, name=name)
    except CockpitError:
        if not columns:
            raise
        return read_items(path, columns, name=name)


def read_items(
    path: str | Path, columns: Mapping[str, str], *, name: str, left: LeftOut | None = None
) -> list[Item]:
    """Rows with a prompt and a gold answer, to be scored. Raises CockpitError naming the row that lacks one.

    `left` counts what the rows have and the prompts have not.
    GSM8K's `question`/`answer` is read so, and so is a conversation whose last turn is the answer.
    """
    items: list[Item] = []
    for number, row in enumerate(load_rows(path), 1):
        example = numbered_example(row, number, columns, file=path)
        if left is not None:
            left.add(number, row, example)
        checked = checked_answer(row, columns)
        if checked is None:
            said = value(row, "completion", columns)
            checked = example.said if said is None or isinstance(said, list | dict) else said
        if example.question is None or checked is None:
            missing = "prompt" if example.question is None else "answer"
            raise CockpitError(
                f"row {number} of the {name} has no {missing}: its columns are {', '.join(row)}",
                "Name the column under data.columns of the recipe.",
                file=path,
            )
        label = value(row, "id", columns)
        item_id = str(label) if label is not None else f"{name.replace(' ', '-')}-{number:05d}"
        shown = example.gold if example.gold is not None else as_text(checked)
        items.append(Item(item_id, example.question, shown, {**row, "answer": checked}, example.tools))
    if len({item.id for item in items}) != len(items):
        items = [Item(f"{i.id}#{n}", i.prompt, i.answer, i.row, i.tools) for n, i in enumerate(items, 1)]
    return items
