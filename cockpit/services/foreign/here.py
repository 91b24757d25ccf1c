"""What is in a folder that is no workspace: runs, data files, models; looked for within bounds of depth and time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cockpit.contract.errors import CockpitError
from cockpit.data.reading.files import iter_rows
from cockpit.data.shapes import SHOWN, recognise
from cockpit.services.foreign.find import runs_in

MOST, DEEP, SECONDS = 50, 4, 2.0
_DATA = (".jsonl", ".ndjson", ".csv", ".parquet", ".json", ".jsonl.gz")
_DATA_DEEP = 2
_WHOLE = 4 << 20
"""Bytes of a JSON file that is read whole to see what it holds."""
_MODEL = ("config.json", "adapter_config.json")
_WEIGHTS = (".safetensors", ".bin", ".gguf")


class SeenRun(NamedTuple):
    """A run that others made: what wrote it, where, and when it was written to last (epoch seconds)."""

    place: str
    name: str
    kind: str
    written: float


class Here(NamedTuple):
    """What was seen, runs by their last sign of life, newest first. `whole` is False where the time was over."""

    runs: tuple[SeenRun, ...] = ()
    data: tuple[tuple[str, str], ...] = ()
    """Data files, each with the shape of its rows."""
    models: tuple[str, ...] = ()
    whole: bool = True


def look(root: Path, clock: Callable[[], float] = time.monotonic) -> Here:
    """Look around in `root`. Nothing is written, and what can't be read is left out."""
    end = clock() + SECONDS
    runs: list[SeenRun] = []
    data: list[tuple[str, str]] = []
    models: list[str] = []
    claimed: set[Path] = set()
    for here, names, files in _walk(root):
        if clock() > end or len(runs) > MOST:
            return Here(_newest(runs), tuple(data), tuple(models), whole=False)
        depth = len(here.parts) - len(root.parts)
        if any(parent in claimed for parent in here.parents):
            continue
        found = _runs(here, names, files, root)
        runs += found
        if found and here != root:
            claimed.add(here)
        elif any(name in files for name in _MODEL) and any(name.endswith(_WEIGHTS) for name in files):
            models.append(_shown(here, root))
            claimed.add(here)
        elif depth <= _DATA_DEEP:
            for name in sorted(files):
                if name.endswith(_DATA) and len(data) < MOST and (shape := _shape(here / name)):
                    data.append((_shown(here / name, root), shape))
    return Here(_newest(runs), tuple(data), tuple(models))


def _walk(root: Path) -> Iterator[tuple[Path, Sequence[str], Sequence[str]]]:
    for folder, names, files in os.walk(root):
        here = Path(folder)
        deep = len(here.parts) - len(root.parts) >= DEEP
        every = list(names)
        names[:] = (
            [] if deep else sorted(n for n in names if not n.startswith((".", "__")) and n != "node_modules")
        )
        yield here, every, files


def _runs(here: Path, names: Sequence[str], files: Sequence[str], root: Path) -> list[SeenRun]:
    if ".evo" in names:
        return [SeenRun(str(here), _shown(here, root), "evo", _written(here / ".evo"))]
    try:
        found = runs_in(here, files, root)
    except (CockpitError, OSError, ValueError):
        return []
    return [SeenRun(str(here), run.name, run.kind, _written(here)) for run in found]


def _written(folder: Path) -> float:
    """When something in the folder was written last, its own files and those of the folders in it."""
    newest = 0.0
    for number, entry in enumerate(folder.glob("*")):
        try:
            newest = max(newest, entry.stat().st_mtime)
        except OSError:
            continue
        if number > 1000:
            break
    return newest


def _shape(file: Path) -> str:
    """What the file's rows are, in words; empty for what nobody could train on."""
    try:
        size = file.stat().st_size
        if not size or (size > _WHOLE and file.suffix in (".json", ".gz")):
            return ""
        rows = [row for _, row in zip(range(20), (row for _, row in iter_rows(file)), strict=False)]
    except (CockpitError, OSError, ValueError):
        return ""
    shape = recognise(rows).shape if rows else "unknown"
    return "" if shape in ("unknown", "text") else SHOWN[shape]


def _newest(runs: list[SeenRun]) -> tuple[SeenRun, ...]:
    return tuple(sorted(runs, key=lambda run: -run.written)[:MOST])


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path != root else path.name
