"""A run's rows in the form that TRL takes, made once for all runs that want the same, and read from the disk.

What they are made of is the cache's key: the files' content, the recipe's data settings, the tokenizer with its chat
template, and the code that reads rows. What was said while they were made is said again where they come from the cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache as once
from itertools import islice
from pathlib import Path
from typing import Any

import cockpit.data
import trainers
from cockpit.contract import CockpitError, atomic
from cockpit.contract.errors import is_no_room
from cockpit.data.messages import Message
from cockpit.data.reading.files import Rows
from cockpit.data.rows import Row
from trainers.attempt import cache
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame
from trainers.attempt.signals import Stopped
from trainers.data.overlap import training_rows
from trainers.data.prompts import template_switches
from trainers.data.tokenized import no_room_for, tokenizer_key

CHUNK = 1000
ROWS, TOLD = "rows.arrow", "told.json"
_TURNS = ("messages", "prompt", "completion", "chosen", "rejected")
_EVERY_S = 10.0
Make = Callable[[Rows], tuple[Iterable[Row], dict[str, Any]]]


@dataclass
class _Told:
    """What goes with the rows: settings that TRL needs for them, notices and metrics."""

    settings: dict[str, Any] = field(default_factory=dict)
    notices: list[list[Any]] = field(default_factory=list)
    extra_metrics: dict[str, float] = field(default_factory=dict)


@blame("data")
def prepared(attempt: Attempt, tokenizer: Any, make: Make) -> tuple[Any, dict[str, Any]]:
    """Return TRL's rows as a data set and the settings that they need; `make` makes both of the training file's rows,
    where no run did before.

    Rank 0 makes them and the others wait, so the processes must know each other already. Raises what `make` raises.
    """
    from datasets import Dataset

    processes = attempt.processes
    try:
        key, told = processes.from_first(
            _in_reach(attempt, tokenizer, make) if processes.first else ("", _Told())
        )
    except OSError as error:
        if processes.world > 1 or not is_no_room(error):
            raise
        attempt.notice(no_room_for("the training rows", attempt.layout.rows, error), "warning")
        made, settings = make(training_rows(attempt.recipe))
        return _some(made, None, attempt), settings
    if not processes.first:
        _say_again(attempt, told)
    rows = Dataset.from_file(str(attempt.layout.rows / ROWS))
    rows._fingerprint = key[:32]  # names the content: what TRL makes of it is kept by this
    return rows, told.settings


def _in_reach(attempt: Attempt, tokenizer: Any, make: Make) -> tuple[str, _Told]:
    """Put the rows into the attempt's own folder, where TRL's steps may leave what they make on the way."""
    folder = attempt.layout.rows
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    attempt.closing.callback(shutil.rmtree, folder, ignore_errors=True)
    where, parts = cache.root(attempt.layout.root), _parts(attempt, tokenizer)

    def build() -> _Told:
        said, before = len(attempt.said), dict(attempt.extra_metrics)
        rows, settings = make(training_rows(attempt.recipe))
        _some(rows, folder, attempt)
        fresh = {name: value for name, value in attempt.extra_metrics.items() if before.get(name) != value}
        return _Told(settings, [list(notice) for notice in attempt.said[said:]], fresh)

    def save(told: _Told, kept: Path) -> None:
        atomic.write_json(kept / TOLD, vars(told))
        _link(folder / ROWS, kept / ROWS)

    def load(kept: Path) -> _Told:
        held = atomic.read_object(kept / TOLD)
        if not held:  # settings among it say how the rows are learnt, so rows without it are none
            raise ValueError(f"{TOLD} can't be read")
        told = _Told(**held)
        _link(kept / ROWS, folder / ROWS)
        _say_again(attempt, told)
        return told

    told = cache.cached(where, "rows", parts, build=build, save=save, load=load, waiting=_or_stop(attempt))
    return cache.key(parts), told


def _some(rows: Iterable[Row], folder: Path | None, attempt: Attempt) -> Any:
    """What `as_dataset` makes of the rows. Raises CockpitError where there is none."""
    made = as_dataset(rows, folder, wrote=_Progress(attempt))
    if not len(made):
        file = attempt.recipe.data.train
        raise CockpitError(
            f"no answer is left to learn in {Path(file or '').name}",
            "Give at least one of the assistant's turns after a prompt the weight 1 (or `trainable` true).",
            file=file,
        )
    return made


def _say_again(attempt: Attempt, told: _Told) -> None:
    for text, level, about in told.notices:
        attempt.notice(text, level, about)
    attempt.extra_metrics.update(told.extra_metrics)


def _link(there: Path, here: Path) -> None:
    """The same file under another name; where the disk knows no such thing, a copy. Raises OSError."""
    try:
        os.link(there, here)
    except OSError:
        shutil.copyfile(there, here)


def _or_stop(attempt: Attempt) -> Callable[[], None]:
    def waiting() -> None:
        if attempt.stop:
            raise Stopped

    return waiting


class _Progress:
    """Says how many rows there are now and then, and ends the work where the run is told to stop."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt, self._said = attempt, time.monotonic()

    def __call__(self, rows: int) -> None:
        if self._attempt.stop:
            raise Stopped
        if time.monotonic() - self._said > _EVERY_S:
            self._said = time.monotonic()
            self._attempt.enter("loading", f"{rows:,} rows read")


def _parts(attempt: Attempt, tokenizer: Any) -> dict[str, Any]:
    recipe = attempt.recipe
    data = recipe.data.model_dump()
    files = {name: data.pop(name) for name in ("train", "mini_eval", "held_out")}
    return {
        "technique": recipe.technique,
        "files": {name: path and _file_key(path) for name, path in files.items()},
        "data": {name: value for name, value in data.items() if not name.endswith("_hash")},
        "switches": template_switches(recipe),
        "tokenizer": tokenizer_key(tokenizer),
        "starts_from": recipe.model.model_dump(),  # samples of another policy are named
        "code": _code(),
        "datasets": importlib.metadata.version("datasets"),
    }


def _file_key(path: str) -> str:
    with contextlib.suppress(OSError):
        return cache.file_key(Path(path).expanduser())
    raise CockpitError("there is no such data file", "Correct the path.", file=path)


@once
def _code() -> str:
    """SHA-256 over the code that reads rows and that makes TRL's of them."""
    digest = hashlib.sha256()
    sources = [
        *sorted(Path(cockpit.data.__file__).parent.rglob("*.py")),
        *sorted(Path(__file__).parent.rglob("*.py")),
        Path(trainers.__file__).parent / "scoring" / "pair_scoring.py",  # makes the reward model's rows
    ]
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def as_dataset(
    rows: Iterable[Row],
    folder: Path | None,
    *,
    at_once: int = CHUNK,
    wrote: Callable[[int], None] = lambda _: None,
) -> Any:
    """Write TRL's rows into `folder`, `at_once` at a time, and return them as a data set that reads from there.

    None: into memory.

    Messages with more than role and content are kept as JSON, for a table would give every message, and every tool's
    arguments, the fields of all the others. `wrote` is told how many rows there are so far.
    """
    from datasets import Dataset

    table: _Plain | _Rich | None = None
    count = 0
    rows = iter(rows)
    while chunk := list(islice(rows, at_once)):
        if not isinstance(table, _Rich) and _are_rich(chunk):
            rich = _Rich(folder and folder / f"{'rich' if table else ROWS}", chunk)
            if table is not None:
                rich.take_over(table)
            table = rich
        table = table or _Plain(folder and folder / ROWS, chunk)
        table.add(chunk)
        count += len(chunk)
        wrote(count)
    if table is None:
        return Dataset.from_list([])
    held = table.close()
    if folder is None or table.path is None:
        return Dataset.from_buffer(held)
    table.path.replace(folder / ROWS)
    return Dataset.from_file(str(folder / ROWS))


class _Plain:
    """A file of rows whose columns are those of the first ones; an empty one there may hold text further on."""

    def __init__(self, path: Path | None, first: list[Row]) -> None:
        import pyarrow as pa

        seen = pa.Table.from_pylist(first).schema
        self._open(
            path,
            pa.schema([pa.field(f.name, _text_for_null(f.type)) for f in seen]),
        )

    def _open(self, path: Path | None, schema: Any) -> None:
        import pyarrow as pa

        self.path, self.schema = path, schema
        self._file = pa.BufferOutputStream() if path is None else pa.OSFile(str(path), "wb")
        self._out = pa.ipc.new_stream(self._file, schema)

    def add(self, rows: list[Row]) -> None:
        self._out.write_table(self._table(rows))

    def _table(self, rows: list[Row]) -> Any:
        import pyarrow as pa

        return pa.Table.from_pylist(rows, schema=self.schema)

    def close(self) -> Any:
        """End the table; return what holds it where that is memory."""
        self._out.close()
        if self.path is None:
            return self._file.getvalue()
        self._file.close()
        return None


def _text_for_null(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_list(kind) and pa.types.is_null(kind.value_type):
        return pa.list_(pa.string())
    return pa.string() if pa.types.is_null(kind) else kind


class _Rich(_Plain):
    """A file of rows whose messages are JSON."""

    def __init__(self, path: Path | None, first: list[Row]) -> None:
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

        held = plain.close()
        with pa.BufferReader(held) if plain.path is None else pa.memory_map(str(plain.path)) as source:
            for batch in pa.ipc.open_stream(source):
                self.add(batch.to_pylist())
        if plain.path is not None:
            plain.path.unlink()


def _are_rich(rows: list[Row]) -> bool:
    return any(len(turn) > 2 for row in rows for name in _TURNS for turn in _turns(row.get(name)))


def _turns(held: Any) -> list[Message]:
    return held if isinstance(held, list) else []
