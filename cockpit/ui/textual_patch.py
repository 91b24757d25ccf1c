"""Send only the cells that changed.

Textual's partial updates crop a dirty span on its right side alone: a changed cell makes it re-emit the row from
the widget's left edge. Over SSH that is most of the traffic of a live chart, so the left side is cropped here too.
The method is replaced only where it is the one that this was written against (Textual 8.2); elsewhere Textual's own
stays in place. It is recognised by its variables: asking for the version would cost the first frame 20 ms.
"""

from __future__ import annotations

from typing import Any

from textual._compositor import ChopsUpdate
from textual.strip import Strip

KNOWN = "self console sequences append move_to chops chop_ends last_y y x1 x2 line ends end x strip terminal_sequences"
"""The variables of `ChopsUpdate.render_segments` in Textual 8.2."""


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


def install() -> bool:
    """Put the cropping in place; whether it is (False: a Textual that this doesn't know)."""
    own = ChopsUpdate.render_segments
    if own is _render_segments:
        return True
    if " ".join(own.__code__.co_varnames) != KNOWN:
        return False
    ChopsUpdate.render_segments = _render_segments  # type: ignore[method-assign]
    return True
