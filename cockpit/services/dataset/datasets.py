"""Data files: fingerprinted, split, and compared for leaks. Reading them is `cockpit.data.reading.files`' business."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.data import needs
from cockpit.data.keys import Asked, row_keys
from cockpit.data.reading.files import load_rows
from cockpit.data.rows import Row

_CHUNK = 1 << 20


def content_hash(path: str | Path) -> str:
    """Return the SHA-256 of the file's bytes in hexadecimal, as `sha256sum` prints it. Raises CockpitError."""
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise CockpitError(
            f"the file can't be read: {error.strerror}", "Correct the path.", file=path
        ) from error
    return digest.hexdigest()


def rows_hash(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a SHA-256 over the rows' content, whatever their order and the file's spelling of them."""
    each = sorted(
        hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).digest() for row in rows
    )
    return hashlib.sha256(b"".join(each)).hexdigest()


def read_as(path: str | Path, need: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return which column is read as what for a technique (or `items`), over the whole file. Raises CockpitError."""
    return needs.read_as(load_rows(path), need, given, file=str(path))


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL, whole or not at all."""
    atomic.write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


@dataclass(frozen=True, slots=True)
class Overlap:
    """A training row (from 0) and a held-out item (from 0) that ask the same."""

    train_row: int
    held_out_row: int
    text: str


def overlap_exact(
    train: Iterable[Mapping[str, Any]],
    held_out: Iterable[Mapping[str, Any]],
    *,
    train_columns: Mapping[str, str] | None = None,
) -> list[Overlap]:
    """Return every training row that asks what a held-out item asks, whatever case and blanks.

    A row of plain text counts where the item is the whole text or stands on lines of its own. Holds the
    held-out set in memory, streams the training set.
    """
    asked = Asked((str(index), row_keys(row)) for index, row in enumerate(held_out))
    found: list[Overlap] = []
    for number, row in enumerate(train):
        hit = next(asked.met(row_keys(row, train_columns)), None)
        if hit is not None:
            found.append(Overlap(number, int(hit[0]), hit[1]))
    return found


def split(
    rows: Sequence[Mapping[str, Any]],
    sizes: Mapping[str, int],
    *,
    seed: int = 0,
    given: Mapping[str, str] | None = None,
    group: Callable[[Mapping[str, Any]], str | None] | None = None,
) -> dict[str, list[Row]]:
    """Split off slices of exactly these sizes; what is left is `train`.

    Rows that ask the same thing (or share a user's turn, or `group`) always land in the same slice, so nothing
    leaks by a repeated prompt; the same rows and seed give the same slices. Raises CockpitError where the rows do
    not suffice.
    """
    groups = _groups(rows, given, group)
    random.Random(seed).shuffle(groups)
    wanted = sum(sizes.values())
    if wanted >= len(rows):
        raise CockpitError(
            f"{len(rows)} rows are too few to set {wanted} apart and train on the rest",
            "Ask for smaller slices, or give a held-out file of its own.",
        )
    made: dict[str, list[Row]] = {}
    for name, size in sizes.items():
        made[name], groups = _take(groups, size, name)
    made["train"] = [dict(row) for group in groups for row in group]
    return made


def _groups(
    rows: Sequence[Mapping[str, Any]],
    given: Mapping[str, str] | None,
    group: Callable[[Mapping[str, Any]], str | None] | None,
) -> list[list[Mapping[str, Any]]]:
    """Rows that share any key, directly or by way of others, sorted so that the file's order does not matter."""
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    known = [row_keys(row, given) for row in rows]
    wholes = {key for keys in known for key in keys.whole}
    first_keys: list[str] = []
    for row, its in zip(rows, known, strict=True):
        keys = [*its.whole, *(key for key in its.bare if key in wholes)]
        extra = group(row) if group else None
        keys = [*keys, *([extra] if extra else [])] or [json.dumps(row, sort_keys=True, default=str)]
        for key in keys:
            leader.setdefault(key, key)
            one, other = sorted((find(keys[0]), find(key)))
            leader[other] = one
        first_keys.append(keys[0])
    together: dict[str, list[Mapping[str, Any]]] = {}
    for key, row in zip(first_keys, rows, strict=True):
        together.setdefault(find(key), []).append(row)
    return [
        sorted(together[key], key=lambda row: json.dumps(row, sort_keys=True, default=str))
        if len(together[key]) > 1
        else together[key]
        for key in sorted(together)
    ]


def _take(
    groups: list[list[Mapping[str, Any]]], size: int, name: str
) -> tuple[list[Row], list[list[Mapping[str, Any]]]]:
    taken: list[Row] = []
    left: list[list[Mapping[str, Any]]] = []
    for group in groups:
        if len(taken) + len(group) <= size:
            taken.extend(dict(row) for row in group)
        else:
            left.append(group)
    if len(taken) < size:
        raise CockpitError(
            f"the slice {name!r} of {size} can't be filled: prompts repeat too often ({len(taken)} fit)",
            "Ask for another size, or remove the repeated prompts.",
        )
    return taken, left
