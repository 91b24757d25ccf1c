"""JSON that isn't one object a line: an array of rows, read an object at a time, objects one after the other, or one
object that holds the rows in one of the shapes that libraries write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from cockpit.contract.errors import CockpitError
from cockpit.data.reading.opening import LONGEST, TOO_LONG

_CHUNK = 1 << 20
_BLANK = " \t\r\n"
_WRAPPERS = ("data", "rows", "examples", "instances", "items", "records")
_SPLITS = ("train", "training", "test", "validation", "valid", "dev", "eval")

Row = dict[str, Any]


def rows(open_text: Callable[[], TextIO], path: Path) -> Iterator[tuple[int, Row]]:
    """Yield place (from 1) and row. Raises CockpitError with the line of the fault."""
    try:
        with open_text() as handle:
            window = _Window(handle, path)
            found = window.array() if window.next_mark() == "[" else _objects(window)
            for number, value in enumerate(found, 1):
                yield number, as_row(value, path, None, number)
    except UnicodeDecodeError:
        raise CockpitError("this file is not UTF-8 text", "Save it as UTF-8.", file=path) from None


def _objects(window: _Window) -> Iterator[object]:
    """Objects one after the other; one that stands alone may hold the rows."""
    first = window.element()
    if not window.next_mark():
        yield from _held(cast("Row", first), window.path)
        return
    yield first
    while window.next_mark():
        if window.next_mark() == ",":
            window.expect(",")
        yield window.element()


def _held(value: Row, path: Path) -> list[Any]:
    """The rows that an object holds: `{"data": [...]}`, splits, or columns as pandas writes them; else itself."""
    lists = {key: cast("list[object]", item) for key, item in value.items() if _is_rows(item)}
    splits = [key for key in lists if key.lower() in _SPLITS]
    if len(splits) > 1:
        raise CockpitError(
            f"this file holds several splits ({', '.join(splits)}), and nothing says which split is meant",
            "Save each split as a file of its own.", file=path,
        )  # fmt: skip
    names, cells = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(cells, list) and not _is_rows(cast(object, cells)):
        header = [str(name) for name in cast("list[object]", names)]
        return [dict(zip(header, cast("list[object]", row), strict=False)) for row in cast("list[object]", cells)
                if isinstance(row, list)]  # fmt: skip
    if {"messages", "conversations", "prompt"} & set(value) and not _is_table(value):
        return [value]
    key = next((key for key in (*_WRAPPERS, *splits) if key in lists), next(iter(lists), None))
    if key is not None:
        return lists[key]
    return _transposed(value) if _is_table(value) else [value]


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and isinstance(next(iter(cast("list[object]", value)), None), dict)


def _is_table(value: Row) -> bool:
    """Whether each value is a column: as many cells as the others', by their index or in a list of scalars."""
    indexed = [list(cast("Row", v)) for v in value.values() if isinstance(v, dict)]
    if len(indexed) == len(value) and indexed:
        return indexed[0][:1] == ["0"] and all(keys == indexed[0] for keys in indexed)
    cells = [cast("list[object]", v) for v in value.values() if isinstance(v, list)]
    return len(cells) == len(value) > 1 and len({len(c) for c in cells}) == 1 and len(cells[0]) > 0


def _transposed(value: Row) -> list[Row]:
    columns = {
        name: list(cast("Row", cells).values()) if isinstance(cells, dict) else cast("list[object]", cells)
        for name, cells in value.items()
    }
    length = len(next(iter(columns.values())))
    return [{name: cells[at] for name, cells in columns.items()} for at in range(length)]


def as_row(value: object, path: Path, line: int | None, number: int | None = None) -> Row:
    """Return `value` as the row that it must be. Raises CockpitError for anything but an object."""
    if not isinstance(value, dict):
        name = {"list": "an array", "str": "a string", "NoneType": "null"}.get(
            type(value).__name__, "a number or boolean"
        )
        which = "this row" if number is None else f"row {number}"
        raise CockpitError(
            f"{which} is {name}, not a JSON object",
            'Write rows as {"prompt": …, "answer": …}.',
            file=path,
            line=line,
        )
    return cast(Row, value)


def shown(text: str) -> str:
    """The beginning of a text, harmless to print: what a terminal would act on is replaced."""
    kept = "".join(char if char.isprintable() else "\ufffd" for char in text[:40])
    return f"{kept}…" if len(text) > 40 else kept


class _Window:
    """A window on the text, moved on past each element; `line` counts the lines that it has passed."""

    def __init__(self, handle: TextIO, path: Path) -> None:
        self.handle, self.path = handle, path
        self.text, self.at, self.line, self.ended = "", 0, 1, False

    def array(self) -> Iterator[object]:
        """The elements of an array."""
        self.expect("[")
        first = True
        while self.next_mark() != "]":
            if not first:
                self.expect(",")
            first = False
            yield self.element()
        self.expect("]")
        if self.next_mark():
            raise self._wrong("something follows the end of the array")

    def next_mark(self) -> str:
        """Pass over blanks; the next character, or nothing at the end of the file."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._fill():
                return ""

    def expect(self, mark: str) -> None:
        """Pass over `mark`, which must come next."""
        found = self.next_mark()
        if found != mark:
            what = repr(shown(found)) if found else "the end of the file"
            raise self._wrong(f"{mark!r} is expected where {what} stands")
        self.at += 1

    def element(self) -> object:
        """The next value, whole."""
        self.next_mark()
        decoder = json.JSONDecoder()
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.at)
                # A number or a literal could go on in the next chunk; objects and strings close themselves.
                if end < len(self.text) or self.ended:
                    self.at = end
                    return cast(object, value)
                self._fill()
            except json.JSONDecodeError as error:
                # Cut off by the window's end, or wrong? Only a string can be cut off far from there.
                cut = error.pos >= len(self.text) - 16 or error.msg.startswith("Unterminated")
                if not cut or not self._fill():
                    self.at = error.pos
                    raise self._wrong(error.msg[:1].lower() + error.msg[1:]) from None
            except RecursionError:
                raise self._wrong("it is nested too deeply") from None

    def _fill(self) -> bool:
        """Read on; each time as much again as is waiting, so that a huge row costs no quadratic time."""
        if len(self.text) - self.at > LONGEST:
            raise self._wrong(f"a row is {TOO_LONG}")
        more = "" if self.ended else self.handle.read(max(_CHUNK, len(self.text) - self.at))
        self.ended = not more
        self.line += self.text.count("\n", 0, self.at)
        self.text, self.at = self.text[self.at :] + more, 0
        return bool(more)

    def _wrong(self, why: str) -> CockpitError:
        line = self.line + self.text.count("\n", 0, self.at)
        return CockpitError(
            f"this is not a JSON array of rows: {why}", "Mend it, or give JSONL.", file=self.path, line=line
        )
