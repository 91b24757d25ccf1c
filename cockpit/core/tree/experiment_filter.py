"""The words that filter and sort a list of experiments: `technique:grpo score>0.4 status:committed sort:-score`.

A word alone must stand somewhere in what a line says. `field:text` looks in one field, `field>0.4` (`>=`, `<`, `<=`,
`=`) compares a number, `-word` turns a condition round, `sort:field` orders (rising; `sort:-field` falling).
Every condition must hold. What has no value in a compared field does not match; sorted, it comes last.
"""

from __future__ import annotations

import difflib
import operator
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from cockpit.contract.errors import CockpitError

T = TypeVar("T")
Fields = Mapping[str, object]

TEXTS = ("id", "parent", "technique", "status", "state", "hypothesis", "model", "note", "decision", "weights")
NUMBERS = ("score", "delta", "mini", "items", "parsed", "step", "age")
"""Score, delta and mini-eval are shares in 0..1; step in optimizer steps; age in hours since it was created."""
_ALIASES = {"tech": "technique", "held_out_score": "score", "mini_eval": "mini", "n": "items", "name": "id"}
_CONDITION = re.compile(r"(?P<not>-?)(?P<field>[a-z_]+)(?P<op>>=|<=|!=|:|=|>|<)(?P<value>.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
_SAME = 5e-4  # scores are shown with three digits: what looks equal is equal


@dataclass(frozen=True, slots=True)
class Listing:
    """A filter and an order, as read by `parse`."""

    conditions: tuple[Callable[[Fields], bool], ...] = ()
    order: str = ""
    falling: bool = False

    def matches(self, fields: Fields) -> bool:
        """Whether an experiment with these fields is listed."""
        return all(condition(fields) for condition in self.conditions)

    def apply(self, rows: Iterable[T], fields: Callable[[T], Fields]) -> list[T]:
        """The listed ones among `rows`, in order; without `sort:` they stay as they came."""
        kept = [(row, known) for row in rows if self.matches(known := fields(row))]
        if not self.order:
            return [row for row, _ in kept]
        has = [pair for pair in kept if pair[1].get(self.order) not in (None, "")]
        rest = [row for row, known in kept if known.get(self.order) in (None, "")]
        has.sort(key=lambda pair: _sort_key(pair[1][self.order]), reverse=self.falling)
        return [*(row for row, _ in has), *rest]


def parse(text: str) -> Listing:
    """Read the words. Raises CockpitError that names the word, what is wrong with it, and what there is."""
    conditions: list[Callable[[Fields], bool]] = []
    order, falling = "", False
    for word in _split(text):
        found = _CONDITION.fullmatch(word)
        if found is None or (found["field"] not in _known() and found["op"] == ":" and "//" in word):
            conditions.append(_anywhere(word))
        elif found["field"] == "sort" and not found["not"]:
            falling = found["value"].startswith("-")
            order = _field(found["value"].lstrip("-+"), word)
        else:
            conditions.append(_condition(found, word))
    return Listing(tuple(conditions), order, falling)


def _known() -> tuple[str, ...]:
    return (*TEXTS, *NUMBERS, *_ALIASES, "sort")


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that is not closed yet: somebody is typing
        return text.split()


def _field(name: str, word: str) -> str:
    name = _ALIASES.get(name, name)
    if name not in (*TEXTS, *NUMBERS):
        near = difflib.get_close_matches(name, [*TEXTS, *NUMBERS, *_ALIASES], n=1, cutoff=0.6)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise CockpitError(
            f"{word!r}: there is no field {name!r}", f"{meant}There are {', '.join((*TEXTS, *NUMBERS))}."
        )
    return name


def _condition(found: re.Match[str], word: str) -> Callable[[Fields], bool]:
    name, sign, value = _field(found["field"], word), found["op"], found["value"]
    test = _number_test(name, sign, value, word) if name in NUMBERS else _text_test(name, sign, value, word)
    return (lambda fields: not test(fields)) if found["not"] else test


def _text_test(name: str, sign: str, value: str, word: str) -> Callable[[Fields], bool]:
    wanted = value.lower()
    if sign == ":":
        return lambda fields: wanted in str(fields.get(name) or "").lower()
    if sign == "=":
        return lambda fields: str(fields.get(name) or "").lower() == wanted
    if sign == "!=":
        return lambda fields: str(fields.get(name) or "").lower() != wanted
    raise CockpitError(f"{word!r}: {name} is a text", f"Write {name}:{value or 'TEXT'}.")


def _number_test(name: str, sign: str, value: str, word: str) -> Callable[[Fields], bool]:
    try:
        limit = float(value.rstrip("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise CockpitError(
            f"{word!r}: {value!r} is no number", f"Write {name}>0.4, {name}<=0.4 or {name}=0.4."
        ) from None
    compare = _COMPARE["=" if sign == ":" else sign]

    def test(fields: Fields) -> bool:
        number = fields.get(name)
        if not isinstance(number, int | float):
            return False
        if sign in (":", "=", "!="):
            return (abs(number - limit) <= _SAME) is not (sign == "!=")
        return compare(number, limit)

    return test


def _anywhere(word: str) -> Callable[[Fields], bool]:
    negated = word.startswith("-") and len(word) > 1
    wanted = word[negated:].lower()

    def test(fields: Fields) -> bool:
        return (wanted in " ".join(str(fields.get(name) or "") for name in TEXTS).lower()) is not negated

    return test


def _sort_key(value: object) -> tuple[int, float, str]:
    if isinstance(value, bool | int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value).lower())
