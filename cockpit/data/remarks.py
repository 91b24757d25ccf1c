"""Collect remarks on rows beside their shape: tools, images or ratings that change what an answer's text is worth."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

from cockpit.data.columns import Column, Columns
from cockpit.data.messages import messages_in
from cockpit.data.numbers import is_rating

# Placeholders of the field's vision and audio formats; HTML's own img has attributes.
MEDIA = re.compile(r"<(image|video|audio)>|<img>[^<]*</img>|<\|?(image|video|audio)(_pad)?\|>")
_LOOKED_AT = 200
_SHARE = 0.1
"""Of the rows: fewer with a placeholder are likely to speak of one."""


def remarks(roles: Mapping[str, str], unused: Iterable[str], columns: Columns) -> tuple[list[str], str]:
    """What a person must know of rows that are read so, and why no program can check their answers, if so."""
    notes: list[str] = []
    unchecked = ""
    used = [columns[name] for name in roles.values() if name in columns]
    if "tools" in roles or any(_calls(column) for column in used):
        unchecked = "answers call tools"
    for name in unused:
        column = columns[name]
        if column.is_mostly("text") and all(is_rating(value) for value in column.values):
            notes.append(
                f"`{name}` holds ratings as text ({str(column.values[0])[:12]!r}), which are not read: "
                "write them as numbers, or as yes and no in a column `label`."
            )
            unchecked = "answers are rated, so not all of them are right"
    if places := _places(roles, columns):
        notes.append(places)
    shown = 0.0 if "images" in roles else max((_share(column) for column in used), default=0.0)
    if shown >= _SHARE:
        notes.append(
            f"{shown:.0%} of the rows speak of an image, a video or a sound by its placeholder, and have none: the "
            "model would learn to answer without seeing it."
        )
        unchecked = "answers are about an image, a video or a sound"
    return notes, unchecked


def _places(roles: Mapping[str, str], columns: Columns) -> str:
    """How a choice that is named by a number is read; empty where none is."""
    if "choices" not in roles or "answer" not in roles:
        return ""
    name = roles["answer"]
    values = columns[name].values
    choices = [_listed(value) for value in columns[roles["choices"]].values]
    places = [int(value) for value in values if re.fullmatch(r"\d{1,3}", str(value).strip())]
    said = any(
        isinstance(value, str) and value in map(str, listed)
        for value, listed in zip(values, choices, strict=False)
    )
    if said or not places or len(places) < len(values):
        return ""
    most = max(map(len, choices), default=0)
    if min(places) >= 1 and max(places) == most:
        return (
            f"`{name}` counts the {most} choices from 1, and is read from 0 on: each answer is one off, and {most} is "
            "none of them. Write letters instead (1 is A), or count from 0."
        )
    return f"`{name}` is read as the place of the right choice, counted from 0: 0 is A, 1 is B."


def _listed(value: object) -> list[object]:
    held = cast("Mapping[str, object]", value).get("text") if isinstance(value, Mapping) else value
    return cast("list[object]", held) if isinstance(held, list) else []


def _share(column: Column) -> float:
    looked = column.values[:_LOOKED_AT]
    return sum(any(MEDIA.search(text) for text in _of(value)) for value in looked) / max(1, len(looked))


def _of(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(turn["content"]) for turn in messages_in(value) or [] if "images" not in turn]


def _calls(column: Column) -> bool:
    found = (messages_in(value) for value in column.values[:_LOOKED_AT] if not isinstance(value, str))
    return any("tool_calls" in turn for turns in found for turn in turns or [])


EXPORTS: tuple[tuple[frozenset[str], str, str], ...] = (
    (
        frozenset(("input_ids",)),
        "These rows are tokenized already: token ids of some tokenizer, which can be neither shown nor scored.",
        "Give the text that they were made of.",
    ),
    (
        frozenset(("annotations", "data")),
        "This is an export of Label Studio, with the answers deep inside its annotations.",
        "Write each row as a prompt and its answer (Label Studio's own JSONL or CSV export is closer to it).",
    ),
    (
        frozenset(("mapping", "current_node")),
        "This is an export of ChatGPT, with each conversation as a tree of messages.",
        "Write each conversation as a list of messages.",
    ),
)
"""What other programs write: columns that tell it, what it is, and what to do."""
