"""Writes that are there whole or not at all, on local disks and NFS alike."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from cockpit.contract.bounded import untrusted


def write_bytes(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replace `path` by `data` with a rename, after the bytes are on the disk. Raises OSError.

    The user's umask takes from `mode` what it takes from every file's.
    """
    write_parts(path, (data,), mode=mode)


def write_parts(path: Path, parts: Iterable[bytes], *, mode: int = 0o666) -> None:
    """Replace `path` by these `parts` one after the other, which need not be in memory at once. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as handle:
            handle.writelines(parts)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(name, path)
    except BaseException as error:
        name.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # a write that finds no room doesn't say of what
        raise


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Replace `path` by `text` (UTF-8; lone surrogates of hostile file names are kept as escapes)."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"), mode=mode)


def write_json(path: Path, value: object, *, mode: int = 0o666) -> None:
    """Replace `path` by `value` as indented JSON; NaN and infinities become null."""
    write_text(
        path, json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n", mode=mode
    )


def read_json(path: Path) -> Any | None:
    """What `path` holds, or None where it is missing, half-written, no JSON, too large or too deep."""
    try:
        return untrusted.parse(untrusted.read_bytes(path))
    except (OSError, ValueError):
        return None


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object that `path` holds, or None where it is missing, half-written or something else."""
    value: object = read_json(path)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def finite(value: object) -> object:
    """`value` with every non-finite float replaced by None, all the way down."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in cast("list[object]", value)]
    return value


def switch_symlink(link: Path, target: str) -> None:
    """Point `link` at `target` (relative to its folder) without a moment in which neither is there."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    os.symlink(target, fresh)
    os.replace(fresh, link)


def mark_opening(record: Path) -> None:
    """Say in tracker.json that a reporter is being started: it may be killed before it can say so itself.

    Importing a tracker's client takes seconds, and a short run is over by then. Raises OSError.
    """
    write_json(record, {"v": 1, **(read_object(record) or {}), "state": "opening"})
