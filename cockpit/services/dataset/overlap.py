"""Streams a training set past a held-out set: any size, in bounded memory.

JSONL goes by at some ten thousand rows a second and core, a file of some thousand rows on two of them; other formats as
fast as they can be read.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.core.overlap.scan import BATCH, Asked, Scan, Seen, Text
from cockpit.core.overlap.summary import Overlap
from cockpit.core.overlap.text import numbers_in
from cockpit.data import rows as meaning
from cockpit.data.images.refs import refs_in
from cockpit.data.keys import row_keys
from cockpit.data.messages import messages_in
from cockpit.services.dataset import sources

LARGE = 4_000_000  # bytes, some thousands of rows: a second process costs a second to begin
EVEN, ODD, EVERY = (0,), (1,), (0, 1)
SHORT = 60  # characters: "Write a function." says nothing without the function
_SAID = ("completion", "answer", "chosen", "rejected", "text")


def compare(
    train: str,
    held_out: str,
    *,
    train_columns: Mapping[str, str] | None = None,
    held_out_columns: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> Overlap:
    """Compare two data files. Raises CockpitError naming file and line."""
    scan = Scan(_items(held_out, held_out_columns))
    task = (train, held_out, train_columns, held_out_columns, limit, BATCH)
    with _helper(train) as helper:
        other = None if helper is None else helper.submit(_half, *task)
        for batch in _batches(train, train_columns, limit, BATCH, EVERY if other is None else EVEN):
            scan.feed(batch)
        if other is not None:
            try:
                scan.absorb(other.result())
            except BrokenExecutor:  # it was killed: its half is read here
                for batch in _batches(train, train_columns, limit, BATCH, ODD):
                    scan.feed(batch)
    if not scan.rows:
        raise CockpitError("the training set is empty", "Name a file with rows.", file=train)
    return Overlap(scan.questions, scan.rows, scan.tally(), tuple(scan.matches()), scan.unread)


@contextmanager
def _helper(train: str) -> Generator[ProcessPoolExecutor | None]:
    """A second process for a large file, where there is a core for it."""
    path = Path(train).expanduser()
    large = path.is_file() and path.stat().st_size >= LARGE
    if not large or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else "1") < 2:
        yield None
        return
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def _half(
    train: str,
    held_out: str,
    train_columns: Mapping[str, str] | None,
    held_out_columns: Mapping[str, str] | None,
    limit: int | None,
    batch_rows: int,
) -> Seen:
    """What every second batch shows."""
    scan = Scan(_items(held_out, held_out_columns))
    for batch in _batches(train, train_columns, limit, batch_rows, ODD):
        scan.feed(batch)
    return scan.seen()


def _items(held_out: str, columns: Mapping[str, str] | None) -> list[Asked]:
    items = [
        Asked(line, asked, _said(row, columns), _gold(row, columns))
        for line, row in _rows(held_out, None)
        if (asked := _seen(row, columns) or _asked(row, columns) or _plain(row, columns))
    ]
    if not items:
        raise CockpitError(
            "no row of the held-out set has a prompt", "Name its column under data.columns.", file=held_out
        )
    return items


def _batches(
    train: str, columns: Mapping[str, str] | None, limit: int | None, size: int, which: tuple[int, ...]
) -> Iterator[list[Text]]:
    """Batches of rows as texts: the even ones, the odd ones or all."""
    rows, number = _rows(train, limit), 0
    while batch := list(islice(rows, size)):
        if number % 2 in which:
            yield [text_of(line, row, columns) for line, row in batch]
        number += 1


def asked_of(name: str, columns: Mapping[str, str] | None) -> Iterator[tuple[int, str]]:
    """Line and question of each row that asks something; of a short one with what is said to it.

    Raises CockpitError naming file and line.
    """
    for line, row in _rows(name, None):
        if refs_in(row):
            continue  # of two images, a question's meaning tells nothing
        asked = "\n".join(_asked(row, columns) or _plain(row, columns))
        if len(asked) < SHORT and (said := _said(row, columns)) and len(said) > SHORT:
            asked = f"{asked}\n{said}"
        if asked:
            yield line, asked


def _rows(name: str, limit: int | None) -> Iterator[tuple[int, dict[str, Any]]]:
    return islice(sources.open_source(name).rows, limit)


def text_of(line: int, row: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> Text:
    """What a row asks and what else is trained on; a row of plain text is all asked."""
    if seen := _seen(row, columns):
        return Text(line, [""], _said(row, columns), seen)
    asked = _asked(row, columns)
    if not asked:
        plain = _plain(row, columns)
        return Text(line, plain, "", [*plain, *(part for text in plain for part in text.splitlines())])
    return Text(line, asked, _said(row, columns))


def _seen(row: Mapping[str, Any], columns: Mapping[str, str] | None) -> list[str]:
    """What a row with images asks, the images among it: equal or not, for alike are all questions about images."""
    return list(row_keys(row, columns).whole) if refs_in(row) else []


def _asked(row: Mapping[str, Any], columns: Mapping[str, str] | None) -> list[str]:
    value = meaning.value(row, "prompt", columns)
    if isinstance(value, str):
        return [meaning.prompt_text(row, columns)] if "input" in row else [value] if value else []
    chat = messages_in(value) or meaning.messages_of(row, columns) or []
    if not chat:  # pairs that hold whole conversations
        chat = messages_in(meaning.value(row, "chosen", columns)) or []
    return [turn["content"] for turn in chat if turn["role"] == "user" and turn["content"]]


def _gold(row: Mapping[str, Any], columns: Mapping[str, str] | None) -> str:
    """The short answer where it is one number, by its value."""
    gold = meaning.gold_of(row, columns) or ""
    _, _, last = gold.rpartition("####")
    numbers = numbers_in(last) if len(last) <= 40 else ()
    return next(iter(numbers)) if len(numbers) == 1 else ""


def _plain(row: Mapping[str, Any], columns: Mapping[str, str] | None) -> list[str]:
    value = meaning.value(row, "text", columns)
    return [str(value)] if value else []


def _said(row: Mapping[str, Any], columns: Mapping[str, str] | None) -> str:
    parts: list[str] = []
    for name in _SAID:
        value = meaning.value(row, name, columns)
        if isinstance(value, str):
            parts.append(value)
        elif isinstance(value, list | dict):
            parts += _replies(cast("object", value))
    parts += _replies(meaning.value(row, "messages", columns))
    return parts[0] if len(parts) == 1 else "\n".join(parts)


def _replies(chat: object) -> list[str]:
    return [turn["content"] for turn in messages_in(chat) or [] if turn["role"] != "user"]
