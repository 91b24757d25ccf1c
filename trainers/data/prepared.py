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
from pathlib import Path
from typing import Any

import cockpit.data
from cockpit.contract import CockpitError, atomic
from cockpit.data.reading.files import Rows
from cockpit.data.rows import Row
from trainers.attempt import cache
from trainers.attempt.attempt import Attempt
from trainers.attempt.signals import Stopped
from trainers.data import table
from trainers.data.overlap import training_rows
from trainers.data.prompts import template_switches
from trainers.data.tokenized import tokenizer_key

TOLD = "told.json"
_EVERY_S = 10.0
Make = Callable[[Rows], tuple[Iterable[Row], dict[str, Any]]]


@dataclass
class _Told:
    """What goes with the rows: settings that TRL needs for them, notices and metrics."""

    settings: dict[str, Any] = field(default_factory=dict)
    notices: list[list[Any]] = field(default_factory=list)
    extra_metrics: dict[str, float] = field(default_factory=dict)


def prepared(attempt: Attempt, tokenizer: Any, make: Make) -> tuple[Any, dict[str, Any]]:
    """Return TRL's rows as a data set and the settings that they need; `make` makes both of the training file's rows,
    where no run did before.

    Rank 0 makes them and the others wait, so the processes must know each other already. Raises what `make` raises.
    """
    from datasets import Dataset

    processes = attempt.processes
    key, told = processes.from_first(
        _in_reach(attempt, tokenizer, make) if processes.first else ("", _Told())
    )
    if not processes.first:
        _say_again(attempt, told)
    rows = Dataset.from_file(str(attempt.layout.rows / table.ROWS))
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
        table.as_dataset(rows, folder, wrote=_Progress(attempt))
        fresh = {name: value for name, value in attempt.extra_metrics.items() if before.get(name) != value}
        return _Told(settings, [list(notice) for notice in attempt.said[said:]], fresh)

    def save(told: _Told, kept: Path) -> None:
        atomic.write_json(kept / TOLD, vars(told))
        _link(folder / table.ROWS, kept / table.ROWS)

    def load(kept: Path) -> _Told:
        told = _Told(**(atomic.read_json(kept / TOLD) or {}))
        _link(kept / table.ROWS, folder / table.ROWS)
        _say_again(attempt, told)
        return told

    told = cache.cached(where, "rows", parts, build=build, save=save, load=load, waiting=_or_stop(attempt))
    return cache.key(parts), told


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
    for package in (Path(cockpit.data.__file__), Path(__file__)):
        for source in sorted(package.parent.rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()
