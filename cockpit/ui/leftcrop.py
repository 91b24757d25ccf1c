"""Send only the cells that changed.

Textual's partial updates crop a dirty span on its right side alone: a changed cell makes it re-emit the row from
the widget's left edge. Over SSH that is most of the traffic of a live chart, so the left side is cropped here too.
The method is replaced only in releases whose method is known; elsewhere Textual's own stays in place.
"""

from __future__ import annotations

from typing import Any

import textual
from textual._compositor import ChopsUpdate
from textual.strip import Strip

KNOWN = ("8.2.",)
"""Releases whose `ChopsUpdate.render_segments` this was written against."""


def _render_segments(self: ChopsUpdate, console: Any) -> str:
    """As Textual's own, with both sides of a span cropped."""
    sequences: list[str] = []
    for y, x1, x2 in self.spans:
        for end, (x, chop) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
            strip: Strip | None = chop
            if strip is None or x >= x2 or end <= x1:
                continue
            left, right = max(x, x1), min(end, x2)
            if left != x or right != end:
                strip = strip.crop(left - x, right - x)
            sequences.append(f"\x1b[{y + 1};{left + 1}H")
            sequences.append(strip.render(console))
    return "".join(sequences)


def install(version: str | None = None) -> bool:
    """Put the cropping in place; whether it is (False: a Textual that this doesn't know)."""
    if not (version or textual.__version__).startswith(KNOWN):
        return False
    ChopsUpdate.render_segments = _render_segments  # type: ignore[method-assign]
    return True
