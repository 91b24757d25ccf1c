"""Data files: fingerprinted, read and written, and compared for leaks. `cockpit.data.reading` reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.data import needs
from cockpit.data.keys import Asked, row_keys
from cockpit.data.reading.files import Rows

_CHUNK = 1 << 20


def content_hash(path: str | Path) -> str:
    """Return the SHA-256 of the file's bytes in hexadecimal, as `sha256sum` prints it. Raises CockpitError."""
    digest = hashlib.sha256()
    try:
        with untrusted.opened(Path(path)) as handle:
            while chunk := handle.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise CockpitError(
            f"the file can't be read: {error.strerror}", "Correct the path.", file=path
        ) from error
    return digest.hexdigest()


def rows_hash(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a hash of the rows' content in hexadecimal, whatever their order and the file's spelling of them."""
    total = _Total()
    for row in rows:
        total.add(json.dumps(row, sort_keys=True, default=str).encode())
    return total.hexdigest()


class _Total:
    """The sum of the SHA-256 of things that come in any order: nothing is kept of them."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, thing: bytes) -> None:
        self._sum += int.from_bytes(hashlib.sha256(thing).digest(), "big")

    def hexdigest(self) -> str:
        return hashlib.sha256(self._sum.to_bytes(64, "big")).hexdigest()


def read_as(path: str | Path, need: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return which column is read as what for a technique (or `items`), over the whole file. Raises CockpitError."""
    rows = Rows(path)
    rows.first(1)
    return needs.read_as(rows, need, given, file=str(path))


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL, whole or not at all."""
    atomic.write_parts(path, map(_line, rows))


def write_by_content(folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write JSONL into a file that is named after what is in it, whole or not at all, and return its path."""
    total = _Total()

    def lines() -> Iterator[bytes]:
        for row in rows:
            yield (line := _line(row))
            total.add(line)

    made = folder / f"{name}.jsonl"
    atomic.write_parts(made, lines())
    return made.rename(folder / f"{name}-{total.hexdigest()[:8]}.jsonl")


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _line(row: Mapping[str, Any]) -> bytes:
    return (_encode(row) + "\n").encode("utf-8", "backslashreplace")


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
    return overlaps_exact(train, [held_out], train_columns=train_columns)[0]


def overlaps_exact(
    train: Iterable[Mapping[str, Any]],
    held_out: Iterable[Iterable[Mapping[str, Any]]],
    *,
    train_columns: Mapping[str, str] | None = None,
) -> list[list[Overlap]]:
    """Return what `overlap_exact` does for each of several held-out sets; the training set goes by once."""
    sets = [Asked((str(index), row_keys(row)) for index, row in enumerate(rows)) for rows in held_out]
    found: list[list[Overlap]] = [[] for _ in sets]
    for number, row in enumerate(train):
        keys = row_keys(row, train_columns)
        for asked, met in zip(sets, found, strict=True):
            hit = next(asked.met(keys), None)
            if hit is not None:
                met.append(Overlap(number, int(hit[0]), hit[1]))
    return found
