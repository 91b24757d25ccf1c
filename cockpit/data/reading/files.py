"""Data files of every kind, a row at a time: what is good is read, what is bad is named with its place.

    for line, row in iter_rows("train.jsonl"): …     # memory stays that of the largest row
    rows = Rows("train.jsonl")                       # read anew each time it is gone over

What a file is, its content says first (gzip, Parquet, a pointer of Git LFS), then its name.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.data.images.refs import placed
from cockpit.data.reading import arrow_rows, json_rows, opening
from cockpit.data.reading.watched import told
from cockpit.data.rows import Row

Numbered = Iterator[tuple[int, Row]]
_BOM = b"\xef\xbb\xbf"
_HEAD = 4096
_PACKED = (".zst", ".zip", ".xz", ".bz2", ".tar", ".7z")
_PASSAGE_LINES = 200
_DELIMITERS = ",;\t|"
_ONE_A_LINE = "Give a JSONL file, one JSON object a line."
_Decode = Callable[[bytes], object]


def _fast() -> tuple[_Decode, type[Exception]]:
    """The quick decoder, and what it raises; the library's own in an interpreter of a trainer's that has no other."""
    try:
        import msgspec
    except ImportError:
        return lambda raw: json.loads(raw.decode()), ValueError
    return msgspec.json.Decoder().decode, msgspec.DecodeError


_decode, _undecoded = _fast()

# What a file is by its first bytes, where it is no data: what is said of it, and what to do.
_OTHER: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (
        re.compile(rb"version https://git-lfs"),
        "this is a pointer of Git LFS: the file itself was not fetched",
        "Fetch it: git lfs pull.",
    ),
    (re.compile(rb"\xff\xfe|\xfe\xff"), "this file is UTF-16", "Save it as UTF-8."),
    (
        re.compile(rb"PK\x03\x04"),
        "this is a zip archive (or an Excel sheet)",
        "Unpack it, or save it as CSV.",
    ),
    (re.compile(rb"\s*<(!doctype|html)", re.I), "this is a web page, not data", "Fetch the file itself."),
    (re.compile(rb"\s*<\?xml"), "this is XML", _ONE_A_LINE),
)
_JSON = re.compile(rb'\s*(\{\s*"|\[\s*\{)')
_NAMED = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".md", ".parquet", ".arrow")
_YAML = re.compile(rb"(---\s|- \S|[A-Za-z_]\w*:\s)")


class Rows:
    """The rows of a file, read anew each time they are gone over, so that none of them is kept.

    `without`: the places (from 0) of rows that are left out.
    """

    def __init__(self, path: str | Path, *, without: frozenset[int] = frozenset()) -> None:
        self.path = Path(path)
        self._without = without
        self._length: int | None = None

    def __iter__(self) -> Iterator[Row]:
        number = 0
        for at, (_, row) in enumerate(iter_rows(self.path)):
            if at not in self._without:
                number += 1
                yield row
        self._length = number

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(1 for _ in self)
        return self._length

    def first(self, count: int) -> list[Row]:
        """Return so many of them, at least one. Raises CockpitError for an empty file."""
        rows = list(islice(self, count))
        if not rows:
            raise _empty(self.path)
        return rows


def load_rows(path: str | Path) -> list[Row]:
    """Return every row of a data file; at least one. Raises CockpitError naming the file and, for a line, the line."""
    rows = [row for _, row in iter_rows(path)]
    if not rows:
        raise _empty(path)
    return rows


def _empty(path: str | Path) -> CockpitError:
    return CockpitError("this data file is empty", "Give a file with at least one row.", file=path)


def iter_rows(path: str | Path) -> Numbered:
    """Yield line number (or place, from 1) and row of a data file. Raises CockpitError."""
    place = Path(path).expanduser()
    try:
        yield from reader(place)[1]
    except OSError as error:
        raise CockpitError(
            f"the data file can't be read: {error.strerror or error}", "Check its rights.", file=place
        ) from error


def reader(path: Path) -> tuple[str, Numbered]:
    """Return the kind of a file and its rows. Raises CockpitError for what holds no rows."""
    kind, rows = _reader(path)
    return kind, told(path, _placed(path, rows))


def _placed(path: Path, rows: Numbered) -> Numbered:
    """The rows with paths of images that lead from here to the file, whichever folder they are read for."""
    folder = path.parent
    return ((number, placed(row, folder)) for number, row in rows)


def _reader(path: Path) -> tuple[str, Numbered]:
    with opening.opened(path) as handle:
        head = handle.read(_HEAD)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = head.startswith(b"\x1f\x8b") or suffixes[-1:] == [".gz"]
    if packed:
        with opening.raw(path, packed=True) as handle:
            head = handle.read(_HEAD)
        suffixes = [suffix for suffix in suffixes if suffix != ".gz"]
    last = suffixes[-1] if suffixes else ""
    for pattern, why, fix in _OTHER:
        if pattern.match(head):
            raise CockpitError(why, fix, file=path)
    if last in _PACKED:
        raise CockpitError(f"a {last} file can't be read as it is", "Unpack it first.", file=path)
    is_json = _JSON.match(head.removeprefix(_BOM)) is not None
    if head.startswith(b"PAR1") or (last == ".parquet" and not is_json):
        return "parquet", arrow_rows.parquet(path)
    if head.startswith(b"ARROW1") or (last == ".arrow" and not is_json):
        return "arrow", arrow_rows.arrow([path])
    kind, rows = _of_text(path, head.removeprefix(_BOM), last, packed=packed)
    return (f"{kind}.gz" if packed else kind), rows


def _of_text(path: Path, head: bytes, suffix: str, *, packed: bool) -> tuple[str, Numbered]:
    if suffix in (".txt", ".md") and not _are_rows(head):
        return "text", _passages(path, packed=packed)
    if suffix in (".csv", ".tsv") and not _JSON.match(head):
        return suffix[1:], _csv(path, "\t" if suffix == ".tsv" else ",", packed=packed)
    if _is_table(head):
        raise CockpitError(
            "this is a table with one line a row (CSV), not JSON", "Name it .csv (or .tsv).", file=path, line=1
        )  # fmt: skip
    begin = head.lstrip()
    named_lines = suffix in (".jsonl", ".ndjson")
    if begin.startswith(b"[") and (not named_lines or begin[1:].lstrip()[:1] in (b"{", b"")):
        return "json", json_rows.rows(lambda: opening.text(path, packed=packed), path)
    if begin.startswith(b"{") and not _begins_with_a_row(path, packed=packed, alone=named_lines):
        return "json", json_rows.rows(lambda: opening.text(path, packed=packed), path)
    return "jsonl", _lines(path, packed=packed)


def _are_rows(head: bytes) -> bool:
    """Whether a file that is named as text holds rows: an object on each of its first lines."""
    first = [line for line in head.splitlines()[:3] if line.strip()][:2]
    try:
        return bool(first) and all(isinstance(json.loads(line), dict) for line in first)
    except (ValueError, RecursionError):
        return False


def _is_table(head: bytes) -> bool:
    """Whether the first lines are cells between delimiters, as many in the second as in the first."""
    lines = head.decode("utf-8", "replace").splitlines()[:2]
    if len(lines) < 2 or lines[0].lstrip()[:1] in ("", "{", "[", "-", "#") or re.search(r"[:,;] ", lines[0]):
        return False
    try:
        counts = [{len(next(csv.reader([line], delimiter=mark))) for line in lines} for mark in _DELIMITERS]
    except (csv.Error, StopIteration):
        return False
    return any(len(each) == 1 and max(each) > 1 for each in counts)


def misnamed(path: Path, kind: str) -> str:
    """Say what a file is where its name says another thing; empty where it doesn't."""
    names = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    named, held = names[-1] if names else "", kind.removesuffix(".gz")
    fitting = {"parquet": (".parquet",), "arrow": (".arrow",)}.get(held, (".json", ".jsonl", ".ndjson"))
    if named not in _NAMED or named in fitting or held in ("csv", "tsv", "text"):
        return ""
    what = {"parquet": "Parquet", "arrow": "Arrow"}.get(held, "JSON")
    return f"{path.name} is {what} in spite of its name, and is read as that."


def _begins_with_a_row(path: Path, *, packed: bool, alone: bool) -> bool:
    """Whether the first line is a whole object (or wrong in its midst); `alone`: even where nothing follows."""
    with opening.raw(path, packed=packed) as handle:
        each = (line for line in opening.lines(handle, path) if line.strip())
        first = next(each, b"").removeprefix(_BOM).rstrip()
        more = next(each, None) is not None
    try:
        json.loads(first)
    except (ValueError, RecursionError) as error:
        extra = getattr(error, "msg", "") == "Extra data"
        return not extra and getattr(error, "pos", 0) < len(first.decode("utf-8", "replace"))
    return more or alone


def _lines(path: Path, *, packed: bool) -> Numbered:
    with opening.raw(path, packed=packed) as handle:
        for number, raw in enumerate(opening.lines(handle, path), 1):
            raw = raw.removeprefix(_BOM) if number == 1 else raw
            if raw and not raw.isspace():
                yield number, json_rows.as_row(_json_of(raw, path, number), path, number)


def _json_of(raw: bytes, path: Path, number: int) -> object:
    try:
        return _decode(raw)
    except (_undecoded, RecursionError):
        pass  # the library below takes NaN too, and says what is wrong
    try:
        return json.loads(raw.decode())  # bytes would be guessed to be UTF-16 now and then
    except UnicodeDecodeError:
        shown = json_rows.shown(raw[:40].decode("latin-1"))
        raise CockpitError(
            f"this line is not UTF-8 text ({shown})", _ONE_A_LINE, file=path, line=number
        ) from None
    except ValueError as error:
        raise _not_json(raw, error, path, number) from None
    except RecursionError:
        raise CockpitError(
            "this line is nested too deeply", "Mend or remove the line.", file=path, line=number
        ) from None


def _not_json(raw: bytes, error: ValueError, path: Path, number: int) -> CockpitError:
    shown = json_rows.shown(raw[:80].decode("utf-8", "replace").strip())
    reason = getattr(error, "msg", str(error))
    why, fix = f"this line is not JSON: {reason} ({shown})", "Mend or remove the line."
    if raw.lstrip().startswith((b"{'", b"['")):
        why, fix = f"this line is a Python literal, not JSON ({shown})", "Write each row with json.dumps."
    elif number == 1 and _YAML.match(raw):
        why, fix = f"this is YAML, not JSON ({shown})", _ONE_A_LINE
    elif not raw.endswith(b"\n") and number > 1:
        why = f"this line is not JSON: the file is cut off in its midst ({shown})"
        fix = "Fetch the file anew, or remove the line."
    return CockpitError(why, fix, file=path, line=number)


def _csv(path: Path, usual: str, *, packed: bool) -> Numbered:
    """CSV holds text only: cells that are JSON (a list of messages, say) are read as such."""
    csv.field_size_limit(opening.LONGEST)  # the library's own limit is 128 KiB a cell
    number = 0
    try:
        with opening.text(path, packed=packed) as handle:
            delimiter = _delimiter(handle, usual, path)
            table = csv.reader(opening.text_lines(handle, path), delimiter=delimiter)
            names = next(table, list[str]())
            for cells in table:
                number = table.line_num
                if any(cells):
                    yield number, _cells(names, cells, path, number)
    except UnicodeDecodeError as error:
        byte = error.object[error.start : error.start + 1].hex()
        raise CockpitError(
            f"this is not a CSV file in UTF-8: byte 0x{byte} stands after line {number or 1}",
            "Save it as UTF-8 (it may be in Windows-1252), or give JSONL.", file=path,
        ) from None  # fmt: skip
    except csv.Error as error:
        raise CockpitError(
            f"this is not a CSV file: {error}", "Give JSONL.", file=path, line=number
        ) from None


def _delimiter(handle: io.TextIOWrapper, usual: str, path: Path) -> str:
    """What parts the columns; another than usual only where the usual one gives one column.

    Excel writes semicolons where a comma parts decimals. The file is at its beginning again afterwards.
    """

    def columns(delimiter: str) -> int:
        handle.seek(0)
        return len(next(csv.reader(opening.text_lines(handle, path), delimiter=delimiter), list[str]()))

    found = usual if columns(usual) > 1 else max((usual, *_DELIMITERS), key=columns)
    handle.seek(0)
    return found


def _cells(names: list[str], cells: list[str], path: Path, number: int) -> Row:
    if any(cells[len(names) :]):
        raise CockpitError(
            f"this row has {len(cells)} cells for {len(names)} columns",
            "Quote cells that hold the delimiter, or give JSONL.", file=path, line=number,
        )  # fmt: skip
    padded: list[str | None] = [*cells, *[None] * (len(names) - len(cells))]
    return {name: _cell(cell) for name, cell in zip(names, padded, strict=False)}


def _cell(value: str | None) -> Any:
    if value and value[0] in "[{" and value[-1] in "]}":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _passages(path: Path, *, packed: bool) -> Numbered:
    """Plain text: blank lines part the passages; a file without them gives a row for every so many lines."""
    passage: list[str] = []
    start = number = 1
    try:
        with opening.text(path, packed=packed) as handle:
            for number, line in enumerate(opening.text_lines(handle, path), 1):
                if line.strip():
                    start = start if passage else number
                    passage.append(line)
                if passage and (not line.strip() or len(passage) >= _PASSAGE_LINES):
                    yield start, {"text": "".join(passage).strip()}
                    passage = []
            if passage:
                yield start, {"text": "".join(passage).strip()}
    except UnicodeDecodeError:
        raise CockpitError(
            "this file is not UTF-8 text", "Save it as UTF-8.", file=path, line=number
        ) from None


__all__ = ["Numbered", "Rows", "iter_rows", "load_rows", "misnamed", "reader"]
