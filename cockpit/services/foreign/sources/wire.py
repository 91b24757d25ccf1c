"""Protocol buffers on the wire, as little as event files need: fields of a message by number, without a schema."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | bytes


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """(number, value) of each field in order: integers for varints and fixed widths (raw bits), bytes for the rest.

    Stops silently where the message is torn or is none: the caller has what came before.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
        elif kind == 2:
            size, at = _varint(message, at)
            if size < 0 or at + size > len(message):
                return
            yield number, message[at : at + size]
            at += size
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            if at + width > len(message):
                return
            yield number, int.from_bytes(message[at : at + width], "little")
            at += width
        else:
            return


def double(bits: Value) -> float:
    """The double of a fixed64 field."""
    return struct.unpack("<d", int(bits).to_bytes(8, "little"))[0] if isinstance(bits, int) else float("nan")


def single(bits: Value) -> float:
    """The float of a fixed32 field."""
    return struct.unpack("<f", int(bits).to_bytes(4, "little"))[0] if isinstance(bits, int) else float("nan")


def signed(value: Value) -> int:
    """An int64 that came as a varint."""
    whole = value if isinstance(value, int) else 0
    return whole - (1 << 64) if whole >> 63 else whole


def zigzag(value: Value) -> int:
    """An sint64 that came as a varint."""
    whole = value if isinstance(value, int) else 0
    return (whole >> 1) ^ -(whole & 1)


def text(value: Value) -> str:
    """A string field."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
    return -1, len(message)
