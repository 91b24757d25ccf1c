"""Rows for a spot check: from whatever holds them, with what their columns are read as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from cockpit.contract.errors import CockpitError
from cockpit.contract.reader import read_rows
from cockpit.services.dataset import datasets
from cockpit.services.dataset.sources import open_source
from cockpit.services.spotcheck.subject import columns_of

SAMPLE = 300
"""Rows that the columns' meaning is told from."""
P = ParamSpec("P")
R = TypeVar("R")


def rows(
    path: str, need: str, given: Mapping[str, str]
) -> Iterator[tuple[dict[str, Any], Mapping[str, str]]]:
    """Rows with what their columns are read as, which the first few hundred tell."""
    source = open_source(path).rows
    first = list(islice(source, SAMPLE))
    if not first:
        raise CockpitError("this data file is empty", "Give a file with at least one row.", file=path)
    read = columns_of([row for _, row in first], need, given)
    for _, row in chain(first, source):
        yield row, read


def columns(path: str, need: str, given: Mapping[str, str]) -> Mapping[str, str]:
    """What the columns of a file are read as, which the first few hundred rows tell."""
    return columns_of([row for _, row in islice(open_source(path).rows, SAMPLE)], need, given)


def naming(path: str, read: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a row reader; its error gets the file's name."""
    try:
        return read(*arguments, **named)
    except CockpitError as error:
        raise CockpitError(error.title, error.fix, file=error.file or path, line=error.line) from None


def readable(path: str, cache: Path) -> str:
    """A file that the trainers read: the path itself, or its rows as JSONL (of a folder, a hub id, an archive)."""
    place = Path(path).expanduser()
    if place.is_file():
        return str(place.resolve())
    source = open_source(path)
    held = [row for _, row in source.rows]
    made = cache / f"rows-{datasets.rows_hash(held)[:16]}.jsonl"
    if not made.is_file():
        datasets.write_rows(made, held)
    return str(made)


def completions(path: Path) -> dict[str, Mapping[str, Any]]:
    """Answers by item id; those of items without an id of their own by their number as well."""
    made: dict[str, Mapping[str, Any]] = {}
    for row in read_rows(path):
        name = str(row.get("item", ""))
        made[name] = row
        tail = name.rsplit("-", 1)[-1]
        if tail.isdigit() and len(tail) == 5:
            made.setdefault(f"#{int(tail)}", row)
    return made
