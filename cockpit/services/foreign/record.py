"""What is read of a run that somebody else made, whatever wrote it."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from cockpit.contract.setting_names import METRICS
from cockpit.contract.setting_names import TOTALS as TOTALS

State = Literal["running", "finished", "failed", "stopped", "unknown"]
_PREFIXES = ("train/", "Train/")


class Row(NamedTuple):
    """Numbers at an optimizer step; `time` in epoch seconds, None where the source has none."""

    step: int
    time: float | None
    values: Mapping[str, float]


@dataclass(slots=True)
class Update:
    """What is new since the last poll. `samples`: step -> rows of prompts and completions."""

    rows: list[Row] = field(default_factory=list[Row])
    samples: dict[int, list[dict[str, Any]]] = field(default_factory=dict[int, list[dict[str, Any]]])
    state: State = "unknown"
    why: str = ""
    rewound_to: int | None = None
    """A resume went on from this step: the rows after it that were given before count no more, `rows` follow it."""
    restarted: bool = False
    """The source was replaced: everything read before counts no more."""


class ForeignRun(Protocol):
    """One run. `settings` are the hyperparameters that it names, `place` says where it was found.

    A run that knows the process which writes it has an attribute `pid` as well.
    """

    name: str
    kind: str
    place: str
    settings: dict[str, Any]

    def poll(self) -> Update:
        """Read on; bounded, tolerant of half lines and missing files."""
        ...


def metric(name: str) -> str:
    """A metric by the name that the cockpit uses: without `train/`, `lr` for the learning rate."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return METRICS.get(name, name)


_EVENT_FILE = re.compile(r"tfevents\.\d+\.(.+)\.(\d+)\.\d+$")


def source_pid(file_name: str) -> int | None:
    """Give the process id in an event file's name, None where the name tells none or that of another machine."""
    match = _EVENT_FILE.search(file_name)
    return int(match[2][:9]) if match and match[1] == socket.gethostname() else None
