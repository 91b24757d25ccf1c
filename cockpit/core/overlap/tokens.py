"""Texts laid end to end as word codes: what `Spellings` says of each word, without a Python object for each.

A word is told by a 64-bit key of its bytes: up to eight of them are the key itself, longer ones are hashed. Each new
spelling is asked for once, in Python; every other word is looked up in an open hash table, a batch at a time.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cockpit.core.overlap.index import I64, U64, mixed
from cockpit.core.overlap.text import MAX_SEEN, Spellings, spelled

_BLANK, _END = 0x20, 0xFF  # no UTF-8 holds a 0xFF
_BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f"  # where `str.split` splits ASCII
_TABLE = bytes.maketrans(
    (string.punctuation + _BLANKS).encode(), bytes([_BLANK]) * len(string.punctuation + _BLANKS)
)
_PART = 8  # bytes of a word that are taken at once
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(_PART + 1)], np.uint64)
_LONG = np.uint64(0x9E3779B97F4A7C15)


class Laid(NamedTuple):
    """Texts end to end: the words' codes with a 0 after each text, where each text begins, and its number of words."""

    codes: I64
    starts: I64
    sizes: I64


class Tokens:
    """Lays texts as word codes; remembers as many spellings as `Spellings` does."""

    def __init__(self, spellings: Spellings) -> None:
        self._spellings = spellings
        self._held = 0
        self._resize(1 << 16)

    def lay(self, texts: Sequence[str]) -> Laid:
        """Return the texts' words as codes, as `spelled` and `Spellings` would give them one by one."""
        raw = bytes([_END]).join(map(_raw, texts)).translate(_TABLE, b"'") + bytes([_END]) + bytes(_PART)
        data = np.frombuffer(raw, np.uint8)[:-_PART]
        ends = np.flatnonzero(data == _END)
        inside = (data != _BLANK) & (data != _END)
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        if len(inside) and inside[0]:
            edges = np.concatenate(([0], edges))
        first, after = edges[::2], edges[1::2]  # the last byte ends a text, so that no word is open
        sizes = np.diff(np.searchsorted(first, ends), prepend=0)
        codes = np.zeros(len(first) + len(texts), np.int64)
        codes[np.arange(len(first)) + np.repeat(np.arange(len(texts)), sizes)] = self._codes(
            raw, first, after
        )
        starts = np.concatenate(([0], np.cumsum(sizes + 1)[:-1]))
        return Laid(codes, starts.astype(np.int64), sizes.astype(np.int64))

    def _codes(self, raw: bytes, first: NDArray[Any], after: NDArray[Any]) -> I64:
        keys = _keys(raw, first, after)
        codes, unknown = self._find(keys)
        if not len(unknown):
            return codes
        new, one, which = np.unique(keys[unknown], return_index=True, return_inverse=True)
        made = np.empty(len(new), np.int64)
        for k, place in enumerate(unknown[one].tolist()):
            made[k] = self._spellings[raw[first[place] : after[place]].decode("utf-8", "surrogatepass")]
        codes[unknown] = made[which]
        self._keep(new, made)
        return codes

    def _find(self, keys: U64) -> tuple[I64, NDArray[Any]]:
        """Return the codes, and the places of keys that are not in the table."""
        at = (mixed(keys) >> self._shift).astype(np.int64)
        codes = self._values[at]
        missed = np.flatnonzero(self._keys[at] != keys)
        unknown: list[NDArray[Any]] = []
        at = at[missed]
        while len(missed):
            free = self._keys[at] == 0
            unknown.append(missed[free])
            missed, at = missed[~free], (at[~free] + 1) & self._last
            there = self._keys[at] == keys[missed]
            codes[missed[there]] = self._values[at[there]]
            missed, at = missed[~there], at[~there]
        return codes, np.concatenate(unknown) if unknown else np.empty(0, np.int64)

    def _keep(self, keys: U64, codes: I64) -> None:
        room = max(0, MAX_SEEN - self._held)
        keys, codes = keys[:room], codes[:room]
        if 2 * (self._held + len(keys)) > len(self._keys):
            held = self._keys != 0
            old, values = self._keys[held], self._values[held]
            self._resize(1 << int(4 * (self._held + len(keys))).bit_length())
            self._insert(old, values)
        self._insert(keys, codes)
        self._held += len(keys)

    def _insert(self, keys: U64, codes: I64) -> None:
        """Put new keys into the table; of two that want one place the later goes on to the next."""
        at = (mixed(keys) >> self._shift).astype(np.int64)
        while len(keys):
            free = self._keys[at] == 0
            self._keys[at[free]] = keys[free]
            mine = free & (self._keys[at] == keys)
            self._values[at[mine]] = codes[mine]
            keys, codes, at = keys[~mine], codes[~mine], (at[~mine] + 1) & self._last

    def _resize(self, size: int) -> None:
        self._keys = np.zeros(size, np.uint64)
        self._values = np.zeros(size, np.int64)
        self._shift, self._last = np.uint64(64 - (size.bit_length() - 1)), size - 1


def _raw(text: str) -> bytes:
    """Return the text's bytes; where more than ASCII's punctuation has to go, its words alone."""
    if not text.isascii() or "<" in text or "&" in text:
        text = " ".join(spelled(text))
    return text.encode("utf-8", "surrogatepass")


def _keys(raw: bytes, first: NDArray[Any], after: NDArray[Any]) -> U64:
    """Return a key for each word, never 0."""
    parts: Any = np.ndarray((len(raw) - _PART + 1,), "<u8", raw, strides=(1,))
    left = after - first
    keys: U64 = parts[first] & _MASKS[np.minimum(left, _PART)]
    long = np.flatnonzero(left > _PART)
    at, left = first[long] + _PART, left[long] - _PART
    while len(long):
        more = parts[at] & _MASKS[np.minimum(left, _PART)]
        keys[long] = mixed(keys[long]) * _LONG + more + np.minimum(left, _PART).astype(np.uint64)
        further = left > _PART
        long, at, left = long[further], at[further] + _PART, left[further] - _PART
    return np.where(keys == 0, _LONG, keys)
