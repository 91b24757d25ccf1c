"""Items to be scored, out of data files. What a row is, `cockpit.data` knows for trainers and cockpit alike."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.data.examples import numbered_example
from cockpit.data.images.seats import images_of
from cockpit.data.left_out import LeftOut
from cockpit.data.reading.files import load_rows
from cockpit.data.rows import Prompt, Row, as_chat, checked_answer, is_blank, value
from trainers.data.prompts import tool_fields


@dataclass(frozen=True)
class Item:
    """One thing to answer: `prompt` as given, `row` for the verifier (the file's row, with `answer` among it, as JSON
    knows both: see `plain`); `answer`: what is shown of it.

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


def plain(row: Row) -> Row:
    """Return a row as JSON knows it, so that a verifier sees the same kinds in training and scoring.

    Dates, times and decimals of a Parquet file become their text; bytes their UTF-8 text, else base64.
    """
    return json.loads(json.dumps(row, default=_as_json))


def _as_json(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


@dataclass
class Lacking:
    """Rows without a gold answer: how many, which is the first, and its columns."""

    count: int = 0
    first: int = 0
    columns: str = ""

    def add(self, number: int, row: Row) -> None:
        """Count one more."""
        self.count += 1
        if not self.first:
            self.first, self.columns = number, ", ".join(row)

    def notice(self, rows: int) -> str:
        """Say that they are left out; empty where there is none."""
        if not self.count:
            return ""
        return f"{self.count:,} of {rows:,} rows have no gold answer and are left out (the first is row {self.first})."

    def error(self, name: str, file: str | Path | None) -> CockpitError:
        """What to say where they are refused."""
        more = f", nor have {self.count - 1:,} more" if self.count > 1 else ""
        return CockpitError(
            f"row {self.first} of the {name} has no answer{more}: its columns are {self.columns}",
            "Name the column under data.columns of the recipe, or take such rows out.",
            file=file,
        )


def refuse_tools(items: Iterable[tuple[int, Item]], recipe: Recipe, tokenizer: Any) -> None:
    """Raise CockpitError where an item names tools: TRL's samplers render prompts without them, scoring with them."""
    for number, item in items:
        if tool_fields(tokenizer, as_chat(item.prompt), item.tools)[1]:
            raise CockpitError(
                f"row {number} of the training data names tools, and {recipe.technique} would sample without them",
                "Leave out the column with the tools, or train with RFT or SFT.",
                file=recipe.data.train,
            )


def refuse_unseen(items: Iterable[tuple[int, Item]], recipe: Recipe, file: str | Path | None) -> None:
    """Raise CockpitError for the first item with an image that this run would not see, or can't open."""
    for number, item in items:
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


def read_items(path: str | Path, columns: Mapping[str, str], *, name: str) -> list[Item]:
    """Rows with a prompt and a gold answer, to be scored. Raises CockpitError naming the row that lacks one."""
    lacking = Lacking()
    items = [item for _, item in each_item(load_rows(path), columns, lacking, name=name, file=path)]
    if lacking.count:
        raise lacking.error(name, path)
    return told_apart(items)


def told_apart(items: list[Item]) -> list[Item]:
    """The items with their places in their names, where these are not all different."""
    if len({item.id for item in items}) == len(items):
        return items
    return [replace(item, id=f"{item.id}#{n}") for n, item in enumerate(items, 1)]


def each_item(
    rows: Iterable[Row],
    columns: Mapping[str, str],
    lacking: Lacking,
    *,
    name: str,
    file: str | Path | None,
    left: LeftOut | None = None,
) -> Iterator[tuple[int, Item]]:
    """Yield the number of each row that can be scored, from 1, and its item; `lacking` counts those without an answer.

    `left` counts what the rows have and the prompts have not. GSM8K's `question`/`answer` is read so, and so is a
    conversation whose last turn is the answer. Raises CockpitError naming the row that has no prompt.
    """
    for number, row in enumerate(rows, 1):
        example = numbered_example(row, number, columns, file=file)
        if left is not None:
            left.add(number, row, example)
        checked = checked_answer(row, columns)
        if is_blank(checked):
            said = value(row, "completion", columns)
            checked = example.said if said is None or isinstance(said, list | dict) else said
        if example.question is None:
            raise CockpitError(
                f"row {number} of the {name} has no prompt: its columns are {', '.join(row)}",
                "Name the column under data.columns of the recipe.",
                file=file,
            )
        if is_blank(checked):
            lacking.add(number, row)
            continue
        label = value(row, "id", columns)
        item_id = str(label) if label is not None else f"{name.replace(' ', '-')}-{number:05d}"
        shown = example.gold if example.gold is not None else as_text(checked)
        yield number, Item(item_id, example.question, shown, plain({**row, "answer": checked}), example.tools)
