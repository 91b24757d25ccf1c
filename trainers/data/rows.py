"""Items to be scored, out of data files. What a row is, `cockpit.data` knows for trainers and cockpit alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from cockpit.data.examples import numbered_example
from cockpit.data.messages import Message
from cockpit.data.reading.files import load_rows as read_rows
from cockpit.data.rows import Prompt, Row, messages_of, prompt_of
from cockpit.data.rows import value as column


@dataclass(frozen=True)
class Item:
    """One thing to answer: `prompt` as given, `row` for the verifier (the file's row, with `answer` among it).

    `tools`: those that the answer may call.
    """

    id: str
    prompt: Prompt
    answer: str
    row: Mapping[str, Any]
    tools: tuple[Row, ...] = field(default=())


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


def read_items(path: str | Path, columns: Mapping[str, str], *, name: str) -> list[Item]:
    """Rows with a prompt and a gold answer, to be scored. Raises CockpitError naming the row that lacks one.

    GSM8K's `question`/`answer` is read so, and so is a conversation whose last turn is the answer.
    """
    items: list[Item] = []
    for number, row in enumerate(read_rows(path), 1):
        example = numbered_example(row, number, columns, file=path)
        answer = example.gold if example.gold is not None else example.said
        if example.question is None or answer is None:
            missing = "prompt" if example.question is None else "answer"
            raise CockpitError(
                f"row {number} of the {name} has no {missing}: its columns are {', '.join(row)}",
                "Name the column under data.columns of the recipe.",
                file=path,
            )
        label = column(row, "id", columns)
        item_id = str(label) if label is not None else f"{name.replace(' ', '-')}-{number:05d}"
        items.append(Item(item_id, example.question, answer, {**row, "answer": answer}, example.tools))
    if len({item.id for item in items}) != len(items):
        items = [Item(f"{i.id}#{n}", i.prompt, i.answer, i.row, i.tools) for n, i in enumerate(items, 1)]
    return items


__all__ = ["Item", "Message", "Prompt", "Row", "column", "eval_items", "messages_of", "prompt_of", "read_items",
           "read_rows"]  # fmt: skip
