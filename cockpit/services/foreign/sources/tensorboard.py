"""TensorBoard event files: TFRecords of `Event` messages, scalars only.

A trainer that starts in a folder again writes a file of its own beside the older ones. Where its steps begin anew it
is a run of its own; where they go on from an earlier step it is a resume, and the rows after that step count no more.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.services.foreign.record import Row, Update, metric, source_pid
from cockpit.services.foreign.sources import wire
from cockpit.services.foreign.sources.tail import ByteTail

PATTERN = "events.out.tfevents.*"
_HEADER, _FOOTER = 12, 4  # length and its checksum; checksum of the data
_HEAD = 65_536  # bytes in which a file's first rows stand
_LONGEST = 64_000_000  # a record that claims more is garbage


class TensorBoardRun:
    """One run's event files, oldest first; takes in those that go on from it."""

    kind = "tensorboard"

    def __init__(self, files: Sequence[Path], name: str) -> None:
        self.folder, self.name, self.place = files[0].parent, name, str(files[0].parent)
        self.settings: dict[str, Any] = {}
        self._files = [_File(path) for path in files]
        self._looked_at = set(self.folder.glob(PATTERN))
        self._over = False  # a later start in the folder was a run of its own
        self._last: dict[str, int] = {}

    @property
    def pid(self) -> int | None:
        """The process that writes the newest file, by the file's name, where that is one of this machine."""
        return source_pid(self._files[-1].path.name)

    def poll(self) -> Update:
        update = Update()
        self._look_for_more()
        for file in self._files:
            for row in file.rows(update):
                self._take(file, row, update)
        return update

    def _look_for_more(self) -> None:
        if self._over:
            return
        for path in sorted(set(self.folder.glob(PATTERN)) - self._looked_at):
            heads = _heads(path)
            if not heads:
                return  # nothing in it yet that tells
            self._looked_at.add(path)
            begun: dict[str, int] = {}
            for file in self._files:
                begun = _heads(file.path) | begun
            if _anew(heads, begun):
                self._over = True
                return
            self._files.append(_File(path))

    def _take(self, file: _File, row: Row, update: Update) -> None:
        known = self._last.keys() & row.values.keys()
        if file.fresh and known and row.step <= max(self._last[name] for name in known):
            to = row.step - 1
            update.rows = [earlier for earlier in update.rows if earlier.step <= to]
            update.rewound_to = to if update.rewound_to is None else min(to, update.rewound_to)
            self._last = {name: min(step, to) for name, step in self._last.items()}
        file.fresh = file.fresh and not known
        self._last |= dict.fromkeys(row.values, row.step)
        update.rows.append(row)


class _File:
    """One event file, read record by record."""

    def __init__(self, path: Path, tail: ByteTail | None = None) -> None:
        self.path = path
        self.fresh = True  # nothing came of it yet that an earlier file had logged too
        self._tail = tail or ByteTail(path)
        self._broken = False

    def rows(self, update: Update) -> Iterator[Row]:
        while not self._broken and (data := self._tail.read()):
            update.restarted |= self._tail.restarted
            yield from self.records(data)

    def records(self, data: bytes) -> Iterator[Row]:
        at = 0
        while at + _HEADER <= len(data):
            (size,) = struct.unpack_from("<Q", data, at)
            if size > _LONGEST:
                self._broken = True  # no way to find the next record
                return
            end = at + _HEADER + size + _FOOTER
            if end > len(data):
                break
            row = _scalars(data[at + _HEADER : at + _HEADER + size])
            if row is not None:
                yield row
            at = end
        self._tail.keep(data[at:])


def runs_in(folder: Path, name: str) -> list[TensorBoardRun]:
    """Give the runs whose event files lie in `folder`, oldest first; from the second start on they are numbered."""
    groups: list[list[Path]] = []
    begun: dict[str, int] = {}
    for path in sorted(folder.glob(PATTERN)):
        heads = _heads(path)
        if not groups or _anew(heads, begun):
            groups.append([])
            begun = {}
        groups[-1].append(path)
        begun = heads | begun
    return [
        TensorBoardRun(files, name if number == 1 else f"{name} (start {number})")
        for number, files in enumerate(groups, 1)
    ]


def _anew(heads: Mapping[str, int], begun: Mapping[str, int]) -> bool:
    """Whether a file logs something from its beginning that was logged from there before."""
    return any(key in begun and step <= begun[key] for key, step in heads.items())


def _heads(path: Path) -> dict[str, int]:
    """The first step of each metric in the file's first block."""
    found: dict[str, int] = {}
    tail = ByteTail(path, block=_HEAD)
    for row in _File(path, tail).records(tail.read()):
        for key in row.values:
            found.setdefault(key, row.step)
    return found


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
