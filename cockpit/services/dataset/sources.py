"""Where rows come from: a file, a folder that `datasets` saved, or a hub id; always one row at a time."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.services.dataset import datasets, hub_rows, json_stream

Rows = Iterator[tuple[int, dict[str, Any]]]
_DATA_SUFFIXES = (".parquet", ".jsonl", ".json", ".csv", ".tsv", ".txt", ".arrow", ".jsonl.gz", ".json.gz")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_LINE_BYTES = 64 << 20  # a text line longer than this is not a data file
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
    kind, rows = _reader(path)
    return Source(str(path), kind, rows, path.stat().st_size)


def _reader(path: Path) -> tuple[str, Rows]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-1] if suffixes else ""
    if last in (".gz",):
        return "jsonl.gz", _gzipped(path)
    if last in (".zst", ".zip", ".xz", ".bz2", ".tar"):
        raise CockpitError(f"a {last} file can't be read as it is", "Unpack it first.", file=path)
    if last in (".txt", ".md"):
        return "text", _text(path)
    if last == ".arrow":
        return "arrow", _arrow([path])
    if last in (".csv", ".tsv"):
        return last[1:], _csv(path)
    if last == ".parquet":
        return "parquet", datasets.iter_rows(path)
    head = _head(path).lstrip()
    if head.startswith("["):
        return "json", json_stream.rows(path)
    if head.startswith("{") and last == ".json" and not _is_lines(path):
        return "json", json_stream.wrapped(path)
    return "jsonl", datasets.iter_rows(path)


def _head(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            raw = handle.read(4096)
    except OSError as error:
        raise CockpitError(
            f"the data file can't be read: {error.strerror or error}", "Check its rights.", file=path
        ) from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise CockpitError("this file is UTF-16", "Save it as UTF-8.", file=path)
    if raw.startswith(b"PAR1"):
        raise CockpitError("this is a Parquet file by its content", "Name it .parquet.", file=path)
    return raw.decode("utf-8", "replace").removeprefix("\ufeff")


def _is_lines(path: Path) -> bool:
    """Whether a `.json` file that begins with `{` holds one object a line."""
    with path.open("rb") as handle:
        first = handle.readline(_LINE_BYTES)
        second = handle.readline(2)
    try:
        json.loads(first)
    except ValueError:
        return False
    return bool(second.strip())


def _gzipped(path: Path) -> Rows:
    try:
        with gzip.open(path, "rb") as handle:
            for number, raw in enumerate(handle, 1):
                if raw.strip():
                    yield number, json_stream.row_of_line(raw, path, number)
    except (OSError, EOFError) as error:
        raise CockpitError(
            f"this is not a whole gzip file: {error}", "Unpack or fetch it anew.", file=path
        ) from None


def _text(path: Path) -> Rows:
    """Plain text: blank lines part the passages; a file without them gives a row a line."""
    try:
        with path.open(encoding="utf-8-sig") as handle:
            passage: list[str] = []
            start = 1
            for number, line in enumerate(handle, 1):
                if line.strip():
                    start = start if passage else number
                    passage.append(line)
                if passage and (not line.strip() or len(passage) >= 200):
                    yield start, {"text": "".join(passage).strip()}
                    passage = []
            if passage:
                yield start, {"text": "".join(passage).strip()}
    except UnicodeDecodeError:
        raise CockpitError("this file is not UTF-8 text", "Save it as UTF-8.", file=path) from None


def _csv(path: Path) -> Rows:
    """CSV holds text only: cells that are JSON (a list of messages, say) are read as such."""
    for number, row in datasets.iter_rows(path):
        yield number, {key: _cell(value) for key, value in row.items()}


def _cell(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("[", "{") and value[-1:] in ("]", "}"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


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
        return Source(str(path), "datasets folder", _arrow(arrows), _size(arrows))
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
    kind, _ = _reader(files[0])
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
        for _, row in _reader(file)[1]:
            number += 1
            yield number, row


def _size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.exists())


def _listed(path: Path, key: str) -> list[object]:
    """The list under `key` of a JSON object; empty where there is none."""
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CockpitError(f"it can't be read: {error}", "Save the data set anew.", file=path) from None
    found = cast("dict[str, object]", value).get(key) if isinstance(value, dict) else None
    return cast("list[object]", found) if isinstance(found, list) else []


def _arrow(files: list[Path]) -> Rows:
    """Arrow's stream format, as `datasets` saves it (and the file format, as others do), a batch at a time."""
    try:
        import pyarrow as arrow  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
    except ImportError:
        raise CockpitError(
            "reading a `datasets` folder needs pyarrow, which is not installed",
            "Install pyarrow, or give JSONL.",
            file=files[0] if files else None,
        ) from None
    pa: Any = arrow
    number = 0
    for file in files:
        try:
            with pa.memory_map(str(file)) as mapped:
                for batch in _batches(pa, mapped):
                    for start in range(0, batch.num_rows, 1000):
                        for row in batch.slice(start, 1000).to_pylist():
                            number += 1
                            yield number, cast("dict[str, Any]", row)
        except FileNotFoundError:
            raise CockpitError(
                "a file of this data set is missing", "Save the data set anew.", file=file
            ) from None
        except (pa.ArrowInvalid, OSError) as error:
            raise CockpitError(
                f"this is not an Arrow file: {error}", "Save the data set anew.", file=file
            ) from None


def _batches(pa: Any, mapped: Any) -> Iterator[Any]:
    try:
        yield from pa.ipc.open_stream(mapped)
    except pa.ArrowInvalid:
        mapped.seek(0)
        reader = pa.ipc.open_file(mapped)
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)
