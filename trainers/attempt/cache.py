"""Keep expensive intermediates in the workspace's cache: keyed by content, built once, written whole or not at all.

`.evo/cache` inside an evo workspace, `.cockpit/cache` outside: `<kind>/<key>/`, with made.json beside what was made.
The key is a hash over every input that changes the artifact, so that another filter or tokenizer is another entry.
Two runs that want the same one at once build it once: the second waits on a lock that dies with its holder. What the
Hub downloads is in the Hub's own cache, and not here again.

    where = cache.root(layout.root)
    rows = cache.cached(where, "rollouts", parts, build=sample, save=cache.save_rows, load=cache.load_rows)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from cockpit.contract import atomic, lock

MADE = "made.json"
Value = TypeVar("Value")
Say = Callable[[str], None]


def workspace_of(place: Path) -> Path:
    """The folder that holds `.evo` or `.cockpit` above `place`; `place` itself where there is none."""
    here = place.resolve()
    for folder in here.parents:
        if (folder / ".evo" / "meta.json").is_file():
            return folder
    for folder in here.parents:
        if folder.name == ".cockpit":
            return folder.parent
    return here


def root(place: Path) -> Path:
    """The workspace's cache folder, seen from an attempt's folder."""
    workspace = workspace_of(place)
    inside_evo = (workspace / ".evo" / "meta.json").is_file()
    return workspace / (".evo" if inside_evo else ".cockpit") / "cache"


def key(parts: Mapping[str, Any]) -> str:
    """SHA-256 over the inputs, in hexadecimal; what is no JSON counts by its text."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _print(text: str) -> None:
    print(f"[cache] {text}", flush=True)


def cached(
    where: Path,
    kind: str,
    parts: Mapping[str, Any],
    *,
    build: Callable[[], Value],
    save: Callable[[Value, Path], None],
    load: Callable[[Path], Value],
    say: Say = _print,
    waiting: Callable[[], None] = lambda: None,
) -> Value:
    """The artifact that `parts` describes: loaded where it lies in the cache, else built and put there.

    `save` and `load` take a folder; `waiting` is called now and then while another run builds it, and may raise to end
    the wait. Raises what `build` and `waiting` raise; a cache that can't be read or written costs a line in the log and
    the work again, never the run.
    """
    folder = where / kind / key(parts)
    found, value = _load(folder, load, say)
    if found:
        return value  # type: ignore[return-value]
    with _lock(folder, say, waiting):
        found, value = _load(folder, load, say)
        if found:
            return value  # type: ignore[return-value]
        began = time.monotonic()
        made = build()
        try:
            _publish(folder, kind, parts, lambda place: save(made, place), time.monotonic() - began)
        except OSError as error:
            say(f"{kind} could not be kept ({error.strerror or error}); it will be made again next time")
        return made


def peek(where: Path, kind: str, parts: Mapping[str, Any]) -> Path | None:
    """The artifact's folder if it is there, whole; for processes that must not wait for each other."""
    folder = where / kind / key(parts)
    if not (folder / MADE).is_file():
        return None
    _used(folder)
    return folder


def found(
    where: Path, kind: str, parts: Mapping[str, Any], load: Callable[[Path], Value], say: Say = _print
) -> Value | None:
    """The artifact if it is there, whole, else None; for processes that must not wait for each other."""
    return _load(where / kind / key(parts), load, say)[1]


def keep(
    where: Path, kind: str, parts: Mapping[str, Any], save: Callable[[Path], None], *, seconds: float = 0.0
) -> None:
    """Put an artifact there that was made anyway. Raises OSError."""
    _publish(where / kind / key(parts), kind, parts, save, seconds)


def save_rows(rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Rows as JSON lines."""
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def load_rows(folder: Path) -> list[dict[str, Any]]:
    with (folder / "rows.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def file_key(path: str | Path) -> str:
    """SHA-256 of a file's bytes, or of all the files below a folder with their names. Raises OSError."""
    place, digest = Path(path), hashlib.sha256()
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    for file in files:
        digest.update(str(file.relative_to(place)).encode("utf-8", "backslashreplace"))
        with file.open("rb") as handle:
            while chunk := handle.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _load(folder: Path, load: Callable[[Path], Value], say: Say) -> tuple[bool, Value | None]:
    if not (folder / MADE).is_file():
        return False, None
    try:
        value = load(folder)
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes its library raise
        say(f"{folder.parent.name}/{folder.name[:12]} is damaged ({type(error).__name__}) and is made again")
        _remove(folder)
        return False, None
    _used(folder)
    say(f"{folder.parent.name}/{folder.name[:12]} is in the cache")
    return True, value


def _used(folder: Path) -> None:
    with contextlib.suppress(OSError):
        os.utime(folder / MADE)  # when it was last of use


def _publish(
    folder: Path, kind: str, parts: Mapping[str, Any], save: Callable[[Path], None], seconds: float
) -> None:
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        save(fresh)
        record = {
            "v": 1,
            "kind": kind,
            "key": folder.name,
            "made": round(time.time(), 3),
            "seconds": round(seconds, 2),
            "by": os.environ.get("EVO_EXPERIMENT_ID"),
            "parts": {name: _short(value) for name, value in parts.items()},
        }
        atomic.write_json(fresh / MADE, record)
        if (folder / MADE).is_file():
            return  # where locks don't work two may have built it: the first stays
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:160]}… ({len(text)} characters)"


def _remove(folder: Path) -> None:
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        os.replace(folder, aside)
    except OSError:
        return
    shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _lock(folder: Path, say: Say, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the entry alone; the kernel lets go when the holder dies. Where it can't be held, nobody waits."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = folder.with_name(f".{folder.name}.lock")
        held = lock.take(place)
    except OSError as error:
        print(f"[cache] {folder.parent} can't be written: {error.strerror}", file=sys.stderr, flush=True)
        yield
        return
    if held.state == "busy":
        say(f"another run makes {folder.parent.name}/{folder.name[:12]}; waiting for it")
        # Asked for again and again, so that a run that is told to stop can.
        held = lock.take(place, wait_s=float("inf"), waiting=waiting, every_s=0.1)
    elif held.state == "none":
        say("no lock on this file system")
    with held:
        yield
