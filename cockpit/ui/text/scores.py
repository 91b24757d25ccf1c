"""How scores, deltas and numbers are written, in as many cells as there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cockpit.ui.text.glyphs import Glyphs
from cockpit.ui.text.lines import Span
from cockpit.ui.text.styles import BAD, BOLD, DIM, GOOD, PLAIN

if TYPE_CHECKING:
    from cockpit.core.scores import Delta, Score


def share(value: float) -> str:
    """A score in 0..1 with the digits that mean something: `0`, `.725`, `1`."""
    if not math.isfinite(value):
        return "?"
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0.") else text


def score_spans(score: Score | None, *, wide: bool, glyphs: Glyphs) -> list[Span]:
    """The held-out score with its interval: `.805 [.744 .854]`, or short `.805 ±.055`."""
    if score is None:
        return [(glyphs.dash, DIM)]
    if wide:
        return [(share(score.value), BOLD), (f" [{share(score.lo)} {share(score.hi)}]", DIM)]
    half = (score.hi - score.lo) / 2
    sign = "+-" if glyphs.ascii else "±"
    return [(share(score.value), BOLD), (f" {sign}{share(half)}", DIM)]


def delta_spans(delta: Delta | None, glyphs: Glyphs) -> list[Span]:
    """What the score did against the parent's, in a word; a sign and a colour only underline the word."""
    if delta is None:
        return []
    words = {
        "gained": (f"{glyphs.up} gained", GOOD),
        "lost": (f"{glyphs.down} lost", BAD),
        "level": (f"{glyphs.level} level", PLAIN),
        "too_few": ("? in the noise", DIM),
    }
    word, style = words.get(delta.kind, (delta.kind.replace("_", " "), DIM))
    if delta.kind == "incomparable":
        return [("not comparable", DIM)]
    return [(f"{delta.value:+.3f}".replace("0.", ".", 1), style), (f" {word}", style)]


def number(value: float | None) -> str:
    """A metric in at most nine characters; a missing one is a dash, NaN says so."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    size = abs(value)
    if size != 0 and (size < 1e-3 or size >= 1e5):
        return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e")
    if size >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    if float(value).is_integer() and size >= 10:
        return str(int(value))
    return f"{value:.4g}"
