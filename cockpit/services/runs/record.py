"""The supervisor's record of one process: `process.json`, kept on a full disk too."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.core.runs.evidence import Pid, ProcessFacts
from cockpit.services.system.processes import machine

_KEPT = 8  # earlier launches of the attempt (resumes) that stay in the record
_OF_EARLIER = ("launch", "started", "ended", "exit_code", "signal", "outcome", "detail", "stop_reason")


class ProcessFile:
    """Holds the record and writes it whole at every change; `write` says whether it reached the disk."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self.path = path
        self.values = values

    @classmethod
    def begin(cls, path: Path, *, launch: str, now: float, supervisor: Pid) -> ProcessFile:
        """A fresh record; that of an earlier launch of the same attempt becomes a line under `earlier`."""
        here = machine()
        earlier: list[object] = []
        before = atomic.read_object(path)
        if before is not None:
            kept = before.get("earlier")
            earlier = list(cast("list[object]", kept)) if isinstance(kept, list) else []
            earlier.append({key: before.get(key) for key in _OF_EARLIER})
        values: dict[str, Any] = {
            "v": 1,
            "host": here.host,
            "boot_id": here.boot_id,
            "pid_namespace": here.pid_namespace,
            "launch": launch,
            "resumed": False,
            "supervisor": {"pid": supervisor.pid, "start_time": supervisor.start_time},
            "trainer": None,
            "argv": [],
            "cwd": None,
            "git_sha": None,
            "python": None,
            "started": round(now, 3),
            "ended": None,
            "exit_code": None,
            "signal": None,
            "outcome": None,
            "detail": "",
            "time_budget_s": None,
            "stop_reason": None,
            "stop_requested": None,
            "stop_now": False,
            "forced": False,
            "swept": [],
            "earlier": earlier[-_KEPT:],
        }
        return cls(path, values)

    @property
    def facts(self) -> ProcessFacts:
        """The record as the rest of the cockpit sees it."""
        facts = ProcessFacts.from_json(self.values)
        assert facts is not None
        return facts

    def update(self, **values: object) -> None:
        """Change fields, without writing."""
        self.values |= values

    def write(self) -> OSError | None:
        """Write the record; None where it worked.

        Where no new file fits on the disk, the old one's own blocks are written again in place: readers take
        a torn record for a missing one, and look again.
        """
        if not self.path.parent.is_dir():
            return FileNotFoundError(errno.ENOENT, "the attempt's folder is gone")  # and stays gone
        try:
            atomic.write_json(self.path, self.values)
        except OSError as error:
            return None if self._in_place() else error
        return None

    def _in_place(self) -> bool:
        data = (json.dumps(atomic.finite(self.values), ensure_ascii=False) + "\n").encode()
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            whole = os.pwrite(handle, data, 0) == len(data)
            os.ftruncate(handle, len(data))
            os.fsync(handle)
        except OSError:
            return False
        finally:
            os.close(handle)
        return whole


def read_facts(path: Path) -> ProcessFacts | None:
    """What `process.json` says; None where it is missing or torn."""
    return ProcessFacts.from_json(atomic.read_json(path))
