"""Styled lines of text: what every panel of the cockpit is made of. Pure; widths are in terminal cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from cockpit.core.safe_text import clean
from cockpit.ui.text.glyphs import Glyphs, to_ascii
from cockpit.ui.text.styles import PLAIN

Span: TypeAlias = tuple[str, Style]


class Line(NamedTuple):
    """One line: spans of text with a style each, and what the line stands for (an experiment's id, a step …)."""

    spans: tuple[Span, ...] = ()
    key: str | None = None

    @property
    def plain(self) -> str:
        return "".join(text for text, _ in self.spans)

    @property
    def width(self) -> int:
        return sum(cell_len(text) for text, _ in self.spans)


def line(*parts: Span | str, key: str | None = None) -> Line:
    """A line from spans and plain strings; empty ones are dropped."""
    return Line(tuple((p, PLAIN) if isinstance(p, str) else p for p in parts if p and p[0]), key)


def cell(text: str, width: int, *, ellipsis: str = "…") -> str:
    """`text` in exactly `width` cells, cut with an ellipsis or padded."""
    have = cell_len(text)
    if have > width:
        return "" if width <= 0 else set_cell_size(text, width - 1) + ellipsis
    return text + " " * (width - have)


def fold(text: str, width: int) -> list[str]:
    """`text` broken at spaces into lines of at most `width` cells; a word that is longer is cut hard."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        current = ""
        for word in paragraph.split(" "):
            candidate = f"{current} {word}" if current else word
            if cell_len(candidate) <= width:
                current = candidate
                continue
            if current:
                lines.append(current)
            while cell_len(word) > width > 0:
                head = set_cell_size(word, width).rstrip(" ") or word[:1]
                lines.append(head)
                word = word[len(head) :]
            current = word
        lines.append(current)
    return lines


def harmless(text: str, glyphs: Glyphs) -> str:
    """The last gate before the terminal: whatever a builder forgot to clean is cleaned here."""
    if not text.isprintable():
        text = clean(text, newlines="show")
    return to_ascii(text) if glyphs.ascii else text


def to_strip(
    source: Line,
    width: int,
    glyphs: Glyphs,
    *,
    offset: int = 0,
    base: Style = PLAIN,
    flat: Style | None = None,
) -> Strip:
    """Draw `source` into exactly `width` cells from column `offset`; `flat` replaces every style (cursor rows)."""
    segments: list[Segment] = []
    for text, style in source.spans:
        shown = harmless(text, glyphs)
        if flat is not None:
            style = flat + Style(bold=True) if style.bold else flat
        segments.append(Segment(shown, base + style))
    strip = Strip(segments)
    if offset:
        strip = strip.crop(offset, max(offset, strip.cell_length))
    if strip.cell_length > width:
        cut = Strip([Segment(glyphs.ellipsis, base + (flat or PLAIN))], 1)
        return Strip.join([strip.crop(0, max(0, width - 1)), cut]) if width else Strip.blank(0)
    return strip.adjust_cell_length(width, base + (flat or PLAIN))


def changed_columns(old: Strip, new: Strip) -> tuple[int, int] | None:
    """The cells `[first, last)` in which two strips of one width differ, or None where they are alike."""
    if old == new:
        return None
    width = max(old.cell_length, new.cell_length)
    before, after = _cells(old), _cells(new)
    if len(before) != len(after):
        return (0, width)
    first = 0
    while first < len(after) and before[first] == after[first]:
        first += 1
    last = len(after)
    while last > first and before[last - 1] == after[last - 1]:
        last -= 1
    while first > 0 and "" in (before[first][0], after[first][0]):  # never half of a wide character
        first -= 1
    while last < len(after) and "" in (before[last][0], after[last][0]):
        last += 1
    return (first, last) if last > first else None


def _cells(strip: Strip) -> list[tuple[str, Style | None]]:
    cells: list[tuple[str, Style | None]] = []
    for text, style, _ in strip:
        for char in text:
            wide = cell_len(char)
            if wide:
                cells.append((char, style))
                cells.extend([("", style)] * (wide - 1))
            elif cells:
                cells[-1] = (cells[-1][0] + char, cells[-1][1])
    return cells


def join(parts: Sequence[Sequence[Span | str]], gap: str = "  ") -> list[Span | str]:
    """Groups of spans, with `gap` between those that aren't empty."""
    joined: list[Span | str] = []
    for group in parts:
        if any(p if isinstance(p, str) else p[0] for p in group):
            if joined:
                joined.append(gap)
            joined.extend(group)
    return joined
