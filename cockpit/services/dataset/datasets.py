"""Data files: fingerprinted, read and written, and compared for leaks. `cockpit.data.reading` reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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
    """Return a SHA-256 over the rows' content, whatever their order and the file's spelling of them."""
    each = sorted(
        hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).digest() for row in rows
    )
    return hashlib.sha256(b"".join(each)).hexdigest()


def read_as(path: str | Path, need: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return which column is read as what for a technique (or `items`), over the whole file. Raises CockpitError."""
    rows = Rows(path)
    rows.first(1)
    return needs.read_as(rows, need, given, file=str(path))


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL, whole or not at all."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    atomic.write_parts(path, (line.encode("utf-8", "backslashreplace") for line in lines))


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
