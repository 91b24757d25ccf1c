"""Data files -> rows with known columns: one loading path for every trainer, whatever the field calls its columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError

Row = dict[str, Any]
Message = dict[str, str]
Prompt = str | list[Message]

# What we call a column -> what else the field calls it; the first that is there wins.
ALIASES: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "conversations", "conversation", "dialogue"),
    "prompt": ("prompt", "question", "instruction", "problem", "query"),
    "completion": ("completion", "response", "output"),
    "answer": ("answer", "gold", "solution", "target", "ground_truth"),
    "chosen": ("chosen", "chosen_response", "preferred"),
    "rejected": ("rejected", "rejected_response", "dispreferred"),
    "label": ("label", "kto_tag", "desirable"),
    "reward": ("reward",),
    "passed": ("passed",),
    "group": ("group_id",),
    "trainable": ("trainable",),
    "policy_id": ("policy_id",),
    "system": ("system",),
    "history": ("history",),
    "text": ("text",),
    "id": ("id", "item_id", "uid"),
}
ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}


@dataclass(frozen=True)
class Item:
    """One thing to answer: `prompt` as given, `row` for the verifier (the file's row, with `answer` among it)."""

    id: str
    prompt: Prompt
    answer: str
    row: Mapping[str, Any]


def read_rows(path: str | Path) -> list[Row]:
    """Every row of a JSONL, JSON, CSV or Parquet file. Raises CockpitError naming file and line."""
    place = Path(path)
    try:
        if place.suffix == ".parquet":
            import pyarrow.parquet

            rows: list[Any] = pyarrow.parquet.read_table(place).to_pylist()
        elif place.suffix == ".csv":
            with place.open(newline="", encoding="utf-8") as handle:
                rows = list(csv.DictReader(handle))
        else:
            rows = _json_rows(place)
    except FileNotFoundError as error:
        raise CockpitError("there is no such data file", "Correct the path.", file=place) from error
    except UnicodeDecodeError as error:
        raise CockpitError("this file is not UTF-8 text", "Give a JSONL file.", file=place) from error
    except OSError as error:
        raise CockpitError(f"the data file can't be read: {error.strerror}", file=place) from error
    if not rows:
        raise CockpitError("this data file is empty", "Give a file with at least one row.", file=place)
    return rows


def _json_rows(place: Path) -> list[Any]:
    text = place.read_text(encoding="utf-8-sig")
    if place.suffix == ".json" and text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise CockpitError(
                f"this is not JSON: {error}", file=place, line=getattr(error, "lineno", None)
            ) from error
    else:
        rows = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise CockpitError(
                    f"this line is not JSON: {error}", "Mend or remove the line.", file=place, line=number
                ) from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise CockpitError(
                f"row {number} is no JSON object but {type(row).__name__}", "One object a row.", file=place
            )
    return rows


def column(row: Mapping[str, Any], name: str, columns: Mapping[str, str]) -> Any | None:
    """The value that `name` (our word) has in `row`: by the recipe's mapping first, then by the usual names."""
    for theirs, ours in columns.items():
        if ours == name and row.get(theirs) is not None:
            return row[theirs]
    taken = {theirs for theirs, ours in columns.items() if ours != name}
    for alias in ALIASES.get(name, (name,)):
        if alias not in taken and row.get(alias) is not None:
            return row[alias]
    return None


def prompt_of(row: Mapping[str, Any], columns: Mapping[str, str]) -> Prompt | None:
    """The prompt: a text, or messages; Alpaca's `input` is put below its instruction, a system prompt and
    LLaMA-Factory's `history` (pairs of what was asked and said) before it.
    """
    prompt = _asked(row, columns)
    before = _said_before(row, columns)
    if prompt is None or not before:
        return prompt
    return [*before, *([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)]


def _said_before(row: Mapping[str, Any], columns: Mapping[str, str]) -> list[Message]:
    system, history = column(row, "system", columns), column(row, "history", columns)
    turns: list[Message] = []
    if isinstance(system, str) and system.strip():
        turns.append({"role": "system", "content": system})
    for pair in history if isinstance(history, list) else []:
        if isinstance(pair, list | tuple) and len(pair) == 2:
            turns += [
                {"role": "user", "content": str(pair[0])},
                {"role": "assistant", "content": str(pair[1])},
            ]
    return turns


def _asked(row: Mapping[str, Any], columns: Mapping[str, str]) -> Prompt | None:
    prompt = column(row, "prompt", columns)
    if prompt is None:
        chat = messages_of(row, columns)
        if chat is None:
            return None
        while chat and chat[-1]["role"] == "assistant":
            chat = chat[:-1]
        return chat or None
    if isinstance(prompt, list):
        return as_messages(prompt)
    extra = column(row, "input", columns) if "instruction" in row or "input" in columns.values() else None
    return f"{prompt}\n\n{extra}" if extra else str(prompt)


def messages_of(row: Mapping[str, Any], columns: Mapping[str, str]) -> list[Message] | None:
    """A conversation in OpenAI's or ShareGPT's form, as role and content; None where the row has none."""
    chat = column(row, "messages", columns)
    return as_messages(chat) if isinstance(chat, list) and chat else None


def as_messages(chat: list[Any]) -> list[Message]:
    made: list[Message] = []
    for turn in chat:
        role = str(turn.get("role") or turn.get("from") or "user")
        said = turn.get("content") if turn.get("content") is not None else turn.get("value", "")
        made.append({"role": ROLES.get(role, role), "content": _text_of(said)})
    return made


def _text_of(content: Any) -> str:
    """A turn's text: as it is, or the texts of its parts (`[{"type": "text", "text": …}]`), one below the other."""
    if not isinstance(content, list):
        return str(content)
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def eval_items(path: str | Path, columns: Mapping[str, str], *, name: str) -> list[Item]:
    """Items of the mini-eval or the held-out set. Raises CockpitError as `read_items` does.

    The recipe's mapping tells how the training file is read; it is used here only where the usual names fail.
    """
    try:
        return read_items(path, {}, name=name)
    except CockpitError:
        if not columns:
            raise
        return read_items(path, columns, name=name)


def read_items(path: str | Path, columns: Mapping[str, str], *, name: str) -> list[Item]:
    """Rows with a prompt and a gold answer, to be scored. Raises CockpitError naming the row that lacks one.

    GSM8K's `question`/`answer` is read so, and so is a conversation whose last turn is the answer.
    """
    items: list[Item] = []
    for number, row in enumerate(read_rows(path), 1):
        prompt = prompt_of(row, columns)
        answer = column(row, "answer", columns)
        if answer is None:
            answer = column(row, "completion", columns)
        if answer is None and (chat := messages_of(row, columns)) and chat[-1]["role"] == "assistant":
            answer = chat[-1]["content"]
        if prompt is None or answer is None:
            missing = "prompt" if prompt is None else "answer"
            raise CockpitError(
                f"row {number} of the {name} has no {missing}: its columns are {', '.join(row)}",
                "Name the column under data.columns of the recipe.",
                file=path,
            )
        label = column(row, "id", columns)
        item_id = str(label) if label is not None else f"{name.replace(' ', '-')}-{number:05d}"
        items.append(Item(item_id, prompt, str(answer), {**row, "answer": answer}))
    if len({item.id for item in items}) != len(items):
        items = [Item(f"{i.id}#{n}", i.prompt, i.answer, i.row) for n, i in enumerate(items, 1)]
    return items
