"""Whether a folder of files is as it was written: a manifest of sizes and checksums, written after the files are safe.

A checksum costs half a second a gigabyte on one core, a third of what writing the gigabyte costs, so that every byte
is in it. Folders of other programs have no manifest: their files are opened as far as that tells something.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted

FILE = "manifest.json"
_BLOCK = 4 << 20
_AT_ONCE = 4  # files: a checksum leaves the other cores free to work, and a disk likes more than one request
_LONGEST_HEADER = 100 << 20  # bytes of a safetensors file's header: what the library itself allows


Of = Callable[[str], bool]
"""Says of a file's path below the folder whether it counts."""


def _all(name: str) -> bool:
    return True


def write(folder: Path, of: Of = _all) -> None:
    """Have the files below `folder` on the disk, then say in its manifest what they are. Raises OSError.

    What is written again later is none `of` them.
    """
    paths = _files(folder, of)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = dict(zip((_name(folder, path) for path in paths), pool.map(_synced, paths), strict=True))
    atomic.write_json(folder / FILE, {"v": 1, "files": told})
    for place in {folder, *(path.parent for path in paths)}:
        sync_folder(place)


def has(folder: Path) -> bool:
    """Return True if `folder` has a manifest that can be read."""
    return _read(folder) is not None


def renew(folder: Path, name: str) -> None:
    """Take note that the file `name` was written anew; nothing where there is no manifest. Raises OSError."""
    files = _read(folder)
    if files is not None:
        atomic.write_json(folder / FILE, {"v": 1, "files": {**files, name: _synced(folder / name)}})


def fault(folder: Path, of: Of = _all) -> str:
    """Return what is wrong with the files of `folder`, in words; empty where they are as they were written."""
    files = _read(folder)
    try:
        if files is None:
            return next((why for path in _files(folder, of) if (why := _basic(path))), "")
        wanted = [(folder / name, told) for name, told in files.items() if of(name)]
        for path, told in wanted:  # what is cut or missing is found without reading anything
            if why := _wrong_size(path, told):
                return why
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return next(filter(None, pool.map(_wrong_content, wanted)), "")
    except OSError as error:
        return f"{Path(error.filename or folder).name} can't be read: {error.strerror or error}"


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on the disk as well. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path, of: Of) -> list[Path]:
    found = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    return [path for path in found if (name := _name(folder, path)) != FILE and of(name)]


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _synced(path: Path) -> dict[str, int]:
    with untrusted.opened(path) as handle:
        os.fsync(handle.fileno())
        size, checksum = 0, 0
        while block := handle.read(_BLOCK):
            size += len(block)
            checksum = zlib.crc32(block, checksum)
    return {"size": size, "crc32": checksum}


def _read(folder: Path) -> dict[str, dict[str, int]] | None:
    """What the manifest tells; None where there is none that can be read."""
    told: object = (atomic.read_object(folder / FILE) or {}).get("files")
    if not isinstance(told, dict) or not told:
        return None
    files = cast("dict[str, Any]", told)
    for name, value in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts or not isinstance(value, Mapping):
            return None
        facts = cast("Mapping[str, object]", value)
        if not all(isinstance(facts.get(fact), int) for fact in ("size", "crc32")):
            return None
    return files


def _wrong_size(path: Path, told: Mapping[str, int]) -> str:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return f"{path.name} is missing"
    return "" if size == told["size"] else f"{path.name} has {size:,} of {told['size']:,} bytes"


def _wrong_content(wanted: tuple[Path, Mapping[str, int]]) -> str:
    path, told = wanted
    checksum = 0
    with untrusted.opened(path) as handle:
        while block := handle.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return "" if checksum == told["crc32"] else f"{path.name} is not what was written (its checksum differs)"


def _basic(path: Path) -> str:
    """What shows that `path`, of which nothing is known but its name, is cut or something else."""
    if path.suffix == ".json":
        try:
            untrusted.parse(untrusted.read_bytes(path))
        except ValueError:
            return f"{path.name} is no JSON"
    if path.suffix == ".safetensors":
        return _wrong_tensors(path)
    if path.suffix in (".pt", ".pth", ".bin"):
        with untrusted.opened(path) as handle:
            if not zipfile.is_zipfile(handle):
                return f"{path.name} is cut or damaged"
    return ""


def _wrong_tensors(path: Path) -> str:
    """A safetensors file says in its header how long it is."""
    damaged = f"{path.name} is cut or damaged"
    with untrusted.opened(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST_HEADER):
            return damaged
        try:
            header: Any = json.loads(handle.read(length))
            ends = [told["data_offsets"][1] for name, told in header.items() if name != "__metadata__"]
            whole = 8 + length + max(ends, default=0) == size
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return damaged
    return "" if whole else damaged
