"""What the columns of a data row mean: prompts, answers, demonstrations and pairs, whatever the field calls them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.data.messages import text_of

Row = dict[str, Any]
_BLANKS = re.compile(r"\s+")

# What we call a column -> what else the field calls it; the first that is there wins.
ALIASES: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "conversations", "conversation", "dialogue"),
    "prompt": ("prompt", "question", "instruction", "problem", "query"),
    "completion": ("completion", "response", "output"),
    "answer": ("answer", "gold", "solution", "target", "ground_truth"),
    "chosen": ("chosen", "chosen_response", "preferred"),
    "rejected": ("rejected", "rejected_response", "dispreferred"),
    "label": ("label", "kto_tag", "desirable"),
    "text": ("text",),
    "id": ("id", "item_id", "uid"),
}
ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}

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
        for name, value in row.items():
            counts[name] = counts.get(name, 0) + (value is not None)
    return counts


def read_as(
    rows: Sequence[Mapping[str, Any]], need: str, columns: Mapping[str, str] | None = None, *, file: str = ""
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
    full = {name for name, count in counts.items() if count == len(rows)}
    choices = NEEDS.get(need, NEEDS["items"])
    lacking: int | None = None
    for wanted in choices:
        found = {ours: theirs for ours in wanted if (theirs := _reading(ours, full, given)) is not None}
        if len(found) == len(wanted):
            reading = {**given, **{theirs: ours for ours, theirs in found.items() if theirs != ours}}
            if wanted != ("messages",) or (lacking := _unanswered(rows, need, reading)) is None:
                return reading
    reading = _by_shape(rows, need, given, full)
    if reading is not None and not (lacking and "messages" in (*reading.values(), *full)):
        return reading
    mend = " ".join(part for part in (_fitting(rows, need, given), _asked(choices)) if part)
    if lacking is not None:
        raise CockpitError(
            f"row {lacking} is no conversation that {need} can use: it doesn't end with the assistant's answer",
            mend,
            file=file or None,
        )
    raise CockpitError(
        f"no column set that {need} can use: it has {_listed(counts, len(rows))}", mend, file=file or None
    )


def _asked(choices: Sequence[tuple[str, ...]]) -> str:
    asked = " or ".join(" + ".join(wanted) for wanted in choices)
    return f"It needs {asked} in every row; name yours under data.columns."


def _fitting(rows: Sequence[Mapping[str, Any]], need: str, given: Mapping[str, str]) -> str:
    """Which techniques can use these rows; empty where none can, or where none of the field's shapes is seen."""
    from cockpit.data.shapes import SHOWN, recognise

    shape = recognise([{given.get(n, n): v for n, v in row.items()} for row in rows[:_SAMPLED]]).shape
    order = ("dpo", "orpo", "kto", "grpo", "rloo", "rft", "sft")
    fitting = [t for t in order if t != need and shape in _SHAPES.get(t, _SHAPES["items"])]
    if not fitting or need == "items":
        return ""
    return f"These rows are {SHOWN[shape]}: {', '.join(fitting)} can use them."


def _unanswered(rows: Sequence[Mapping[str, Any]], need: str, columns: Mapping[str, str]) -> int | None:
    """The first row (from 1) whose conversation leaves the trainer without an answer; None where all have one.

    As the trainers read it: SFT learns the better answer of a pair, and cuts what follows the assistant's last turn.
    """
    if need == "ppo":  # samples its own answers, and a reward model scores them
        return None
    for number, row in enumerate(rows, 1):
        roles = [turn["role"] for turn in messages(row, columns)]
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
_OPTIONAL = ("input", "system", "history", "passed", "group", "trainable", "choices", "tests")
_SAMPLED = 500  # rows that tell a shape


def _by_shape(
    rows: Sequence[Mapping[str, Any]], need: str, given: Mapping[str, str], full: set[str]
) -> dict[str, str] | None:
    """The columns of any other shape that the technique can use, by what they hold; None where it can use none.

    `full`: the columns that hold something in every row; what a row needs must be among them.
    """
    from cockpit.data.shapes import recognise

    named = [{given.get(name, name): value for name, value in row.items()} for row in rows[:_SAMPLED]]
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


def value(row: Mapping[str, Any], ours: str, columns: Mapping[str, str] | None = None) -> Any | None:
    """Return what `ours` (prompt, answer …) is in this row: by the given readings first, then by the usual names."""
    given = columns or {}
    for theirs, meaning in given.items():
        if meaning == ours and row.get(theirs) is not None:
            return row[theirs]
    for alias in ALIASES.get(ours, (ours,)):
        if given.get(alias, ours) == ours and row.get(alias) is not None:
            return row[alias]
    return None


def messages(row: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return a conversation in OpenAI's or ShareGPT's form as role and content; empty where the row has none."""
    return as_messages(value(row, "messages", columns))


def as_messages(chat: object) -> list[dict[str, str]]:
    """Return turns as role and content; what is no turn is passed over."""
    if isinstance(chat, Mapping):
        chat = [cast("Mapping[str, Any]", chat)]
    if not isinstance(chat, list | tuple):
        return []
    turns = [cast("Mapping[str, Any]", t) for t in cast("list[object]", chat) if isinstance(t, Mapping)]
    made: list[dict[str, str]] = []
    for turn in turns:
        role = str(turn.get("role") or turn.get("from") or "user")
        said = turn.get("content") if turn.get("content") is not None else turn.get("value", "")
        text = text_of(said)
        made.append({"role": ROLES.get(role, role), "content": str(said) if text is None else text})
    return made


def prompt_text(row: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> str:
    """Return what the user asks in this row, as one text; empty where it has no prompt.

    A system prompt is left out, as all rows share it; Alpaca's `input` is put below its instruction.
    """
    asked = value(row, "prompt", columns)
    if asked is None:
        asked = value(row, "messages", columns)
    if isinstance(asked, list | tuple | Mapping):
        return "\n".join(
            turn["content"] for turn in as_messages(cast(object, asked)) if turn["role"] == "user"
        )
    if asked is None:
        return ""
    extra = row.get("input") if "instruction" in row and row.get("instruction") == asked else None
    return f"{asked}\n\n{extra}" if extra else str(asked)


def answer_text(row: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> str:
    """Return what is to be answered: the gold answer, the demonstration, or the last turn; empty where none."""
    for ours in ("answer", "completion", "chosen"):
        said = value(row, ours, columns)
        if isinstance(said, list | tuple | Mapping):
            turns = as_messages(cast(object, said))
            return turns[-1]["content"] if turns else ""
        if said is not None:
            return str(said)
    turns = messages(row, columns)
    return turns[-1]["content"] if turns and turns[-1]["role"] == "assistant" else ""


def full_text(row: Mapping[str, Any], columns: Mapping[str, str] | None = None) -> str:
    """Return everything in the row that a model would see or learn, one part a line."""
    parts: list[str] = []
    for ours in ("prompt", "messages", "completion", "answer", "chosen", "rejected", "text"):
        said = value(row, ours, columns)
        if ours == "prompt" and said is not None and not isinstance(said, list | tuple | Mapping):
            parts.append(prompt_text(row, columns))
        elif isinstance(said, list | tuple | Mapping):
            parts.extend(turn["content"] for turn in as_messages(cast(object, said)))
        elif said is not None:
            parts.append(str(said))
    return "\n".join(parts)


def normalise_text(text: str) -> str:
    """Return `text` without what does not make two prompts different: case, blanks, Unicode form."""
    if text.isascii():
        return " ".join(text.split()).lower()
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()
