"""Metrics in plain text: JSON lines, a CSV file, or what a Trainer printed to its log.

A log that a Trainer printed has no steps in its rows; the progress bar between them has (` 5%|# | 5/100 [`): the first
one without a word before it, as those of tokenizing have one and those of evaluations come later. Without one the rows
are counted.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cockpit.contract.bounded import untrusted
from cockpit.contract.values import mapping, number, whole
from cockpit.services.foreign.record import TOTALS, Row, Update, metric
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
_BAR = re.compile(rb"(?:^|\})\s*\d{1,3}%\|[^|]{0,400}\| (\d{1,9})/(\d{1,9}) \[")
_PAIR = re.compile(
    rb"['\"]([\w/.\- ]{1,80})['\"]: ?(?:np\.\w{1,20}\()?['\"]?"
    rb"(-?(?:\d[\d.]{0,40}(?:[eE][+-]?\d{1,4})?|nan|NaN|inf|Infinity))(?![\w.])"
)
_DECIMAL = re.compile(r"^(-?\d+),(\d+(?:[eE][+-]?\d+)?)$")  # 0,5: where another mark parts the cells
_ERROR = re.compile(rb"^[\w.]{1,80}(?:Error|Exception|Interrupt)\b.{0,300}")
_HEAD = 131_072  # bytes in which a log shows what it is
_LONGEST = 1_000_000  # bytes of a line
_PRINTED = 20_000  # bytes of one that a Trainer prints its numbers in


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
        self._comma = ","
        self._count = 0
        self._bar, self._of = 0, 0
        self._state: Any = "unknown"
        self._why = ""
        self._raised = False

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
        update.state, update.why = self._state, self._why
        return update

    def _line(self, line: bytes, update: Update) -> None:
        if self.kind == "log":
            self._printed(line, update)
            return
        fields: Mapping[str, Any] = self._cells(line) if self.kind == "csv" else _decoded(line)
        if fields:
            self._row(fields, update)

    def _cells(self, line: bytes) -> dict[str, Any]:
        text = line.decode("utf-8-sig", "replace")
        if not self._columns:
            self._comma = next((mark for mark in "\t;" if mark in text), ",")
        try:
            cells = [cell.strip() for row in csv.reader([text], delimiter=self._comma) for cell in row]
        except csv.Error:
            return {}
        if not self._columns:
            self._columns = cells
            return {}
        if self._comma != ",":
            cells = [_DECIMAL.sub(r"\1.\2", cell) for cell in cells]
        return dict(zip(self._columns, cells, strict=False))

    def _printed(self, line: bytes, update: Update) -> None:
        for match in _BAR.finditer(line[-_PRINTED:]):
            count, of = int(match[1]), int(match[2])
            self._of = self._of or of
            if of == self._of:
                self._bar = count
                self.settings.setdefault("max_steps", of)
        if line.startswith(b"Traceback (most recent call last)"):
            self._raised = True
        elif self._raised and (error := _ERROR.match(line)):
            self._state, self._why = "failed", error[0].decode("utf-8", "replace")
        if len(line) > _PRINTED or (b"{'" not in line and b'{"' not in line):
            return
        fields: dict[str, Any] = {
            match[1].decode(): float(match[2].lower().replace(b"infinity", b"inf"))
            for match in _PAIR.finditer(line)
        }
        if "train_runtime" in fields:
            self._state = "finished"
        elif any(name == "epoch" or name.endswith(("loss", "reward")) for name in fields):
            if self._bar:
                fields.setdefault("step", self._bar)
            self._row(fields, update)

    def _row(self, fields: Mapping[str, Any], update: Update) -> None:
        values = {
            metric(name): found
            for name, value in fields.items()
            if name not in _NO_METRIC
            and not (name in TOTALS and "train_runtime" in fields)
            and (found := _number(value)) is not None
        }
        if not values:
            return
        self._count += 1
        steps = (whole(_number(fields[name])) for name in _STEPS if name in fields)
        step = next((step for step in steps if step is not None), self._count)
        time = next((_time(fields[name]) for name in _TIMES if name in fields), None)
        update.rows.append(Row(step, time, values))


def looks_like_metrics(path: Path) -> bool:
    """Whether a file of any name holds metrics: steps or epochs beside a loss or a reward, in a table or a log."""
    if path.suffix not in (".csv", ".tsv", ".jsonl", ".log", ".out"):
        return False
    try:
        with untrusted.opened(path) as handle:
            head = handle.read(_HEAD)
    except OSError:
        return False
    if path.suffix in (".log", ".out"):
        return any(name in head for name in (b"{'loss': ", b"{'eval_loss': "))
    first = head.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    names = list(_decoded(first.encode())) if path.suffix == ".jsonl" else re.split(r"[,;\t]", first.strip())
    return any(name in (*_STEPS, "epoch") for name in names) and any(
        name.endswith(("loss", "reward")) for name in names
    )


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
