"""wandb's offline files (`run-*.wandb`): a LevelDB log of `Record` messages; history, settings and the exit."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from cockpit.contract.bounded import untrusted
from cockpit.contract.values import number
from cockpit.services.foreign.record import Row, Update, metric
from cockpit.services.foreign.sources import wire
from cockpit.services.foreign.sources.tail import ByteTail

_MAGIC, _START = b":W&B", 7
_BLOCK, _HEADER = 32_768, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_SKIPPED = ("_step", "_runtime", "_timestamp", "_wandb")


class WandbRun:
    """One offline run."""

    kind = "wandb"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.place = path, name, str(path)
        self.settings: dict[str, Any] = {}
        self._begin()

    def _begin(self) -> None:
        self._tail = ByteTail(self.path)
        self._at = 0
        self._parts: list[bytes] = []
        self._state: Any = "unknown"
        self._why = ""

    def poll(self) -> Update:
        update = Update()
        while data := self._tail.read():
            if self._tail.restarted:
                self._begin()
                return Update(restarted=True)
            self._log(data, update)
        update.state, update.why = self._state, self._why
        return update

    def _log(self, data: bytes, update: Update) -> None:
        """Cut `data`, which begins at offset `_at` of the file, into records."""
        at = 0
        if self._at == 0:
            if len(data) < _START:
                self._tail.keep(data)
                return
            if not data.startswith(_MAGIC):
                self._state, self._why = "failed", "this is no wandb file"
                return
            at = _START
        base = self._at
        while at + _HEADER <= len(data):
            room = _BLOCK - (base + at) % _BLOCK
            if room < _HEADER:
                at += room
                continue
            size, kind = struct.unpack_from("<HB", data, at + 4)
            end = at + _HEADER + size
            if kind == 0 and size == 0:
                at += room  # padding that was written ahead
                continue
            if end > len(data):
                break
            self._fragment(kind, data[at + _HEADER : end], update)
            at = end
        at = min(at, len(data))
        self._at = base + at
        self._tail.keep(data[at:])

    def _fragment(self, kind: int, data: bytes, update: Update) -> None:
        if kind in (_FULL, _FIRST):
            self._parts = []
        self._parts.append(data)
        if kind in (_FULL, _LAST):
            self._record(b"".join(self._parts), update)
            self._parts = []

    def _record(self, message: bytes, update: Update) -> None:
        for field, value in wire.fields(message):
            if not isinstance(value, bytes):
                continue
            if field == 2:
                row = _history(value)
                if row is not None:
                    update.rows.append(row)
            elif field == 5:
                self._config(value)
            elif field == 17:
                self._run(value)
            elif field == 18:
                code = next((wire.signed(v) for n, v in wire.fields(value) if n == 1), 0)
                self._state = "finished" if code == 0 else "failed"
                self._why = "" if code == 0 else f"it exited with {code}"

    def _run(self, message: bytes) -> None:
        for field, value in wire.fields(message):
            if field == 8 and wire.text(value):
                self.name = wire.text(value)
            elif field == 4 and isinstance(value, bytes):
                self._config(value)

    def _config(self, message: bytes) -> None:
        for field, value in wire.fields(message):
            if field == 1 and isinstance(value, bytes):
                name, content = _item(value)
                if name and not name.startswith("_wandb"):
                    self.settings[name] = content


def _history(message: bytes) -> Row | None:
    step, named, time, values = 0, None, None, dict[str, float]()
    for field, value in wire.fields(message):
        if not isinstance(value, bytes):
            continue
        if field == 2:
            step = next((wire.signed(v) for n, v in wire.fields(value) if n == 1), 0)
        elif field == 1:
            name, content = _item(value)
            found = number(content)
            if found is None:
                continue
            if name == "_timestamp":
                time = found
            elif name in ("train/global_step", "_step"):
                named = int(found) if name == "train/global_step" else named
                step = int(found) if name == "_step" else step
            elif not name.startswith(_SKIPPED):
                values[metric(name)] = found
    # A Trainer logs several times a step; its own step counts, not wandb's running number.
    return Row(step if named is None else named, time, values) if values else None


def _item(message: bytes) -> tuple[str, object]:
    """(name, value) of a HistoryItem or ConfigItem, in the old form (JSON) and the new one (typed)."""
    name, nested, content = "", list[str](), None
    for field, value in wire.fields(message):
        if field == 1:
            name = wire.text(value)
        elif field == 2:
            nested.append(wire.text(value))
        elif field == 5:
            content = wire.zigzag(value)
        elif field == 6:
            content = wire.double(value)
        elif field == 4:
            content = bool(value)
        elif field == 7:
            content = wire.text(value)
        elif field in (8, 16):
            content = _json(wire.text(value))
    return name or "/".join(nested), content


def _json(text: str) -> object:
    try:
        return untrusted.parse(text)
    except ValueError:
        return {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.get(
            text.strip('"')
        )
