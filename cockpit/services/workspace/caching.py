"""What lies in the workspace's cache, and taking things out of it: look first, remove only when told to."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping, number
from cockpit.services.workspace.workspace import Workspace

MADE = "made.json"
_LEFTOVER_S = 3600.0  # an unfinished entry that nobody wrote to for so long belongs to a run that died
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One artifact. `size` in bytes, times in epoch seconds, `seconds` what it took to make."""

    kind: str
    key: str
    size: int
    made: float
    used: float
    seconds: float
    by: str
    parts: Mapping[str, str]
    path: str
    whole: bool = True
    """False for what a killed run left unfinished."""


def root(ws: Workspace) -> Path:
    """`.evo/cache` inside an evo workspace, `.cockpit/cache` outside."""
    if (ws.root / ".evo" / "meta.json").is_file():
        return ws.root / ".evo" / "cache"
    return ws.layout.cache


def entries(ws: Workspace) -> list[Entry]:
    """Everything in the cache, largest first; files that are no entries of ours are left alone and unnamed."""
    found: list[Entry] = []
    for kind in _folders(root(ws)):
        for folder in _folders(kind):
            entry = _entry(kind.name, folder)
            if entry is not None:
                found.append(entry)
    return sorted(found, key=lambda entry: -entry.size)


def chosen(
    ws: Workspace, names: Sequence[str], *, unused_days: float | None = None, everything: bool = False
) -> list[Entry]:
    """Entries that a kind or the beginning of a key names, or that were of no use for so long.

    Raises CockpitError where a name fits nothing, or nothing was named.
    """
    there = entries(ws)
    if not names and unused_days is None and not everything:
        raise CockpitError(
            "nothing is named", "Name a kind, a key (its first characters), --unused DAYS, or --all."
        )
    for name in names:
        if not any(_fits(entry, name) for entry in there):
            kinds = ", ".join(sorted({entry.kind for entry in there})) or "nothing"
            raise CockpitError(
                f"the cache has no {name!r}", f"It holds: {kinds}. `cockpit cache ls` shows it."
            )
    now = ws.clock()
    return [
        entry
        for entry in there
        if (everything or not names or any(_fits(entry, name) for name in names))
        and (unused_days is None or now - entry.used >= unused_days * _DAY_S)
    ]


def remove(ws: Workspace, doomed: Iterable[Entry]) -> int:
    """Remove entries, each whole or not at all; gives the bytes freed. Raises CockpitError at one that can't go."""
    freed = 0
    for entry in doomed:
        path = Path(entry.path)
        if not path.is_relative_to(root(ws)):
            continue
        aside = path.with_name(f".{path.name.lstrip('.')}.{os.getpid()}.old")
        try:
            os.replace(path, aside)  # out of sight first: a clean-up cut short leaves no half entry
            shutil.rmtree(aside)
        except OSError as error:
            raise CockpitError(f"{entry.key[:12]} can't be removed: {error.strerror}", file=path) from error
        path.with_name(f".{path.name}.lock").unlink(missing_ok=True)
        freed += entry.size
    return freed


def _fits(entry: Entry, name: str) -> bool:
    kind, _, key = name.rpartition("/")
    if kind:
        return entry.kind == kind and entry.key.startswith(key)
    return entry.kind == name or (len(name) >= 4 and entry.key.startswith(name))


def _entry(kind: str, folder: Path) -> Entry | None:
    made = atomic.read_object(folder / MADE)
    whole = made is not None and not folder.name.startswith(".")
    if not whole and not _is_leftover(folder):
        return None
    told = made or {}
    try:
        used = (folder / MADE if whole else folder).stat().st_mtime
    except OSError:
        return None
    return Entry(
        kind=kind,
        key=folder.name.lstrip(".").split(".")[0],
        size=folder_size(folder),
        made=number(told.get("made")) or used,
        used=used,
        seconds=number(told.get("seconds")) or 0.0,
        by=str(told.get("by") or ""),
        parts={str(k): str(v) for k, v in mapping(told.get("parts")).items()},
        path=str(folder),
        whole=whole,
    )


def _is_leftover(folder: Path) -> bool:
    if not (folder.name.startswith(".") and folder.suffix in (".tmp", ".old")):
        return False
    try:
        return time.time() - folder.stat().st_mtime > _LEFTOVER_S
    except OSError:
        return False


def folder_size(folder: Path) -> int:
    """Bytes of all files below `folder`, as far as they can be seen."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_size
            except OSError:
                continue
    return total


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []
