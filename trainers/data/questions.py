"""Prompts to sample answers to, as TRL takes them, and the items that judge the answers: on the disk, none is held.

examples, items = questions(attempt, tokenizer)     # items[examples[0]["item"]] judges answers to examples[0]
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from cockpit.data.left_out import LeftOut
from cockpit.data.reading.files import Rows
from cockpit.data.rows import Row
from trainers.attempt.attempt import Attempt
from trainers.data.examples import tell
from trainers.data.image_rows import asked_with_images
from trainers.data.items import Item, Lacking, each_item, refuse_tools, refuse_unseen
from trainers.data.prepared import prepared
from trainers.data.prompts import training_prompt

_HELD, _NUMBERED = "held", "numbered"


def questions(attempt: Attempt, tokenizer: Any) -> tuple[Any, Sequence[Item]]:
    """Return TRL's rows (prompt, and the place of its item) and the items, after the guardrail. Raises CockpitError."""
    rows, told = prepared(attempt, tokenizer, lambda rows: question_rows(rows, attempt, tokenizer))
    return rows.remove_columns(_HELD), _Kept(rows.select_columns([_HELD]), numbered=told[_NUMBERED])


class _Kept(Sequence[Item]):
    """Items that are read from the disk each time one is asked for. `numbered`: their own ids don't tell them apart."""

    def __init__(self, rows: Any, *, numbered: bool) -> None:
        self._rows, self._numbered = rows, numbered

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        held = cast("dict[str, Any]", json.loads(self._rows[at][_HELD]))
        name = f"{held['id']}#{at + 1}" if self._numbered else held["id"]
        return Item(name, held["prompt"], held["answer"], held["row"], tuple(held["tools"]))


def question_rows(rows: Rows, attempt: Attempt, tokenizer: Any) -> tuple[Iterator[Row], dict[str, Any]]:
    """Look through the rows, then make TRL's of them one at a time. Raises CockpitError."""
    recipe = attempt.recipe
    left, lacking = LeftOut(recipe.data.columns, sampled=True), Lacking()
    names, seen = array("q"), False

    def each(lacking: Lacking, left: LeftOut | None = None) -> Iterator[tuple[int, Item]]:
        return each_item(
            rows, recipe.data.columns, lacking, name="training data", file=recipe.data.train, left=left
        )

    for found in each(lacking, left):
        refuse_unseen([found], recipe, recipe.data.train)
        if recipe.technique != "rft":  # which renders its prompts itself
            refuse_tools([found], recipe, tokenizer)
        seen = seen or bool(found[1].images)
        names.append(hash(found[1].id))
    if not names:
        raise lacking.error("training data", recipe.data.train)
    tell(left, attempt)
    if said := lacking.notice(len(names) + lacking.count):
        attempt.notice(said, "warning")
    made = (_row(at, item, attempt, tokenizer, seen=seen) for at, (_, item) in enumerate(each(Lacking())))
    return made, {_NUMBERED: _repeats(names)}


def _row(at: int, item: Item, attempt: Attempt, tokenizer: Any, *, seen: bool) -> Row:
    asked = (
        asked_with_images(tokenizer, item.prompt, attempt.recipe)
        if seen
        else {"prompt": training_prompt(tokenizer, item.prompt, attempt.recipe)}
    )
    held = {"id": item.id, "prompt": item.prompt, "answer": item.answer, "row": item.row, "tools": item.tools}
    return {**asked, "item": at, _HELD: json.dumps(held, default=str)}


def _repeats(names: Iterable[int]) -> bool:
    import numpy as np

    values = np.fromiter(names, np.int64)
    return len(np.unique(values)) < len(values)
