"""Writes `methodlog.md`: one line a decision, once, whoever else writes at the same moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from cockpit.contract import atomic, lock
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError, why
from cockpit.core import methodlog
from cockpit.core.methodlog import Entry
from cockpit.services.workspace.workspace import Workspace

WAIT_S = 60.0  # for others who write; each of them takes milliseconds
SETTLE_S = 0.3  # without locks: how long another writer may take from its last look at the log to its rename
Take = Callable[[Path, float], lock.Lock]
Add = Callable[[Iterable[Entry]], int]


def record(
    ws: Workspace, entries: Iterable[Entry], *, wait_s: float | None = None, take: Take | None = None
) -> int:
    """Add what isn't there yet, dated today unless dated; gives the number of lines added.

    What it returns for is on the disk. Raises CockpitError where the log can't be written in time (`WAIT_S`).
    """
    ws.refuse_moves()
    wanted = list(entries)
    if not wanted:
        return 0
    with held(ws, wait_s=wait_s, take=take) as add:
        return add(wanted)


@contextmanager
def held(ws: Workspace, *, wait_s: float | None = None, take: Take | None = None) -> Generator[Add]:
    """Keep the log to oneself for a move that stores something and says so there; gives what adds lines.

    Whoever can't have the log learns it before anything is stored. Raises CockpitError like `record`, which nobody may
    call inside: it would wait for us.
    """
    ws.refuse_moves()
    wait_s = WAIT_S if wait_s is None else wait_s
    place = ws.layout.private / "methodlog.lock"
    until = time.monotonic() + wait_s
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock_ = (take or _take)(place, wait_s)
    except OSError as error:
        raise CockpitError(
            f"the method log can't be written: {why(error)}",
            "Nothing of it is lost.",
            file=place,
        ) from error
    with lock_:
        if lock_.state == "busy":
            raise CockpitError(
                f"another process has kept the method log to itself for {wait_s:.0f} s, so nothing was written",
                "Try again; `fuser` on the lock names the process.",
                file=place,
            )
        _read(ws.layout.methodlog)

        def add(entries: Iterable[Entry]) -> int:
            dated = [_encodable(entry if entry.date else on_day(entry, ws.clock())) for entry in entries]
            if lock_.state == "held":
                return _add(ws.layout.methodlog, dated)
            return _add_unlocked(ws.layout.methodlog, dated, until)

        yield add


def note(ws: Workspace, text: str, *, experiment: str | None = None, kind: str = "note") -> bool:
    """A line of the user's own; False where the log has it already."""
    if not text.strip():
        raise CockpitError("an empty note says nothing", "Give it a text.")
    id_ = ws.experiment(experiment).id if experiment else ""
    return record(ws, [Entry(kind, text, experiment=id_)]) > 0


def text_of(ws: Workspace) -> str:
    """Return the log as it is now, its marks included; empty where there is none. Raises CockpitError."""
    return _read(ws.layout.methodlog)


def on_day(entry: Entry, when: float) -> Entry:
    """Return the entry with the local day of `when` (epoch seconds); undated, so today, where no day is that one."""
    try:
        return replace(entry, date=date.fromtimestamp(when).isoformat())
    except (ValueError, OverflowError, OSError):  # a foreign file's time: in milliseconds, NaN
        return replace(entry, date="")


def _add(path: Path, entries: Sequence[Entry]) -> int:
    before = _read(path)
    text, added = _with(before, entries)
    if added:
        _write(path, text)
    return added


def _add_unlocked(path: Path, entries: Sequence[Entry], until: float) -> int:
    """Add lines where the file system has no locks: a writer whose lines were overwritten sees it, and adds them anew.

    The file is looked at once more right before it is replaced, and again after others that were at it then are done.
    """
    added: int | None = None
    while True:
        before = _read(path)
        text, missing = _with(before, entries)
        added = missing if added is None else added
        if not missing:
            return added
        if time.monotonic() > until:
            raise CockpitError(
                "the method log is being written by others all the time, so a line of it was lost",
                "Try again.",
                file=path,
            )
        if _read(path) == before:
            _write(path, text)
        time.sleep(SETTLE_S * random.uniform(1.0, 2.0))


def _with(text: str, entries: Sequence[Entry]) -> tuple[str, int]:
    """Return the text with those entries that it lacks, and how many they were."""
    added = 0
    for entry in entries:
        longer = methodlog.append(text, entry)
        added += longer != text
        text = longer
    return text, added


def _read(path: Path) -> str:
    try:
        # Bytes that are no UTF-8 (somebody's paste) stay as they are: nothing of a log is ever lost.
        return untrusted.read_bytes(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise CockpitError(
            f"the method log can't be read: {error}", "Mend it or move it away.", file=path
        ) from error


def _write(path: Path, text: str) -> None:
    try:
        atomic.write_bytes(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise CockpitError(
            f"the method log can't be written: {why(error)}", "Nothing of it is lost.", file=path
        ) from error


def _take(path: Path, wait_s: float) -> lock.Lock:
    return lock.take(path, wait_s=wait_s)


def _encodable(entry: Entry) -> Entry:
    """Lone surrogates (of hostile file names) as escapes, so that they are not taken for bytes of the log."""
    plain = entry.text.encode("utf-8", "backslashreplace").decode("utf-8")
    return entry if plain == entry.text else replace(entry, text=plain)
