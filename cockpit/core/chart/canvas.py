"""A grid of characters with an ink for each, and the cells in which two grids differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Ink(IntEnum):
    """What a cell shows; whoever puts the grid on a screen decides how each looks."""

    BLANK = 0
    AXIS = 1
    LABEL = 2
    TITLE = 3
    NOTE = 4
    LEVEL = 5
    BAD = 6
    CURSOR = 7
    POINT = 8
    BEST = 9
    CHECKPOINT = 10
    ALARM = 11
    LINE = 16  # + number of the line
    RAW = 32  # + number of the line: its values, behind their average


SPACE = ord(" ")


class Grid:
    """`height` x `width` cells: `codes` (code points) and `inks` (`Ink` numbers)."""

    __slots__ = ("codes", "height", "inks", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.codes: NDArray[np.uint32] = np.full((height, width), SPACE, np.uint32)
        self.inks: NDArray[np.uint8] = np.zeros((height, width), np.uint8)

    def copy(self) -> Grid:
        """The same cells, to paint on."""
        fresh = Grid.__new__(Grid)
        fresh.width, fresh.height = self.width, self.height
        fresh.codes, fresh.inks = self.codes.copy(), self.inks.copy()
        return fresh

    def stamp(self, x: int, y: int, codes: NDArray[np.uint32], ink: int) -> None:
        """Paint a block of characters over what is there, except where they are 0."""
        height, width = codes.shape
        there = codes > 0
        self.codes[y : y + height, x : x + width][there] = codes[there]
        self.inks[y : y + height, x : x + width][there] = ink

    def write(self, x: int, y: int, text: str, ink: int) -> None:
        """Write a line of one-cell characters; what falls outside is cut off."""
        if not 0 <= y < self.height:
            return
        text = text[max(0, -x) : max(0, self.width - x)]
        x = max(0, x)
        if text:
            self.codes[y, x : x + len(text)] = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
            self.inks[y, x : x + len(text)] = ink

    def runs(self, y: int) -> Iterator[tuple[str, int]]:
        """Row `y` as pieces of one ink: (text, ink)."""
        inks = self.inks[y]
        text = self.codes[y].tobytes().decode("utf-32-le")
        cuts = [0, *(np.flatnonzero(inks[1:] != inks[:-1]) + 1).tolist(), self.width]
        for start, stop in itertools.pairwise(cuts):
            yield text[start:stop], int(inks[start])

    def rows(self) -> list[str]:
        """The characters alone, a string a row."""
        return [row.tobytes().decode("utf-32-le") for row in self.codes]


def changes(before: Grid, after: Grid, join: int) -> list[tuple[int, int, int]]:
    """Where `after` differs from `before` (of the same size), as pieces (y, x, width).

    Pieces with at most `join` unchanged cells between them are one: moving the cursor and setting the colour
    anew costs more bytes than writing those cells again.
    """
    differ = (before.codes != after.codes) | (before.inks != after.inks)
    rows, columns = np.nonzero(differ)
    if not len(rows):
        return []
    cut = np.flatnonzero((np.diff(rows) != 0) | (np.diff(columns) > join + 1))
    starts, stops = np.append(0, cut + 1), np.append(cut, len(rows) - 1)
    return [
        (y, x0, x1 - x0 + 1)
        for y, x0, x1 in zip(
            rows[starts].tolist(), columns[starts].tolist(), columns[stops].tolist(), strict=True
        )
    ]
