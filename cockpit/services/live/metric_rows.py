"""Lines of metrics.jsonl to columns of numbers, a block at a time, at about a microsecond a row.

    parser = RowParser()
    rows = parser.parse(b'{"step": 1, "loss": 2.1}\n{"step": 2, "loss": null, "nonfinite": {"loss": "nan"}}\n')
    rows.steps, rows.columns["loss"], rows.malformed

The whole block is decoded into structs whose fields are the keys seen so far. A key that is new, a bare NaN (which
msgspec refuses and plain `json.dumps` writes) or a broken line make that one block go line by line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np

from cockpit.contract.reader import decode_line
from cockpit.core.series.column import LOGGED_NAN, Floats

MOST_SERIES = 256
"""Series that are kept of one run; keys beyond them are passed over, whatever a trainer invents."""
_NOT_SERIES = frozenset({"step", "time", "nonfinite"})


class Rows(NamedTuple):
    """Some rows as columns of one length; NaN stands for "not logged", `LOGGED_NAN` for a logged NaN.

    `times`: epoch seconds, NaN where a row has none. `malformed`: lines that were no rows.
    """

    steps: Floats
    times: Floats
    columns: dict[str, Floats]
    malformed: int = 0


class RowParser:
    """Parses blocks of whole lines; remembers which keys there are."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}  # key in the file -> name in the struct
        self._ignored: set[str] = set()
        self._learn(())

    def parse(self, block: bytes) -> Rows:
        """The rows of `block`, in order. Never raises for what is in it."""
        malformed = 0
        try:
            rows = cast("Sequence[Any]", self._decoder.decode_lines(block))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            rows, malformed = self._slowly(block)
        return self._to_columns(rows, malformed, named=b'"nonfinite"' in block)

    # -- the schema

    def _learn(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._fields.setdefault(key, f"f{len(self._fields)}")
        number = float | bool | None
        fields: list[tuple[str, Any, Any]] = [
            ("step", number, math.nan),
            ("time", number, math.nan),
            ("nonfinite", Any, None),
        ]
        fields += [
            (name, number, msgspec.field(name=_encoded(key, name), default=math.nan))
            for key, name in self._fields.items()
        ]
        fields += [
            (f"i{index}", msgspec.Raw, msgspec.field(name=_encoded(key, f"i{index}"), default=msgspec.Raw()))
            for index, key in enumerate(sorted(self._ignored))
        ]
        full = len(self._fields) + len(self._ignored) >= MOST_SERIES
        self._row = msgspec.defstruct("Row", fields, gc=False, forbid_unknown_fields=not full)
        self._decoder = msgspec.json.Decoder(self._row)

    def _learn_from(self, row: dict[str, Any]) -> bool:
        """Take over the keys of a row that aren't known; whether there were any."""
        known = self._fields.keys() | self._ignored | _NOT_SERIES
        room = MOST_SERIES - len(self._fields) - len(self._ignored)
        fresh = [key for key in row if key not in known][:room]
        numbers = [key for key in fresh if row[key] is None or _number(row[key]) is not None]
        self._ignored.update(key for key in fresh if key not in numbers)
        if fresh:
            self._learn(numbers)
        return bool(fresh)

    # -- the slow way

    def _slowly(self, block: bytes) -> tuple[Sequence[Any], int]:
        lines = [line for line in block.split(b"\n") if line.strip()]
        learned = False
        for line in lines:
            row = None if self._try(line) is not None else decode_line(line)
            if row is not None:
                learned |= self._learn_from(row)
        if learned:
            try:
                return cast("Sequence[Any]", self._decoder.decode_lines(block)), 0
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                pass
        rows = [row for line in lines if (row := self._try(line) or self._by_hand(line)) is not None]
        return rows, len(lines) - len(rows)

    def _try(self, line: bytes) -> Any:
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    def _by_hand(self, line: bytes) -> Any:
        """A row from a line that msgspec refuses; None where it is no row."""
        row = decode_line(line)
        if row is None:
            return None
        values = {name: _logged(row[key]) for key, name in self._fields.items() if key in row}
        named = row.get("nonfinite")
        return self._row(
            step=_number(row.get("step")), time=_number(row.get("time")), nonfinite=named, **values
        )

    # -- columns

    def _to_columns(self, rows: Sequence[Any], malformed: int, *, named: bool) -> Rows:
        steps = _column(rows, "step")
        good = np.isfinite(steps)
        if not good.all():
            rows = [row for row, fine in zip(rows, good.tolist(), strict=True) if fine]
            malformed += len(steps) - len(rows)
            steps = steps[good]
        columns = {key: _column(rows, name) for key, name in self._fields.items()} if len(rows) else {}
        if named:
            _put_nonfinite(rows, columns)
        return Rows(steps, _column(rows, "time"), columns, malformed)


def _encoded(key: str, name: str) -> str:
    """The key as msgspec may look for it; for one that it can't, what no line holds: such rows are read by hand."""
    odd = any(c in '"\\' or c < " " or "\ud800" <= c <= "\udfff" for c in key)
    return f"{name} cannot be looked for" if odd else key


def _column(rows: Sequence[Any], name: str) -> Floats:
    get = attrgetter(name)
    try:
        return np.fromiter(map(get, rows), np.float64, len(rows))
    except TypeError:  # nulls among them
        return np.array([get(row) for row in rows], np.float64)


def _put_nonfinite(rows: Sequence[Any], columns: dict[str, Floats]) -> None:
    """Write what `nonfinite` names ("nan", "inf", "-inf") where the row has null."""
    for index, row in enumerate(rows):
        named: object = row.nonfinite
        if not isinstance(named, dict):
            continue
        for key, word in cast("dict[object, object]", named).items():
            column = columns.get(str(key))
            if column is None:
                columns[str(key)] = column = np.full(len(rows), np.nan)
            if np.isnan(column[index]):
                column[index] = {"inf": math.inf, "-inf": -math.inf}.get(str(word).lower(), LOGGED_NAN)


def _logged(value: object) -> float:
    number = _number(value)
    return math.nan if number is None else LOGGED_NAN if math.isnan(number) else number


def _number(value: object) -> float | None:
    """A number, also one written as text; None for what is none."""
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None
