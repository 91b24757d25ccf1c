"""One launch at a time: a file that only one can make, with a way out for what a killed launcher left."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError, why
from cockpit.contract.layout import AttemptLayout
from cockpit.services.runs import observe
from cockpit.services.system import processes

SUPERVISOR_LOCK = ".supervisor.lock"  # in the attempt's folder: its supervisor holds it while it lives
STALE_LOCK_S = 60.0  # a lock from another machine counts no longer than this


@contextmanager
def launch_lock(attempt: AttemptLayout) -> Generator[None]:
    """Hold the attempt while it is launched: two cockpits that start it start one run. Raises CockpitError."""
    path = attempt.root / observe.LOCK
    if not _take(path) and not (_is_stale(path) and _steal(path)):
        raise CockpitError("it is being launched right now, by another cockpit", "Look at it in a moment.")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _take(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return False
    except OSError as error:
        raise CockpitError(
            f"the attempt's folder can't be written: {why(error)}", file=path.parent
        ) from error
    try:
        os.write(handle, json.dumps(processes.me()).encode())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise CockpitError(
            f"the attempt's folder can't be written: {why(error)}", file=path.parent
        ) from error
    finally:
        os.close(handle)
    return True


def _is_stale(path: Path) -> bool:
    fields = atomic.read_object(path)
    age = observe.age(path)
    if fields is None:
        return age is None or age > 2.0  # being written, or torn
    if fields.get("host") == processes.machine().host:
        return not processes.is_me(fields)
    return age is None or age > STALE_LOCK_S


def _steal(path: Path) -> bool:
    """Take over a leftover: renaming it first, so that of two who try only one does."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:6]}")
    try:
        os.rename(path, aside)
    except OSError:
        return False
    stale = _is_stale(aside)
    if not stale:  # somebody took it over in between: give it back
        try:
            os.link(aside, path)
        except OSError:
            stale = False
    aside.unlink(missing_ok=True)
    return stale and _take(path)
