"""Put TRL's rows into Arrow's memory as a data set, without a Python list of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from cockpit.data.messages import Message
from cockpit.data.rows import Row

CHUNK = 1000
_TURNS = ("messages", "prompt", "completion", "chosen", "rejected")


def as_dataset(rows: Iterable[Row], *, at_once: int = CHUNK) -> Any:
    """TRL's rows as a data set in Arrow's memory, `at_once` at a time: no list of all of them is ever made.

    Messages with more than role and content are kept as JSON, for a table would give every message, and every tool's
    arguments, the fields of all the others.
    """
    import pyarrow as pa
    from datasets import Dataset, Features, Json, List, Value, concatenate_datasets

    schema: Any = None
    rich: Features | None = None
    parts: list[Any] = []
    rows = iter(rows)
    while chunk := list(islice(rows, at_once)):
        if rich is None and any(
            _is_rich(turn) for row in chunk for name in _TURNS for turn in _turns(row.get(name))
        ):
            columns = Dataset.from_list(chunk[:1]).features
            known = {name: List(Json()) for name in _TURNS if isinstance(chunk[0].get(name), list)}
            rich = Features(
                {**columns, **({"tools": Value("string")} if "tools" in columns else {}), **known}
            )
            parts = [Dataset.from_list(part.to_list(), features=rich) for part in parts]
        if rich is not None:
            parts.append(Dataset.from_list(chunk, features=rich))
            continue
        schema = schema or _schema(pa.Table.from_pylist(chunk).schema)
        parts.append(Dataset(pa.Table.from_pylist(chunk, schema=schema)))
    return concatenate_datasets(parts) if parts else Dataset.from_list([])


def _schema(seen: Any) -> Any:
    """The columns of the first rows; one that holds nothing there may hold text further on."""
    import pyarrow as pa

    return pa.schema([pa.field(f.name, pa.string()) if pa.types.is_null(f.type) else f for f in seen])


def _turns(held: Any) -> list[Message]:
    return held if isinstance(held, list) else []


def _is_rich(turn: Message) -> bool:
    return len(turn) > 2
