"""What the columns of some rows hold, whatever they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from cockpit.data.labels import as_bool as as_bool
from cockpit.data.messages import calls_of, message_of, messages_in, style_of, transcript

Kind = Literal["null", "bool", "number", "text", "turn", "turns", "texts", "list", "object"]


def kind_of(value: object) -> Kind:
    """Say what sort of value this is, as far as the recognition of shapes cares."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number" if value == value else "null"  # NaN is how Python writes that there is none
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "turn" if message_of(cast("Mapping[str, Any]", value)) is not None else "object"
    if isinstance(value, Sequence):
        items = cast("Sequence[object]", value)
        if items and all(isinstance(item, str) for item in items):
            return "texts"
        return "turns" if messages_in(items) is not None else "list"
    return "object"


@dataclass(slots=True)
class Column:
    """One column over the rows looked at: how often which kind of value, and the first few of them."""

    name: str
    kinds: Counter[Kind] = field(default_factory=Counter["Kind"])
    values: list[Any] = field(default_factory=list[Any])
    sharegpt: bool = False

    def add(self, value: object) -> None:
        """Count one value."""
        kind = kind_of(value)
        if kind in ("turn", "turns") and not self.kinds[kind]:
            self.sharegpt = style_of(value) == "sharegpt"
        self.kinds[kind] += 1
        if kind != "null":
            self.values.append(value)

    @property
    def filled(self) -> int:
        """Rows in which it holds something."""
        return self.kinds.total() - self.kinds["null"]

    def is_mostly(self, *kinds: Kind) -> bool:
        """Whether nearly all its values (9 of 10) are of these kinds, of at least one."""
        return self.filled > 0 and sum(self.kinds[kind] for kind in kinds) >= 0.9 * self.filled

    @property
    def is_binary(self) -> bool:
        """Whether each value is a yes or a no: booleans, 0 and 1, or words for them."""
        return self.filled > 0 and all(as_bool(value) is not None for value in self.values)


Columns = Mapping[str, Column]


def columns_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Column]:
    """Collect the columns of `rows`, in the order in which they first appear."""
    columns: dict[str, Column] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(str(name), Column(str(name))).add(value)
    return columns


def is_text(column: Column) -> bool:
    """Whether it holds text."""
    return column.is_mostly("text")


def are_calls(column: Column) -> bool:
    """Whether each value is a call of a tool, or several."""
    return column.filled > 0 and all(calls_of(value) for value in column.values[:50])


def is_said(column: Column) -> bool:
    """Whether it holds text, or turns."""
    return column.is_mostly("text", "turn", "turns")


def is_talk(column: Column) -> bool:
    """Whether it holds conversations, as turns or as text that tells who speaks."""
    return column.is_mostly("turns") or (
        column.is_mostly("text") and all(transcript(text) is not None for text in column.values[:50])
    )


def is_answer(column: Column) -> bool:
    """Whether it holds what may be an answer."""
    return column.is_mostly("text", "number", "bool", "texts", "turn")


def are_numbers(column: Column) -> bool:
    """Whether it holds numbers."""
    return column.is_mostly("number", "bool")


def is_filled(column: Column) -> bool:
    """Whether it holds anything."""
    return column.filled > 0
