"""Metrics in plain text: JSON lines, a CSV file, or what a Trainer printed to its log.

A log that a Trainer printed has no steps in its rows; the progress bar between them has (` 5/100 [`). Without one the
rows are counted.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cockpit.contract.bounded import untrusted
from cockpit.contract.values import mapping, number, whole
from cockpit.services.foreign.record import Row, Update, metric
from cockpit.services.foreign.sources.tail import ByteTail

NAMES = ("metrics.jsonl", "metrics.csv", "progress.csv", "log.jsonl", "train_log.jsonl")
"""What loggers call such a file (Lightning, Stable-Baselines3, torchtune's and people's own)."""
LOGS = (".log", ".out", ".txt")
_STEPS = (
    "step",
    "global_step",
    "_step",
    "train/global_step",
    "current_steps",
    "iteration",
    "iter",
    "total_timesteps",
)
_TIMES = ("time", "timestamp", "_timestamp", "wall_time", "created_at")
_NO_METRIC = {*_STEPS, *_TIMES, "_runtime"}
_BAR = re.compile(rb"\b(\d{1,9})/(\d{1,9}) \[")
_PRINTED = re.compile(rb"\{['\"][\w/.\- ]{1,80}['\"]: .{1,20000}\}")
_TOTALS = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss")
_LONGEST = 1_000_000  # bytes of a line


class LinesRun:
    """One text file that grows by lines; `kind` is its form."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.place = path, name, str(path)
        self.kind = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl"}.get(path.suffix, "log")
        self.settings: dict[str, Any] = {}
        self._tail = ByteTail(path)
        self._begin()

    def _begin(self) -> None:
        self._columns: list[str] = []
        self._count = 0
        self._bar = 0
        self._state: Any = "unknown"

    def poll(self) -> Update:
        update = Update()
        while data := self._tail.read():
            if self._tail.restarted:
                self._begin()
                update = Update(restarted=True)
            *lines, rest = data.replace(b"\r", b"\n").split(b"\n")
            self._tail.keep(rest if len(rest) < _LONGEST else b"")
            for line in lines:
                self._line(line, update)
        update.state = self._state
        return update

    def _line(self, line: bytes, update: Update) -> None:
        if self.kind == "log":
            self._printed(line, update)
            return
        fields = self._cells(line) if self.kind == "csv" else _decoded(line)
        if fields:
            self._row(fields, update)

    def _cells(self, line: bytes) -> dict[str, Any]:
        try:
            text = line.decode("utf-8-sig", "replace")
            cells = [cell for row in csv.reader([text], delimiter=self._delimiter(line)) for cell in row]
        except csv.Error:
            return {}
        if not self._columns:
            self._columns = [cell.strip() for cell in cells]
            return {}
        return dict(zip(self._columns, cells, strict=False))

    def _delimiter(self, line: bytes) -> str:
        return next((mark for mark in "\t;" if mark.encode() in line and b"," not in line), ",")

    def _printed(self, line: bytes, update: Update) -> None:
        for match in _BAR.finditer(line):
            self._bar = int(match[1])
            self.settings.setdefault("max_steps", int(match[2]))
        match = _PRINTED.search(line)
        if match is None:
            return
        try:
            fields = mapping(ast.literal_eval(match[0].decode("utf-8", "replace")))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            fields = _decoded(match[0])
        if "train_runtime" in fields:
            self._state = "finished"
            return
        if self._bar:
            fields.setdefault("step", self._bar)
        self._row(fields, update)

    def _row(self, fields: Mapping[str, Any], update: Update) -> None:
        values = {
            metric(name): found
            for name, value in fields.items()
            if name not in _NO_METRIC and name not in _TOTALS and (found := _number(value)) is not None
        }
        if not values:
            return
        self._count += 1
        steps = (whole(_number(fields[name])) for name in _STEPS if name in fields)
        step = next((step for step in steps if step is not None), self._count)
        time = next((_time(fields[name]) for name in _TIMES if name in fields), None)
        update.rows.append(Row(step, time, values))


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        return mapping(untrusted.parse(line)) if line.strip() else {}
    except ValueError:
        return {}


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            return float(value) if len(value) < 40 else None
        except ValueError:
            return None
    return number(value)


def _time(value: object) -> float | None:
    """Epoch seconds, of seconds, milliseconds or an ISO date."""
    found = _number(value)
    if found is not None:
        return found / 1000 if found > 1e11 else found if found > 1e8 else None
    try:
        return datetime.fromisoformat(str(value)[:40]).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
