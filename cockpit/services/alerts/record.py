"""What was told and what waits, in `.cockpit/alerts.json`: under a lock, so that two who look tell once.

`sent` names causes that are through; `waiting` are messages on their way: held back by quiet hours, or to be tried
again at those targets that did not take them. Neither holds an address.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic, lock
from cockpit.contract.layout import WorkspaceLayout
from cockpit.contract.values import mapping
from cockpit.core.alerts import Cause, Settings, clock_text, is_quiet, message
from cockpit.core.safe_text import clean
from cockpit.services.alerts.sending import Answer, Target, send

LOCK = "alerts.lock"
LOCK_WAIT_S = 90.0  # for another process that sends: bounded by its targets
TRIES = 3
PAUSES_S = (20.0, 120.0)  # before the second and the third try
KEPT = 5000  # causes that are remembered, the newest of them
LOG_BYTES = 1_000_000


@dataclass(slots=True)
class Waiting:
    """A message that is not through: to whom it still has to go, and how often that was tried."""

    causes: list[Cause]
    left: list[str]
    tries: int = 0
    quiet: bool = False


@dataclass(slots=True)
class Record:
    """The file as a value. `failed`: what a target said of the last message that it didn't take."""

    sent: dict[str, float] = field(default_factory=dict[str, float])
    waiting: list[Waiting] = field(default_factory=list[Waiting])
    failed: dict[str, str] = field(default_factory=dict[str, str])


def path_of(layout: WorkspaceLayout) -> Path:
    """Where the record is."""
    return layout.private / "alerts.json"


def log_of(layout: WorkspaceLayout) -> Path:
    """Where is said what was not delivered, and what quiet hours held back."""
    return layout.private / "logs" / "alerts.log"


def read(layout: WorkspaceLayout) -> Record:
    """The record as it is; an empty one where there is none. Odd entries are left out."""
    raw = atomic.read_object(path_of(layout)) or {}
    sent = {key: float(at) for key, at in mapping(raw.get("sent")).items() if isinstance(at, int | float)}
    failed = {name: str(says) for name, says in mapping(raw.get("failed")).items()}
    rows = raw.get("waiting")
    found = [_waiting(mapping(row)) for row in cast("list[object]", rows)] if isinstance(rows, list) else []
    return Record(sent, [one for one in found if one is not None], failed)


def _waiting(row: Mapping[str, Any]) -> Waiting | None:
    names = ("key", "experiment", "title", "says", "fix")
    try:
        causes = [Cause(*(str(mapping(one)[name]) for name in names)) for one in row["causes"]]
        left = [str(name) for name in row["left"]]
        return Waiting(causes, left, int(row["tries"]), bool(row["quiet"])) if causes else None
    except (KeyError, TypeError, ValueError):
        return None


class Teller:
    """Tells causes to targets, each once; `clock` gives epoch seconds, `minute` the minute of the local day."""

    def __init__(
        self,
        layout: WorkspaceLayout,
        name: str,
        settings: Settings,
        targets: Sequence[Target],
        *,
        clock: Callable[[], float] = time.time,
        minute: Callable[[], int] | None = None,
    ) -> None:
        self._layout = layout
        self._name = name
        self._settings = settings
        self._targets = {target.name: target for target in targets}
        self._clock = clock
        self._minute = minute or (lambda: _minute_of(clock()))

    def tell(self, find: Callable[[], Sequence[Cause]], *, tries: int = 1) -> bool:
        """Send what nobody was told yet, and what waits; True while something has to be tried again.

        `tries`: what was tried so often waits for a later call. `find` is asked under the lock. Raises OSError where
        the record can't be kept, as nothing is sent then.
        """
        self._layout.private.mkdir(parents=True, exist_ok=True)
        with lock.take(self._layout.private / LOCK, wait_s=LOCK_WAIT_S) as held:
            if not held.free:
                return True
            kept = read(self._layout)
            known = kept.sent.keys() | {one.key for message in kept.waiting for one in message.causes}
            fresh = [cause for cause in find() if cause.key not in known]
            quiet = is_quiet(self._settings.quiet, self._minute())
            if fresh:
                kept.waiting.append(Waiting(fresh, list(self._targets), quiet=quiet))
                if quiet:
                    self._held_back(fresh)
            if not quiet:
                self._gather(kept)
            _write(self._layout, kept)  # first: who can't write this must not send, or would send it for ever
            if not quiet:
                for one in [one for one in kept.waiting if one.tries < tries]:
                    self._send(kept, one)
                    _write(self._layout, kept)
            return any(not one.quiet and one.tries < TRIES for one in kept.waiting)

    def _gather(self, kept: Record) -> None:
        """Make one message of all that quiet hours held back, together with what is new."""
        late = [one for one in kept.waiting if one.quiet]
        if late:
            fresh = [one for one in kept.waiting if not one.quiet and one.tries == 0]
            causes = [cause for one in (*late, *fresh) for cause in one.causes]
            kept.waiting = [one for one in kept.waiting if one not in late and one not in fresh]
            kept.waiting.append(Waiting(causes, list(self._targets)))

    def _send(self, kept: Record, one: Waiting) -> None:
        title, text = message(self._name, one.causes)
        one.tries += 1
        for name in list(one.left):
            target = self._targets.get(name)
            answer = (
                send(target, title, text) if target else Answer(name, True, "")
            )  # no longer in the settings
            if answer.delivered:
                one.left.remove(name)
                kept.failed.pop(name, None)
            else:
                kept.failed[name] = answer.says
                last = "" if one.tries < TRIES else " It is not tried again."
                note(self._layout, self._clock(), f"{name}: {title}: not delivered: {answer.says}.{last}")
        if not one.left or one.tries >= TRIES:
            kept.waiting.remove(one)
            kept.sent |= {cause.key: round(self._clock(), 3) for cause in one.causes}

    def _held_back(self, causes: Sequence[Cause]) -> None:
        assert self._settings.quiet is not None
        until = clock_text(self._settings.quiet[1])
        for cause in causes:
            says = f"quiet until {until}: held back, and sent by the first run that is looked at then"
            note(self._layout, self._clock(), f"{says}: {cause.experiment}: {cause.says}")


def tested(layout: WorkspaceLayout, answers: Sequence[Answer], now: float) -> None:
    """Keep what targets said of a message sent by hand; a target that took it is in order again."""
    try:
        layout.private.mkdir(parents=True, exist_ok=True)
        with lock.take(layout.private / LOCK, wait_s=LOCK_WAIT_S):
            kept = read(layout)
            for answer in answers:
                kept.failed.pop(answer.target, None)
                if not answer.delivered:
                    kept.failed[answer.target] = answer.says
                    note(layout, now, f"{answer.target}: a test was not delivered: {answer.says}.")
            _write(layout, kept)
    except OSError:
        return  # what they said is printed all the same


def _write(layout: WorkspaceLayout, kept: Record) -> None:
    sent = dict(sorted(kept.sent.items(), key=lambda one: one[1])[-KEPT:])
    waiting = [asdict(one) for one in kept.waiting]
    atomic.write_json(path_of(layout), {"v": 1, "sent": sent, "waiting": waiting, "failed": kept.failed})


def trouble(layout: WorkspaceLayout) -> str:
    """What was not delivered last, in a sentence for a person; empty where all went through."""
    failed = read(layout).failed
    if not failed:
        return ""
    what = "; ".join(f"{clean(name)} ({clean(says)})" for name, says in failed.items())
    return f"Alerts are not delivered: {what}. `cockpit alert test` tries it now."


def note(layout: WorkspaceLayout, now: float, text: str) -> None:
    """Write a line to the log of alerts, which may be on a full disk."""
    path = log_of(layout)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
            log.write(f"{stamp} {clean(text, newlines='show')}\n")
    except OSError:
        return


def _minute_of(now: float) -> int:
    local = time.localtime(now)
    return local.tm_hour * 60 + local.tm_min
