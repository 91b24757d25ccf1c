"""TensorBoard event files: TFRecords of `Event` messages, scalars only. A folder of them is one run."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from cockpit.services.foreign import wire
from cockpit.services.foreign.record import Row, Update, metric
from cockpit.services.foreign.tail import ByteTail

PATTERN = "events.out.tfevents.*"
_HEADER, _FOOTER = 12, 4  # length and its checksum; checksum of the data
_LONGEST = 64_000_000  # a record that claims more is garbage


class TensorBoardRun:
    """One folder's event files, oldest first."""

    kind = "tensorboard"

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.place = folder, name, str(folder)
        self.settings: dict[str, Any] = {}
        self._tails: dict[Path, ByteTail] = {}
        self._broken: set[Path] = set()

    def poll(self) -> Update:
        update = Update()
        for path in sorted(self.folder.glob(PATTERN)):
            tail = self._tails.setdefault(path, ByteTail(path))
            while path not in self._broken and (data := tail.read()):
                update.restarted |= tail.restarted
                self._records(path, data, tail, update)
        return update

    def _records(self, path: Path, data: bytes, tail: ByteTail, update: Update) -> None:
        at = 0
        while at + _HEADER <= len(data):
            (size,) = struct.unpack_from("<Q", data, at)
            if size > _LONGEST:
                self._broken.add(path)  # no way to find the next record
                return
            end = at + _HEADER + size + _FOOTER
            if end > len(data):
                break
            row = _scalars(data[at + _HEADER : at + _HEADER + size])
            if row is not None:
                update.rows.append(row)
            at = end
        tail.keep(data[at:])


def _scalars(event: bytes) -> Row | None:
    time, step, values = None, 0, dict[str, float]()
    for number, value in wire.fields(event):
        if number == 1:
            time = wire.double(value)
        elif number == 2:
            step = wire.signed(value)
        elif number == 5 and isinstance(value, bytes):
            values |= dict(_summary(value))
    return Row(step, time, values) if values else None


def _summary(message: bytes) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for number, value in wire.fields(message):
        if number != 1 or not isinstance(value, bytes):
            continue
        tag, scalar = "", None
        for field, part in wire.fields(value):
            if field == 1:
                tag = wire.text(part)
            elif field == 2:
                scalar = wire.single(part)
            elif field == 8 and isinstance(part, bytes):
                scalar = _tensor(part)
        if tag and scalar is not None:
            found.append((metric(tag), scalar))
    return found


def _tensor(message: bytes) -> float | None:
    """A scalar written as a tensor: one float (field 5) or its bytes (field 4), DT_FLOAT only."""
    kind, packed, content = 0, b"", b""
    single: float | None = None
    for number, value in wire.fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and value:
            if any(field == 2 for field, _ in wire.fields(value if isinstance(value, bytes) else b"")):
                return None  # it has dimensions: a histogram or an image
        elif number == 4 and isinstance(value, bytes):
            content = value
        elif number == 5:
            packed, single = (value, single) if isinstance(value, bytes) else (packed, wire.single(value))
    raw = packed or content
    if kind != 1:
        return None
    return struct.unpack("<f", raw)[0] if len(raw) == 4 else single
