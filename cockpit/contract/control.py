"""Requests from the cockpit to a running trainer: small files that the trainer polls at the end of a step."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from cockpit.contract.atomic import read_json, write_json
from cockpit.contract.layout import AttemptLayout

RequestName = Literal["stop", "checkpoint", "evaluate"]
_REQUESTS: tuple[RequestName, ...] = ("stop", "checkpoint", "evaluate")
_FILE = re.compile(r"(\d{3,})-(stop|checkpoint|evaluate)\.json")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `stop` (checkpoint, then end), `checkpoint` or `evaluate` now."""

    name: RequestName
    path: Path

    def done(self) -> None:
        """Mark as carried out; a request that someone else removed meanwhile is done too."""
        try:
            os.replace(self.path, self.path.with_suffix(".done"))
        except FileNotFoundError:
            return


def request(attempt: AttemptLayout, name: RequestName, *, now: float | None = None) -> Path:
    """Ask the trainer of `attempt` for `name`; asking twice before it acted is one request."""
    if name not in _REQUESTS:
        raise ValueError(f"unknown request {name!r}: one of {', '.join(_REQUESTS)}")
    for waiting in pending(attempt):
        if waiting.name == name:
            return waiting.path
    attempt.control.mkdir(parents=True, exist_ok=True)
    taken = [int(p.name.split("-")[0]) for p in attempt.control.iterdir() if p.name.split("-")[0].isdigit()]
    path = attempt.control / f"{max(taken, default=0) + 1:03d}-{name}.json"
    write_json(path, {"v": 1, "request": name, "time": time.time() if now is None else now})
    return path


def pending(attempt: AttemptLayout) -> list[Request]:
    """Requests not yet carried out, oldest first. Never raises: a missing folder has none."""
    try:
        names = sorted(os.listdir(attempt.control))
    except OSError:
        return []
    found: list[Request] = []
    for name in names:
        match = _FILE.fullmatch(name)
        if match and read_json(attempt.control / name) is not None:
            found.append(Request(cast(RequestName, match[2]), attempt.control / name))
    return found


def carried_out(attempt: AttemptLayout, name: RequestName) -> set[str]:
    """File names of the requests for `name` that were carried out or cleared. Never raises."""
    try:
        return {path.name for path in attempt.control.glob(f"*-{name}.done")}
    except OSError:
        return set()


def clear(attempt: AttemptLayout) -> None:
    """Forget requests that an earlier process left unanswered (called before a launch or resume)."""
    for waiting in pending(attempt):
        waiting.done()
