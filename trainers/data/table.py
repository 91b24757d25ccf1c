"""Put TRL's rows into a file of Arrow's, which is mapped into memory and not read into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from cockpit.data.messages import Message
from cockpit.data.rows import Row

CHUNK = 1000
ROWS = "rows.arrow"
_TURNS = ("messages", "prompt", "completion", "chosen", "rejected")


def as_dataset(
    rows: Iterable[Row], folder: Path, *, at_once: int = CHUNK, wrote: Callable[[int], None] = lambda _: None
) -> Any:
    """Write TRL's rows into `folder`, `at_once` at a time, and return them as a data set that reads from there.

    Messages with more than role and content are kept as JSON, for a table would give every message, and every tool's
    arguments, the fields of all the others. `wrote` is told how many rows there are so far.
    """
    from datasets import Dataset

    table: _Plain | _Rich | None = None
    count = 0
    rows = iter(rows)
    while chunk := list(islice(rows, at_once)):
        if not isinstance(table, _Rich) and _are_rich(chunk):
            rich = _Rich(folder / f"{'rich' if table else ROWS}", chunk)
            if table is not None:
                rich.take_over(table)
            table = rich
        table = table or _Plain(folder / ROWS, chunk)
        table.add(chunk)
        count += len(chunk)
        wrote(count)
    if table is None:
        return Dataset.from_list([])
    table.close()
    table.path.replace(folder / ROWS)
    return Dataset.from_file(str(folder / ROWS))


class _Plain:
    """A file of rows whose columns are those of the first ones; an empty one there may hold text further on."""

    def __init__(self, path: Path, first: list[Row]) -> None:
        import pyarrow as pa

        seen = pa.Table.from_pylist(first).schema
        self._open(
            path,
            pa.schema([pa.field(f.name, pa.string()) if pa.types.is_null(f.type) else f for f in seen]),
        )

    def _open(self, path: Path, schema: Any) -> None:
        import pyarrow as pa

        self.path, self.schema = path, schema
        self._file = pa.OSFile(str(path), "wb")
        self._out = pa.ipc.new_stream(self._file, schema)

    def add(self, rows: list[Row]) -> None:
        self._out.write_table(self._table(rows))

    def _table(self, rows: list[Row]) -> Any:
        import pyarrow as pa

        return pa.Table.from_pylist(rows, schema=self.schema)

    def close(self) -> None:
        self._out.close()
        self._file.close()


class _Rich(_Plain):
    """A file of rows whose messages are JSON."""

    def __init__(self, path: Path, first: list[Row]) -> None:
        from datasets import Dataset, Features, Json, List, Value

        columns = Dataset.from_list(first[:1]).features
        tools = {"tools": Value("string")} if "tools" in columns else {}
        turns = {name: List(Json()) for name in _TURNS if isinstance(first[0].get(name), list)}
        self._features = Features({**columns, **tools, **turns})
        self._open(path, self._features.arrow_schema)

    def _table(self, rows: list[Row]) -> Any:
        from datasets import Dataset

        return Dataset.from_list(rows, features=self._features).data.table.cast(self.schema)

    def take_over(self, plain: _Plain) -> None:
        """Write what stands in a plain file already, and remove that."""
        import pyarrow as pa

        plain.close()
        with pa.memory_map(str(plain.path)) as mapped:
            for batch in pa.ipc.open_stream(mapped):
                self.add(batch.to_pylist())
        plain.path.unlink()


def _are_rich(rows: list[Row]) -> bool:
    return any(len(turn) > 2 for row in rows for name in _TURNS for turn in _turns(row.get(name)))


def _turns(held: Any) -> list[Message]:
    return held if isinstance(held, list) else []
