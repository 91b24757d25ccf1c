"""Check that rows hold what a technique trains on, and decide which column is read as which role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.data.reading.files import Rows
from cockpit.data.rows import ALIASES, messages_of, value
from cockpit.data.shapes import SHOWN, recognise

Rereadable = Sequence[Mapping[str, Any]] | Rows

# What a technique can be trained on: any one of these sets of columns.
NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sft": (("messages",), ("prompt", "completion"), ("prompt", "answer"), ("text",)),
    "dpo": (("prompt", "chosen", "rejected"), ("messages", "chosen", "rejected"), ("chosen", "rejected")),
    "kto": (("prompt", "completion", "label"), ("messages", "label")),
    "items": (("prompt", "answer"), ("prompt", "completion"), ("messages",)),
}
NEEDS["orpo"] = NEEDS["reward"] = NEEDS["dpo"]
NEEDS["grpo"] = NEEDS["rloo"] = NEEDS["ppo"] = NEEDS["rft"] = NEEDS["items"]


def column_names(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return each column's name and in how many rows it holds a value, in order of appearance."""
    counts: dict[str, int] = {}
    for row in rows:
        for name, held in row.items():
            counts[name] = counts.get(name, 0) + (held is not None)
    return counts


def read_as(
    rows: Rereadable, need: str, columns: Mapping[str, str] | None = None, *, file: str = ""
) -> dict[str, str]:
    """Return which of the file's columns is read as which of ours, for a technique or for `items` to be scored.

    `columns` are given readings (`{"frage": "prompt"}`) and come first. Raises CockpitError that names the
    columns there are where none of the sets that `need` takes is there in every row.
    """
    given = dict(columns or {})
    counts = column_names(rows)
    for theirs in given:
        if theirs not in counts:
            raise CockpitError(
                f"there is no column {theirs!r}", f"There are: {_listed(counts)}.", file=file or None
            )
    choices = NEEDS.get(need, NEEDS["items"])
    full = {name for name, count in counts.items() if count == len(rows)}
    if choices is NEEDS["items"]:  # rows without a gold answer are told apart where they are read
        full |= {name for name in _golds(given) if counts.get(name, 0) > len(rows) / 2}
    lacking: int | None = None
    for wanted in choices:
        found = {ours: theirs for ours in wanted if (theirs := _reading(ours, full, given)) is not None}
        if len(found) == len(wanted):
            reading = {**given, **{theirs: ours for ours, theirs in found.items() if theirs != ours}}
            if wanted != ("messages",) or (lacking := _unanswered(rows, need, reading)) is None:
                return reading | _beside(rows, need, reading)
    reading = _by_shape(rows, need, given, full)
    if reading is not None and not (lacking and "messages" in (*reading.values(), *full)):
        return reading
    fix = " ".join(part for part in (_fitting(rows, need, given), _asked(choices)) if part)
    if lacking is not None:
        raise CockpitError(
            f"row {lacking} is no conversation that {need} can use: it doesn't end with the assistant's answer",
            fix,
            file=file or None,
        )
    raise CockpitError(
        f"no column set that {need} can use: it has {_listed(counts, len(rows))}", fix, file=file or None
    )


def _golds(given: Mapping[str, str]) -> list[str]:
    """The names of a column of gold answers."""
    named = [theirs for theirs, ours in given.items() if ours == "answer"]
    return named or [alias for alias in ALIASES["answer"] if alias not in given]


def _beside(rows: Rereadable, need: str, reading: Mapping[str, str]) -> dict[str, str]:
    """Columns that stand beside these and change what is trained: a passage, choices, tools, a worked solution."""
    named = [
        {reading.get(name, name): value for name, value in row.items()} for row in islice(rows, _SAMPLED)
    ]
    roles = (
        (*_OPTIONAL, "completion") if need == "sft" and "completion" not in reading.values() else _OPTIONAL
    )
    return {
        column: role
        for role, column in recognise(named).columns.items()
        if role in roles and role != column and column not in reading and column not in reading.values()
    }


def _asked(choices: Sequence[tuple[str, ...]]) -> str:
    asked = " or ".join(" + ".join(wanted) for wanted in choices)
    return f"It needs {asked} in every row; name yours under data.columns."


def _fitting(rows: Rereadable, need: str, given: Mapping[str, str]) -> str:
    """Which techniques can use these rows; empty where none can, or where none of the field's shapes is seen."""
    seen = recognise([{given.get(n, n): v for n, v in row.items()} for row in islice(rows, _SAMPLED)])
    if seen.shape == "unknown" and seen.is_export:
        return " ".join((seen.why, *seen.notes))
    shape = seen.shape
    order = ("dpo", "orpo", "kto", "grpo", "rloo", "rft", "sft")
    fitting = [t for t in order if t != need and shape in _SHAPES.get(t, _SHAPES["items"])]
    if not fitting or need == "items":
        return ""
    return f"These rows are {SHOWN[shape]}: {', '.join(fitting)} can use them."


def _unanswered(rows: Rereadable, need: str, columns: Mapping[str, str]) -> int | None:
    """The first row (from 1) whose conversation leaves the trainer without an answer; None where all have one.

    As the trainers read it: SFT learns the better answer of a pair, and cuts what follows the assistant's last turn.
    """
    if need == "ppo":  # samples its own answers, and a reward model scores them
        return None
    for number, row in enumerate(rows, 1):
        roles = [turn["role"] for turn in messages_of(row, columns) or []]
        if need == "sft":
            pair = all(value(row, side, columns) is not None for side in ("chosen", "rejected"))
            answered = pair or "assistant" in roles[1:]
        else:
            beside = any(value(row, name, columns) is not None for name in ("answer", "completion"))
            answered = beside or roles[-1:] == ["assistant"]
        if not answered:
            return number
    return None


# Other shapes (data/shapes) that a technique's trainer turns into what it needs.
_SHAPES: dict[str, tuple[str, ...]] = {
    "sft": ("messages", "sharegpt", "prompt-completion", "alpaca", "preference", "labelled", "question-answer",
            "trajectories", "text"),
    "dpo": ("preference", "labelled", "trajectories"),
    "kto": ("labelled", "preference", "trajectories"),
    "ppo": ("question-answer", "prompts", "prompt-completion", "alpaca", "messages", "sharegpt"),
    "rft": ("question-answer", "prompt-completion", "alpaca", "messages", "sharegpt", "trajectories"),
    "items": ("question-answer", "prompt-completion", "alpaca", "messages", "sharegpt"),
}  # fmt: skip
_SHAPES["orpo"] = _SHAPES["reward"] = _SHAPES["dpo"]
_OPTIONAL = (
    "input",
    "system",
    "history",
    "passed",
    "group",
    "trainable",
    "choices",
    "tests",
    "tools",
    "reasoning",
    "images",
)
_SAMPLED = 500  # rows that tell a shape


def _by_shape(rows: Rereadable, need: str, given: Mapping[str, str], full: set[str]) -> dict[str, str] | None:
    """The columns of any other shape that the technique can use, by what they hold; None where it can use none.

    `full`: the columns that hold something in every row; what a row needs must be among them.
    """
    named = [{given.get(name, name): value for name, value in row.items()} for row in islice(rows, _SAMPLED)]
    reading = recognise(named)
    if reading.shape not in _SHAPES.get(need, _SHAPES["items"]):
        return None
    back = {ours: theirs for theirs, ours in given.items()}
    found = {back.get(column, column): role for role, column in reading.columns.items()}
    if any(theirs not in full for theirs, role in found.items() if role not in _OPTIONAL):
        return None
    return {**given, **{theirs: ours for theirs, ours in found.items() if theirs != ours or theirs in given}}


def _reading(ours: str, full: set[str], given: Mapping[str, str]) -> str | None:
    for theirs, meaning in given.items():
        if meaning == ours:
            return theirs if theirs in full else None
    return next((alias for alias in ALIASES[ours] if alias in full and alias not in given), None)


def _listed(counts: Mapping[str, int], rows: int | None = None) -> str:
    parts = [
        repr(n) + ("" if rows is None or c == rows else f" (in {c} of {rows} rows)")
        for n, c in counts.items()
    ]
    return ", ".join(parts[:12]) + (" …" if len(parts) > 12 else "") or "none"
