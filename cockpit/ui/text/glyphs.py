"""Every sign that the cockpit draws, twice: for UTF-8 terminals and in plain ASCII."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Mapping
from typing import NamedTuple


class Glyphs(NamedTuple):
    """One table of signs; each is one cell wide, so that columns stay aligned in both tables."""

    ascii: bool
    draft: str
    smoked: str
    running: str
    starting: str
    stalled: str
    stopping: str
    stopped: str
    evaluated: str
    early: str
    committed: str
    discarded: str
    failed: str
    lost: str
    pin: str
    mark: str
    cursor: str
    branch: str
    last: str
    pipe: str
    rule: str
    best: str
    up: str
    down: str
    level: str
    info: str
    warn: str
    alarm: str
    block: str
    arrow: str
    ellipsis: str
    dot: str
    cross: str
    check: str
    thumb: str
    more_below: str
    return_sign: str
    delta: str
    dash: str
    times: str


UNICODE = Glyphs(
    ascii=False, draft="○", smoked="◔", running="▶", starting="◌", stalled="‖", stopping="◧", stopped="■",
    evaluated="●", early="◆", committed="✔", discarded="✕", failed="✖", lost="?", pin="⌖", mark="+",
    cursor="▸", branch="├", last="└", pipe="│", rule="─", best="★", up="▲", down="▼", level="=",
    info="·", warn="!", alarm="▲", block="⊘", arrow="→", ellipsis="…", dot="·", cross="✕", check="✓",
    thumb="▐", more_below="▾", return_sign="⏎", delta="Δ", dash="–", times="×",
)  # fmt: skip
ASCII = Glyphs(
    ascii=True, draft="o", smoked="c", running=">", starting=":", stalled="|", stopping="-", stopped="#",
    evaluated="*", early="e", committed="Y", discarded="x", failed="X", lost="?", pin="@", mark="+",
    cursor=">", branch="|", last="`", pipe="|", rule="-", best="*", up="^", down="v", level="=",
    info=".", warn="!", alarm="!", block="X", arrow=">", ellipsis="~", dot=".", cross="x", check="v",
    thumb="#", more_below="v", return_sign="|", delta="d", dash="-", times="x",
)  # fmt: skip

_PLAIN = {ord(sign): plain for sign, plain in zip(UNICODE[1:], ASCII[1:], strict=True)} | {
    ord(k): v for k, v in {"–": "-", "—": "-", "’": "'", "“": '"', "”": '"', "≤": "<", "≥": ">"}.items()
}


def wants_ascii(environ: Mapping[str, str] | None = None, encoding: str | None = None) -> bool:
    """Whether this terminal is to be served ASCII: `COCKPIT_ASCII=1`, `TERM=linux`, or a locale that isn't UTF-8."""
    env = os.environ if environ is None else environ
    asked = env.get("COCKPIT_ASCII", "")
    if asked:
        return asked != "0"
    if env.get("TERM") in {"linux", "dumb", "vt100", "vt220"}:
        return True
    if encoding is None:
        shown = sys.__stdout__.encoding if sys.__stdout__ else None
        encoding = shown or locale.getpreferredencoding(False)
    return encoding.lower().replace("-", "").replace("_", "") not in {"utf8", "cp65001"}


def choose(environ: Mapping[str, str] | None = None, encoding: str | None = None) -> Glyphs:
    """The table for this terminal."""
    return ASCII if wants_ascii(environ, encoding) else UNICODE


def to_ascii(text: str) -> str:
    """`text` in ASCII: known signs by their stand-ins, the rest as `?`, one cell for one character."""
    if text.isascii():
        return text
    return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
