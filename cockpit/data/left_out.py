"""Say what a row holds and its training example does not: columns, keys of turns, turns after the last answer.

What would change the meaning is carried, or refused where the row is read; what stands here is named with counts by
`inspect`, by the spot check and in a run's log.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast

from cockpit.data.examples import Example
from cockpit.data.messages import unread_keys
from cockpit.data.remarks import MEDIA
from cockpit.data.rows import SEVERAL, Columns, below_column, column_of, value

_BESIDE = ("id", "label", "reward", "passed", "group", "trainable", "policy_id", "tools", "images")
"""Roles that are read with every row, whatever its shape: they choose rows, or stand beside the turns."""
_ASKED = ("prompt", "system", "history", "choices", "reasoning")
_EMPTY: tuple[object, ...] = (None, "", [], {})
_MOST = 12


class LeftOut:
    """Counts what is left out, over many rows. `columns`: the recipe's mapping; every column that it names is read.

    `sampled`: the rows hold prompts to answer, and their other columns reach the verifier.
    """

    def __init__(self, columns: Columns | None = None, *, sampled: bool = False) -> None:
        self.columns = columns or {}
        self.sampled = sampled
        self.counts: Counter[str] = Counter()
        self.first: dict[str, int] = {}
        self._read: dict[tuple[str, ...], frozenset[str]] = {}

    def add(self, number: int, row: Mapping[str, Any], example: Example) -> None:
        """Count what row `number` has and its example has not."""
        for what in [f"rows {example.unusable}"] if example.unusable else self._of(row, example):
            if what not in self.counts and len(self.counts) >= 50:
                what = "other columns"
            self.counts[what] += 1
            self.first.setdefault(what, number)

    def listed(self) -> list[str]:
        """Each thing that is left out, in how many rows, and in which first; the most frequent first."""
        return [
            f"{what} ({n:,} row{'s' if n > 1 else ''}, first row {self.first[what]:,})"
            for what, n in self.counts.most_common(_MOST)
        ]

    def as_list(self) -> list[dict[str, object]]:
        """As data, the most frequent first."""
        return [
            {"what": what, "n": n, "first_row": self.first[what]} for what, n in self.counts.most_common()
        ]

    def sentence(self) -> str:
        """All of it in one sentence; empty where nothing is left out."""
        if not self.counts:
            return ""
        more = len(self.counts) - _MOST
        where = "the prompts (a verifier may read it)" if self.sampled else "the training examples"
        return f"In the rows, but not in {where}: {', '.join(self.listed())}{f' and {more} more' if more > 0 else ''}."

    def _of(self, row: Mapping[str, Any], example: Example) -> Iterable[str]:
        filled = tuple(name for name, held in row.items() if held not in _EMPTY)
        key = (*filled, "" if example.text is None else "text")
        read = self._read.get(key)
        if read is None:
            read = self._read[key] = frozenset(_read(row, example, self.columns, sampled=self.sampled))
        text = ""
        for name in filled:
            if name in read:
                held = row[name]
                if isinstance(held, list | dict):
                    yield from dict.fromkeys(f"`{k}` of a message" for k in unread_keys(cast("object", held)))
                continue
            text = text or _text_of(example)
            if not _stands_in(row[name], text):
                yield f"column `{name}`"
        if not example.images and any("<" in turn.text and MEDIA.search(turn.text) for turn in example.whole):
            yield "an image, a video or a sound that the text names by a placeholder"
        if _turns_cut(row, example, self.columns):
            yield "turns after the assistant's last answer"


def _read(row: Mapping[str, Any], example: Example, columns: Columns, *, sampled: bool) -> Iterable[str]:
    """The columns that are read into the example, or beside it."""
    yield from columns
    for role in (*_roles(row, example, columns, sampled=sampled), *_BESIDE):
        found = column_of(row, role, columns)
        if found is not None:
            yield found
    if (below := below_column(row, columns)) is not None:
        yield below
    if example.rejected is not None:
        yield from SEVERAL
    yield "reward_model"


def _roles(row: Mapping[str, Any], example: Example, columns: Columns, *, sampled: bool) -> tuple[str, ...]:
    if example.text is not None:
        return ("text",)
    if example.rejected is not None:
        return (*_ASKED, "messages", "chosen", "rejected")
    if sampled:
        return (*_ASKED, "messages", "answer", "completion")
    learnt = "completion" if value(row, "completion", columns) is not None else "answer"
    if isinstance(value(row, "messages", columns), list | str):
        return ("messages", "system")
    return (*_ASKED, learnt)


def _text_of(example: Example) -> str:
    """Everything in an example, as one text."""
    parts = [example.said or "", example.rejected or "", example.text or "", example.prompt_text]
    for turn in example.chat:
        parts += [str(turn["content"]), str(turn.get("reasoning_content", ""))]
        if calls := turn.get("tool_calls"):
            parts.append(json.dumps(calls, ensure_ascii=False))
    return "\n".join(parts)


def _stands_in(held: object, text: str) -> bool:
    """Whether all that a column holds is in the example in other words of the row: a prompt that is a turn too."""
    if isinstance(held, str):
        return held.strip() in text
    if isinstance(held, dict):
        held = list(cast("dict[str, object]", held).values())
    if isinstance(held, list):
        return all(_stands_in(item, text) for item in cast("list[object]", held))
    return held is None


def _turns_cut(row: Mapping[str, Any], example: Example, columns: Columns) -> bool:
    held: object = value(row, "messages", columns) if example.said is not None and example.chat else None
    if not isinstance(held, list) or example.rejected is not None:
        return False
    turns = cast("list[object]", held)
    front = example.chat[0]["role"] == "system" and value(row, "system", columns) is not None
    return len(turns) > len(example.chat) - (front and not _is_system(turns[0]))


def _is_system(turn: object) -> bool:
    return isinstance(turn, dict) and "system" in cast("dict[str, object]", turn).values()
