"""Where rows come from: a file, a folder that `datasets` saved, or a hub id; always one row at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.data.images.refs import placed
from cockpit.data.reading.arrow_rows import arrow
from cockpit.data.reading.files import misnamed, reader
from cockpit.services.dataset import hub_rows

Rows = Iterator[tuple[int, dict[str, Any]]]
_DATA_SUFFIXES = (".parquet", ".jsonl", ".json", ".csv", ".tsv", ".txt", ".arrow", ".jsonl.gz", ".json.gz")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
HUB_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Source:
    """Rows with their line numbers (or places, from 1), and what was chosen on the way to them."""

    name: str
    kind: str
    rows: Rows
    size: int | None = None
    """Bytes, where it is a file."""
    notes: tuple[str, ...] = field(default=())


def open_source(name: str, *, split: str | None = None, limit: int | None = None) -> Source:
    """Find what `name` is and open it. Raises CockpitError where there is nothing, or nothing that can be read."""
    path = Path(name).expanduser()
    if path.is_dir():
        source = _folder(path, split)
    elif path.exists():
        source = _file(path)
    elif _HUB_ID.fullmatch(name) and not path.suffix.lower().endswith(_DATA_SUFFIXES):
        rows = hub_rows.stream(name, split=split, limit=limit or HUB_ROWS)
        source = Source(
            name, "hub", rows, notes=(f"At most {limit or HUB_ROWS} rows of the hub's are read.",)
        )
    else:
        raise CockpitError(
            "there is no such data file", "Correct the path, or give a hub id (owner/name).", file=name
        )
    if limit is None:
        return source
    return Source(source.name, source.kind, islice(source.rows, limit), source.size, source.notes)


def _file(path: Path) -> Source:
    kind, rows = reader(path)
    said = misnamed(path, kind)
    return Source(str(path), kind, rows, path.stat().st_size, (said,) if said else ())


def _folder(path: Path, split: str | None) -> Source:
    """A folder that `save_to_disk` wrote (one split, or several), or one of data files as the hub lays them."""
    several = path / "dataset_dict.json"
    if several.is_file():
        names = [str(name) for name in _listed(several, "splits")]
        chosen = _choose(names, split, path)
        note = f"Split {chosen!r} is read" + (f" (of {', '.join(names)})." if len(names) > 1 else ".")
        source = _folder(path / chosen, None)
        return Source(str(path), "datasets folder", source.rows, source.size, (note, *source.notes))
    if (path / "state.json").is_file():
        files = cast("list[dict[str, object]]", _listed(path / "state.json", "_data_files"))
        arrows = [path / str(entry["filename"]) for entry in files]
        rows = ((place, placed(row, path)) for place, row in arrow(arrows))
        return Source(str(path), "datasets folder", rows, _size(arrows))
    return _loose_files(path, split)


def _loose_files(path: Path, split: str | None) -> Source:
    found = sorted(
        file
        for file in (*path.glob("*"), *path.glob("data/*"))
        if file.is_file() and file.name.lower().endswith(_DATA_SUFFIXES) and not _is_about(file)
    )
    if not found:
        raise CockpitError(
            "there are no data files in this folder",
            "Give a JSONL, JSON, CSV or Parquet file, or a folder that `datasets` saved.",
            file=path,
        )
    by_split: dict[str, list[Path]] = {}
    for file in found:
        by_split.setdefault(re.split(r"[-.]", file.name)[0], []).append(file)
    chosen = _choose(list(by_split), split, path)
    files = by_split[chosen]
    kind, _ = reader(files[0])
    others = f" of {', '.join(by_split)}" if len(by_split) > 1 else ""
    note = f"{chosen!r}{others} is read: {len(files)} file{'s' if len(files) > 1 else ''}."
    return Source(str(path), kind, _chain(files), _size(files), (note,))


def _is_about(file: Path) -> bool:
    return file.name in ("dataset_info.json", "dataset_infos.json", "config.json", "README.txt", "state.json")


def _choose(names: list[str], split: str | None, path: Path) -> str:
    if split is not None and split not in names:
        raise CockpitError(
            f"there is no split {split!r}", f"There are: {', '.join(names) or 'none'}.", file=path
        )
    if not names:
        raise CockpitError("this folder names no splits", "Save the data set anew.", file=path)
    return split or ("train" if "train" in names else names[0])


def _chain(files: list[Path]) -> Rows:
    number = 0
    for file in files:
        for _, row in reader(file)[1]:
            number += 1
            yield number, row


def _size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.exists())


def _listed(path: Path, key: str) -> list[object]:
    """The list under `key` of a JSON object; empty where there is none."""
    try:
        value: object = untrusted.parse(untrusted.read_bytes(path))
    except (OSError, ValueError) as error:
        raise CockpitError(f"it can't be read: {error}", "Save the data set anew.", file=path) from None
    found = cast("dict[str, object]", value).get(key) if isinstance(value, dict) else None
    return cast("list[object]", found) if isinstance(found, list) else []
