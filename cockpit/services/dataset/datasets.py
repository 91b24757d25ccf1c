"""Data files: read with errors that name the place, fingerprinted, split, and compared for leaks."""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.core.safe_text import clip
from cockpit.data import rows as meaning
from cockpit.data.rows import Row

_CHUNK = 1 << 20
_SAMPLE = 200


def load_rows(path: str | Path) -> list[Row]:
    """Return every row of a JSONL, JSON (an array), CSV or Parquet file; at least one.

    Raises CockpitError naming the file and, where it is one line's fault, the line.
    """
    rows = [row for _, row in iter_rows(path)]
    if not rows:
        raise CockpitError("this data file is empty", "Give a file with at least one row.", file=path)
    return rows


def iter_rows(path: str | Path) -> Iterator[tuple[int, Row]]:
    """Yield line number (or place, from 1) and row, holding one row at a time (JSONL, CSV). Raises CockpitError."""
    place = Path(path)
    suffixes = [suffix.lower() for suffix in place.suffixes]
    try:
        if place.is_dir():
            raise CockpitError("this is a folder, not a data file", "Name a JSONL file in it.", file=place)
        if suffixes[-1:] == [".parquet"]:
            yield from _parquet(place)
        elif suffixes[-1:] in ([".csv"], [".tsv"]):
            yield from _csv(place)
        elif _is_array(place):
            yield from _array(place)
        else:
            yield from _lines(place)
    except FileNotFoundError:
        raise CockpitError("there is no such data file", "Correct the path.", file=place) from None
    except OSError as error:
        raise CockpitError(
            f"the data file can't be read: {error.strerror or error}", "Check its rights.", file=place
        ) from error


def _lines(place: Path) -> Iterator[tuple[int, Row]]:
    with place.open("rb") as handle:
        for number, raw in enumerate(handle, 1):
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.isspace() or not raw:
                continue
            yield number, _row_of(_json_of(raw, place, number), place, number)


def row_of_line(raw: bytes, place: Path, number: int) -> Row:
    """One line of JSONL as a row. Raises CockpitError naming the line and what is wrong with it."""
    return _row_of(_json_of(raw, place, number), place, number)


def _json_of(raw: bytes, place: Path, number: int) -> object:
    try:
        return json.loads(raw.decode())  # bytes would be guessed to be UTF-16 now and then
    except UnicodeDecodeError:
        shown = clip(raw[:40].decode("latin-1"), 30)
        raise CockpitError(f"this line is not UTF-8 text ({shown})", "Give a JSONL file, one JSON object a line.",
                           file=place, line=number) from None  # fmt: skip
    except ValueError as error:
        shown = clip(raw[:80].decode("utf-8", "replace").strip(), 40)
        reason = getattr(error, "msg", str(error))
        raise CockpitError(f"this line is not JSON: {reason} ({shown})", "Mend or remove the line.",
                           file=place, line=number) from None  # fmt: skip
    except RecursionError:
        raise CockpitError(
            "this line is nested too deeply", "Mend or remove the line.", file=place, line=number
        ) from None


def _row_of(value: object, place: Path, number: int) -> Row:
    if not isinstance(value, dict):
        name = {"list": "an array", "str": "a string", "NoneType": "null"}.get(
            type(value).__name__, "a number or boolean"
        )
        raise CockpitError(f"this row is {name}, not a JSON object", 'Write rows as {"prompt": …, "answer": …}.',
                           file=place, line=number)  # fmt: skip
    return cast(Row, value)


def _is_array(place: Path) -> bool:
    with place.open("rb") as handle:
        head = handle.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"[") and place.suffix.lower() != ".jsonl"


def _array(place: Path) -> Iterator[tuple[int, Row]]:
    try:
        values: object = json.loads(place.read_bytes())
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        reason = getattr(error, "msg", "it is not UTF-8 text")
        raise CockpitError(
            f"this is not a JSON array: {reason}", "Mend it, or give JSONL.", file=place, line=line
        ) from None
    for number, value in enumerate(cast("list[object]", values), 1):
        yield number, _row_of(value, place, number)


def _csv(place: Path) -> Iterator[tuple[int, Row]]:
    delimiter = "\t" if place.suffix.lower() == ".tsv" else ","
    try:
        with place.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle, delimiter=delimiter)
            for row in reader:
                yield reader.line_num, {str(key): value for key, value in row.items() if key is not None}
    except (UnicodeDecodeError, csv.Error) as error:
        raise CockpitError(
            f"this is not a CSV file: {error}", "Save it as UTF-8, or give JSONL.", file=place
        ) from None


def _parquet(place: Path) -> Iterator[tuple[int, Row]]:
    try:
        import pyarrow.parquet as parquet  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError:
        raise CockpitError(
            "reading Parquet needs pyarrow, which is not installed", "Convert it to JSONL.", file=place
        ) from None
    try:
        table: Any = parquet.ParquetFile(place)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        number = 0
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, cast(Row, row)
    except ValueError as error:  # pyarrow's ArrowInvalid
        raise CockpitError(f"this is not a Parquet file: {error}", "Give JSONL.", file=place) from None


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


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return each column's name and in how many rows it holds a value."""
    return meaning.column_names(rows)


def read_as(path: str | Path, need: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return which column is read as what for a technique (or `items`), over the whole file. Raises CockpitError."""
    return meaning.read_as(load_rows(path), need, given, file=str(path))


def normalise(rows: Iterable[Mapping[str, Any]], reading: Mapping[str, str]) -> list[Row]:
    """Return the rows with their columns renamed to ours (`{"question": "prompt"}`); other columns stay."""
    return [{reading.get(name, name): value for name, value in row.items()} for row in rows]


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
    held_out_columns: Mapping[str, str] | None = None,
) -> list[Overlap]:
    """Return every training row that asks what a held-out item asks, whatever case and blanks.

    A row of plain text counts where the item is the whole text or stands on lines of its own. Holds the
    held-out set in memory, streams the training set.
    """
    kept: dict[str, int] = {}
    for index, row in enumerate(held_out):
        for text in prompt_keys(row, held_out_columns):
            kept.setdefault(text, index)
    found: list[Overlap] = []
    for number, row in enumerate(train):
        hit = next(((kept[key], key) for key in prompt_keys(row, train_columns) if key in kept), None)
        if hit is not None:
            found.append(Overlap(number, *hit))
    return found


def prompt_keys(row: Mapping[str, Any], given: Mapping[str, str] | None = None) -> list[str]:
    """Return the normalised texts that identify what a row asks: the prompt, and each user turn by itself."""
    asked = meaning.value(row, "prompt", given)
    chat = meaning.as_messages(asked) or meaning.messages(row, given)
    texts = [turn["content"] for turn in chat if turn["role"] == "user"]
    prompt = meaning.prompt_text(row, given)
    if prompt:
        texts.append(prompt)
    if not texts:  # a pair whose prompt is what both sides begin with
        sides = [meaning.as_messages(meaning.value(row, side, given)) for side in ("chosen", "rejected")]
        texts = [turn["content"] for chat in sides for turn in chat if turn["role"] == "user"]
    if not texts:
        plain = meaning.value(row, "text", given) or meaning.value(row, "chosen", given)
        texts = [str(plain), *str(plain).splitlines()] if plain is not None else []
    return list(dict.fromkeys(key for text in texts if (key := meaning.normalise_text(text))))


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

    first_keys: list[str] = []
    for row in rows:
        keys = prompt_keys(row, given)
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
