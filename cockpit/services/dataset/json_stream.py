"""A JSON file of rows, read an object at a time: memory stays that of the largest row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from cockpit.contract.errors import CockpitError
from cockpit.core.safe_text import clip

_CHUNK = 1 << 20
_WRAPPED_MAX = 512 << 20
_BLANK = " \t\r\n"
_WRAPPERS = ("data", "train", "rows", "examples", "instances", "items", "records")

Row = dict[str, Any]


def rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield place (from 1) and row of a JSON array of objects. Raises CockpitError with the line of the fault."""
    try:
        with path.open(encoding="utf-8-sig") as handle:
            yield from _Array(handle, path).rows()
    except UnicodeDecodeError:
        raise CockpitError("this file is not UTF-8 text", "Save it as UTF-8.", file=path) from None


class _Array:
    """A window on the text, moved on past each element; `line` counts the lines that it has passed."""

    def __init__(self, handle: TextIO, path: Path) -> None:
        self.handle, self.path = handle, path
        self.text, self.at, self.line, self.ended = "", 0, 1, False

    def rows(self) -> Iterator[tuple[int, Row]]:
        """The elements of the array."""
        self._skip()
        self._expect("[")
        number = 0
        while self._skip() != "]":
            if number:
                self._expect(",")
                self._skip()
            value = self._element()
            number += 1
            yield number, _as_row(value, self.path, None, number)
        self._expect("]")
        if self._skip():
            raise self._wrong("something follows the end of the array")

    def _fill(self) -> bool:
        """Read on; each time as much again as is waiting, so that a huge row costs no quadratic time."""
        more = "" if self.ended else self.handle.read(max(_CHUNK, len(self.text) - self.at))
        self.ended = not more
        self.line += self.text.count("\n", 0, self.at)
        self.text, self.at = self.text[self.at :] + more, 0
        return bool(more)

    def _skip(self) -> str:
        """Pass over blanks; the next character, or nothing at the end of the file."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._fill():
                return ""

    def _expect(self, mark: str) -> None:
        found = self._skip()
        if found != mark:
            what = f"{clip(found, 3)!r}" if found else "the end of the file"
            raise self._wrong(f"{mark!r} is expected where {what} stands")
        self.at += 1

    def _element(self) -> object:
        decoder = json.JSONDecoder()
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.at)
                # A number or a literal could go on in the next chunk; objects and strings close themselves.
                if end < len(self.text) or self.ended:
                    self.at = end
                    return cast(object, value)
                if not self._fill():
                    continue
            except json.JSONDecodeError as error:
                # Cut off by the window's end, or wrong? Only a string can be cut off far from there.
                cut = error.pos >= len(self.text) - 16 or error.msg.startswith("Unterminated")
                if not cut or not self._fill():
                    self.line += self.text.count("\n", 0, error.pos)
                    self.at = 0
                    self.text = ""
                    raise self._wrong(error.msg[:1].lower() + error.msg[1:]) from None
            except RecursionError:
                raise self._wrong("it is nested too deeply") from None

    def _wrong(self, why: str) -> CockpitError:
        line = self.line + self.text.count("\n", 0, self.at)
        return CockpitError(
            f"this is not a JSON array of rows: {why}", "Mend it, or give JSONL.", file=self.path, line=line
        )


def wrapped(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield the rows of an object that holds them: `{"data": [...]}`, `{"version": …, "rows": [...]}`."""
    if path.stat().st_size > _WRAPPED_MAX:
        raise CockpitError(
            "this JSON object is too large to read whole", "Convert it to JSONL, one row a line.", file=path
        )
    try:
        value: object = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CockpitError("this file is not UTF-8 text", "Save it as UTF-8.", file=path) from None
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        reason = getattr(error, "msg", "it is nested too deeply")
        raise CockpitError(f"this is not JSON: {reason}", "Mend it.", file=path, line=line) from None
    held = cast("Row", value)
    lists = {
        key: cast("list[object]", item)
        for key, item in held.items()
        if isinstance(item, list) and item and isinstance(item[0], dict)
    }
    key = next((key for key in _WRAPPERS if key in lists), next(iter(lists), None))
    if key is None or "messages" in held or "prompt" in held:
        yield 1, held
        return
    for number, item in enumerate(lists[key], 1):
        yield number, _as_row(item, path, None, number)


def row_of_line(raw: bytes, path: Path, line: int) -> Row:
    """One line of JSONL as a row. Raises CockpitError with the line."""
    try:
        return _as_row(json.loads(raw.decode()), path, line, line)
    except UnicodeDecodeError:
        why = "this line is not UTF-8 text"
    except (ValueError, RecursionError):
        why = f"this line is not JSON ({clip(raw[:80].decode('utf-8', 'replace').strip(), 40)})"
    raise CockpitError(why, "Mend or remove the line.", file=path, line=line)


def _as_row(value: object, path: Path, line: int | None, number: int) -> Row:
    if not isinstance(value, dict):
        what = "an array" if isinstance(value, list) else f"not an object ({clip(repr(value), 30)})"
        raise CockpitError(
            f"row {number} is {what}", 'Write rows as {"prompt": …, "answer": …}.', file=path, line=line
        )
    return cast(Row, value)
