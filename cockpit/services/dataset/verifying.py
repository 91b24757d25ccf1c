"""A verifier on data: score completions out of a file, and audit it with the file's own gold answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.core.dataset.answer_writing import write_answer
from cockpit.data.messages import messages_in, spoken
from cockpit.data.rows import Row, checked_answer, gold_item, is_blank
from cockpit.services.dataset.sources import open_source
from cockpit.verifiers import Verdict, Verifier
from cockpit.verifiers.audit.audit import Audit, audit

AUDITED_ROWS = 2_000
"""Rows of a file from which an audit takes its items."""
_SAID = (
    "completion",
    "completions",
    "response",
    "output",
    "prediction",
    "generated_text",
    "generation",
    "text",
)


@dataclass(frozen=True, slots=True)
class Scored:
    """One row's completion and what the verifier says of it; `line` as the file counts."""

    line: int
    completion: str
    gold: str
    verdict: Verdict
    itself: bool = False
    """Whether the completion is a demonstration, and there is no other gold answer."""


@dataclass(frozen=True, slots=True)
class Unscored:
    """A row that can't be scored, and what it lacks."""

    line: int
    why: str


def scored_dict(completion: str, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict in the shape of `--json`."""
    return {
        "score": verdict.score, "passed": verdict.passed, "parsed": verdict.parsed, "answer": verdict.answer,
        "why": verdict.why, "span": list(verdict.span) if verdict.span else None, "completion": completion,
    }  # fmt: skip


def score_file(
    verifier: Verifier, file: str, *, answer: str | None = None, columns: Mapping[str, str] | None = None
) -> tuple[list[Scored], list[Unscored]]:
    """Score the completion of every row against its own gold answer (or `answer`); rows that lack one come apart.

    Where no row has a gold answer, demonstrations are scored against themselves. Raises CockpitError where no row can
    be scored, with what the first one lacks.
    """
    rows = _rows(file, columns)
    lacking: list[Unscored] = []
    pairs: list[tuple[int, str, Row]] = []
    first: CockpitError | None = None
    shown = answer is None and not any(_has_gold(verifier, row, columns) for _, row in rows)
    for number, row in rows:
        try:
            item = item_of(verifier, row, answer, columns, demonstrated=shown)
            if (said := completion_of(row, columns)) is None:
                raise _no_completion(row)
        except CockpitError as error:
            first = first or CockpitError(f"row {number}: {error.title}", error.fix, file=file)
            lacking.append(Unscored(number, error.title))
        else:
            pairs.append((number, said, item))
    if not pairs:
        raise first or CockpitError("the file holds no completions", "Give one row a completion.", file=file)
    verdicts = verifier.many([(said, item) for _, said, item in pairs])
    scored = [
        Scored(number, said, verifier.gold(item), verdict, itself=shown)
        for (number, said, item), verdict in zip(pairs, verdicts, strict=True)
    ]
    return scored, lacking


def _has_gold(verifier: Verifier, row: Row, columns: Mapping[str, str] | None) -> bool:
    try:
        item_of(verifier, row, None, columns)
    except CockpitError:
        return False
    return True


def _rows(file: str, columns: Mapping[str, str] | None, most: int | None = None) -> list[tuple[int, Row]]:
    """The file's rows. Raises CockpitError where a column that was named is in none of them."""
    rows = list(islice(open_source(file).rows, most))
    there = list(dict.fromkeys(str(name) for _, row in rows[:100] for name in row))
    for theirs in columns or {}:
        if rows and not any(theirs in row for _, row in rows):
            raise CockpitError(
                f"no row has a column {theirs}", f"Name one of {', '.join(there[:20])}.", file=file
            )
    return rows


def _no_completion(row: Row) -> CockpitError:
    return CockpitError(
        f"there is no completion; its columns are {', '.join(map(str, row))}",
        f"Call the column completion, or say which it is: --column {next(iter(row), 'name')}=completion.",
    )


def completion_of(row: Row, columns: Mapping[str, str] | None = None) -> str | None:
    """What a model said in this row: a text, or the text of the turns that it said; None where there is none."""
    held: Any = row.get(_renamed(columns, "completion") or "")
    if held is None:
        held = next((row[name] for name in _SAID if isinstance(row.get(name), str | list)), None)
    if held is None and isinstance(row.get("messages"), list):
        held = row["messages"][-1:]
    if isinstance(held, list):
        turns = messages_in(cast("list[object]", held))
        return None if turns is None else "\n".join(spoken(turn) for turn in turns)
    return held if isinstance(held, str) else None


def item_of(
    verifier: Verifier,
    row: Row,
    answer: str | None = None,
    columns: Mapping[str, str] | None = None,
    *,
    demonstrated: bool = False,
) -> Row:
    """The row as the verifier's item, with its gold answer where the verifier reads it.

    With `demonstrated` that may be the answer that the row shows. Raises CockpitError where it has none.
    """
    held: Any = answer
    if answer is None:
        own: Any = row.get(verifier.gold_key)
        plain = not is_blank(own) and not _composed(own) and not columns
        held = own if plain else gold_item(row, columns) if demonstrated else checked_answer(row, columns)
    item = row if held is None else {**row, verifier.gold_key: None if is_blank(held) else held}
    verifier.gold(item)
    return item


def _composed(value: object) -> bool:
    return isinstance(value, list | dict)


def audit_file(
    verifier: Verifier, file: str, *, most: int | None = None, columns: Mapping[str, str] | None = None
) -> Audit:
    """Audit a verifier with the gold answers of a file's first rows; rows without one are counted.

    Raises CockpitError where no row has a gold answer, with what the first one lacks.
    """
    items: list[Row] = []
    first: CockpitError | None = None
    rows = _rows(file, columns, AUDITED_ROWS)
    for number, row in rows:
        try:
            item = item_of(verifier, row, None, columns, demonstrated=True)
        except CockpitError as error:
            first = first or CockpitError(f"row {number}: {error.title}", error.fix, file=file)
        else:
            items.append(item)
    if not items:
        raise first or CockpitError(
            "the file holds no rows to audit with", "Give one with gold answers.", file=file
        )
    found = audit(verifier, items, most=most, write=lambda answer: write_answer(verifier, answer))
    found.without_gold = len(rows) - len(items)
    return found


def _renamed(columns: Mapping[str, str] | None, ours: str) -> str | None:
    return next((theirs for theirs, name in (columns or {}).items() if name == ours), None)
