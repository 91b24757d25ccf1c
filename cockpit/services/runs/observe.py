"""Look at one attempt's folder and the process table, and let core/runs/status judge. Bounded, cheap to repeat."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cockpit.contract import control
from cockpit.contract.bounded import untrusted
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import decode_line, last_event, read_rows
from cockpit.core.runs.evidence import Signs
from cockpit.core.runs.status import AttemptStatus, derive
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import liveness

_EVENTS = 131_072  # bytes of the newest events: the stage is nearly always among them
_METRICS = 16_384  # some fifty rows, enough for a typical step time
_LOG = 16_384
_LAUNCHING_S = 60.0  # a launch lock older than this is a leftover

LOCK = "launch.lock"
SLURM = "slurm.json"


def observe(attempt: AttemptLayout, *, now: float | None = None) -> AttemptStatus:
    """What the attempt is doing, as of `now` (epoch seconds; default: now). Never raises OSError."""
    now = time.time() if now is None else now
    facts = read_facts(attempt.process)
    alive = liveness(facts)
    over = facts is not None and not alive.trainer and facts.exit_code != 0
    seen = signs(attempt, explain=over)
    status = derive(facts, seen, now=now, alive=alive, launching=_launching(attempt, now))
    return _as_slurm_sees_it(attempt, status)


def _as_slurm_sees_it(attempt: AttemptLayout, status: AttemptStatus) -> AttemptStatus:
    """What only the cluster knows: that it waits, that its node failed. An ended run needs no question."""
    if not (attempt.root / SLURM).exists():
        return status
    from cockpit.core.runs.slurm import with_job
    from cockpit.services.runs import slurm

    id_ = slurm.job_id(attempt)
    return with_job(status, slurm.job_of(attempt), id_) if id_ else status


def signs(attempt: AttemptLayout, *, explain: bool = False) -> Signs:
    """The newest of the trainer's own files, without reading them whole.

    `explain` looks into the log for a reason, where no end was reported.
    """
    events = rows_at_end(attempt.events, _EVENTS)
    if not any(row.get("kind") == "stage" for row in events):
        stage = last_event(attempt.events, "stage")
        events = [stage, *events] if stage is not None else events
    log_time = _mtime(attempt.log)
    unsaid = not any(row.get("kind") == "end" for row in events)
    return Signs.read(
        events,
        rows_at_end(attempt.metrics, _METRICS),
        log_time=log_time,
        error=last_error(text_at_end(attempt.log, _LOG)) if explain and unsaid else "",
        stop_requested=_stop_requested(attempt),
    )


def rows_at_end(path: Path, window: int) -> list[dict[str, Any]]:
    """The well-formed lines within the last `window` bytes of a line file, oldest first."""
    data, whole = _at_end(path, window)
    lines = data.split(b"\n")
    return [row for line in lines[0 if whole else 1 :] if line and (row := decode_line(line)) is not None]


def rows_at_ends(path: Path, head: int, tail: int) -> Iterator[dict[str, Any]]:
    """The well-formed lines of a file, in order; of one longer than `head + tail` bytes, those within its ends."""
    try:
        size = path.stat().st_size
        if size > head + tail:
            with untrusted.opened(path) as handle:
                lines = handle.read(head).split(b"\n")[:-1]
        else:
            lines = None
    except OSError:
        return
    if lines is None:
        yield from read_rows(path)
        return
    yield from (row for line in lines if line and (row := decode_line(line)) is not None)
    yield from rows_at_end(path, tail)


def text_at_end(path: Path, window: int) -> str:
    """The last `window` bytes of a text file; broken UTF-8 is replaced."""
    return _at_end(path, window)[0].decode("utf-8", "replace")


def last_error(log: str) -> str:
    """The line of a log that says why: what the last traceback raised, else the last that says anything.

    A full disk leaves a last line of a few letters, which say nothing.
    """
    lines = [line.rstrip() for line in log.replace("\r", "\n").split("\n")]
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].startswith("Traceback (most recent call last)"):
            for line in lines[index + 1 :]:
                if line and not line[0].isspace():
                    return line
            break
    said = [line.strip() for line in reversed(lines) if line.strip()]
    return next((line for line in said if sum(map(str.isalpha, line)) > 2), said[0] if said else "")


def _at_end(path: Path, window: int) -> tuple[bytes, bool]:
    try:
        with untrusted.opened(path) as handle:
            size = handle.seek(0, 2)
            handle.seek(max(0, size - window))
            return handle.read(window), size <= window
    except OSError:
        return b"", True


def _stop_requested(attempt: AttemptLayout) -> float | None:
    for request in control.pending(attempt):
        if request.name == "stop":
            return _mtime(request.path)
    return None


def _launching(attempt: AttemptLayout, now: float) -> bool:
    taken = _mtime(attempt.root / LOCK)
    return taken is not None and now - taken < _LAUNCHING_S


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def age(path: Path) -> float | None:
    """Seconds since a file was written; None where there is none."""
    written = _mtime(path)
    return None if written is None else max(0.0, time.time() - written)
