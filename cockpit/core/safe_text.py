"""Make hostile text harmless to show.

Prompts, completions, logs and file names may carry terminal escapes, control characters or bidirectional
overrides. Everything that reaches a screen passes `clean` first, so that a completion can neither move the
cursor nor pretend to be a part of the cockpit. Each such character is replaced by a stand-in that can be seen,
never dropped: text that hides something should look as if it does.
"""

from __future__ import annotations

import json
import re
from typing import Literal

# C0 without \t and \n, DEL, C1, the bidirectional controls, invisible separators and fillers, interlinear
# annotations, tag characters (used to smuggle invisible prompts), lone surrogates,
# noncharacters. The zero-width joiner and non-joiner stay: Persian, Hindi and emoji need them.
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_LINE_BREAKS = re.compile("\r\n|\r|\n")
_STACKED_MARKS = re.compile(
    "([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
TAB_WIDTH = 4


def _stand_in(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)  # ␛ for ESC, ␇ for BEL …
    if code == 0x7F:
        return "\u2421"  # ␡
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"\u27e8U+{code:04X}\u27e9"


def clean(text: str, *, newlines: Literal["keep", "show"] = "keep") -> str:
    """Return `text` with everything that a terminal would act on replaced by visible stand-ins.

    `newlines="keep"` leaves line breaks (CRLF becomes LF); `"show"` turns each into `⏎` for one-line places.
    Tabs become spaces: their width is the terminal's business otherwise. Runs of more than four combining
    marks are cut, as they paint over the neighbouring rows. Linear in the length of the text.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if newlines == "show":
        text = _LINE_BREAKS.sub("\u23ce", text)
    if "\t" in text:
        text = text.replace("\t", " " * TAB_WIDTH)
    text = _HOSTILE.sub(_stand_in, text)
    return text if text.isascii() else _STACKED_MARKS.sub(r"\1", text)


def escape_json(text: str) -> str:
    """JSON with every character that a terminal would act on written as `\\uXXXX`: the same data, harmless to print."""
    return _HOSTILE.sub(lambda match: json.dumps(match.group())[1:-1], text)


def clip(text: str, width: int) -> str:
    """Return at most `width` characters of `text`, cleaned, ending in `…` where something was cut."""
    if len(text) > width:
        # A stand-in is at most 11 characters for one, so this is enough input for the output asked for.
        return clean(text[: max(0, width - 1)], newlines="show")[: max(0, width - 1)] + "…"
    shown = clean(text, newlines="show")
    return shown if len(shown) <= width else shown[: max(0, width - 1)] + "…"
