"""A verifier on data: score completions out of a file, and audit it with the file's own gold answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.core.dataset.answer_writing import write_answer
from cockpit.data.messages import messages_in, spoken
from cockpit.data.rows import Row, checked_answer
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


def scored_dict(completion: str, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict in the shape of `--json`."""
    return {
        "score": verdict.score, "passed": verdict.passed, "parsed": verdict.parsed, "answer": verdict.answer,
        "why": verdict.why, "span": list(verdict.span) if verdict.span else None, "completion": completion,
    }  # fmt: skip


def score_file(
    verifier: Verifier, file: str, *, answer: str | None = None, columns: Mapping[str, str] | None = None
) -> list[Scored]:
    """Score the completion of every row against its own gold answer (or `answer`). Raises CockpitError by row."""
    rows = list(open_source(file).rows)
    if not rows:
        raise CockpitError("the file holds no completions", "Give one row a completion.", file=file)
    pairs: list[tuple[str, Row]] = []
    for number, row in rows:
        said = completion_of(row, columns)
        if said is None:
            raise CockpitError(
                f"row {number} has no completion: its columns are {', '.join(map(str, row))}",
                f"Call the column completion, or say which it is: --column {next(iter(row), 'name')}=completion.",
                file=file,
            )
        pairs.append((said, item_of(verifier, row, answer, columns)))
    verdicts = verifier.many(pairs)
    return [
        Scored(number, said, verifier.gold(item), verdict)
        for (number, _), (said, item), verdict in zip(rows, pairs, verdicts, strict=True)
    ]


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
    verifier: Verifier, row: Row, answer: str | None = None, columns: Mapping[str, str] | None = None
) -> Row:
    """The row as the verifier's item: with its gold answer under the name that the verifier reads."""
    if answer is not None:
        return {**row, verifier.gold_key: answer}
    if verifier.gold_key in row and not columns:
        gold = row[verifier.gold_key]
        return (
            row
            if not isinstance(gold, list | dict)
            else {**row, verifier.gold_key: checked_answer(row, columns)}
        )
    gold = checked_answer(row, columns)
    return row if gold is None else {**row, verifier.gold_key: gold}


def audit_file(
    verifier: Verifier, file: str, *, most: int | None = None, columns: Mapping[str, str] | None = None
) -> Audit:
    """Audit a verifier with the gold answers of a file's first rows. Raises CockpitError naming the row."""
    items: list[Row] = []
    for number, row in islice(open_source(file).rows, AUDITED_ROWS):
        item = item_of(verifier, row, None, columns)
        try:
            verifier.gold(item)
        except CockpitError as error:
            raise CockpitError(f"row {number}: {error.title}", error.fix, file=file) from None
        items.append(item)
    if not items:
        raise CockpitError("the file holds no rows to audit with", "Give one with gold answers.", file=file)
    return audit(verifier, items, most=most, write=lambda answer: write_answer(verifier, answer))


def _renamed(columns: Mapping[str, str] | None, ours: str) -> str | None:
    return next((theirs for theirs, name in (columns or {}).items() if name == ours), None)
