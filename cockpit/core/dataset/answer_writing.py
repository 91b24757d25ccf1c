"""Rewrite an answer, or the answer in a training target, into the form that a verifier reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cockpit.core.dataset.answer_markers import Stated, after_thought, replace_answer, stated
from cockpit.verifiers import Verifier
from cockpit.verifiers.formats import ExactFormat, NumericFormat
from cockpit.verifiers.patterns import ChoiceFormat, RegexFormat

# What a pattern may hold besides letters and still be written out: blanks, anchors, flags, escaped punctuation.
_PIECE = re.compile(
    r"(?P<flags>\(\?[aiLmsux]+\))|(?P<blank>\\s[*+?]?\??|\[ \\t\][*+?]?)|(?P<anchor>\^|\$|\\b|\\Z|\\A)|"
    r"(?P<class>\[(?P<first>[^\]\\^])[^\]\\]*\](?P<times>[*+?])?)|\\(?P<escaped>[^A-Za-z0-9])(?P<maybe1>\?)?|"
    r"(?P<plain>[^\\()\[\]{}|.*+?^$])(?P<maybe2>[?*])?"
)


def write_answer(verifier: Verifier, answer: str) -> str | None:
    """`answer` so that the verifier reads it back; None where its form can't be told (some patterns)."""
    written = verifier.format.write(answer)
    if written is None and isinstance(verifier.format, RegexFormat):
        written = _from_pattern(verifier.format.pattern, answer)
    if written is None:
        return None
    return written if verifier(written, {verifier.gold_key: answer}).passed else None


def realigned(text: str, verifier: Verifier, row: Mapping[str, Any], answer: str | None = None) -> str | None:
    """A training target in the verifier's form, everything else of it kept; None where that can't be done.

    `row` is the item that the verifier judges by; `answer` overrides what the text itself states (a row's own gold).
    The result is fed to the verifier and returned only if it passes.
    """
    found = stated(text)
    said = answer if answer is not None else found.answer if found else None
    if said is None:
        return None
    for candidate in _candidates(text, found, verifier, said):
        if verifier(candidate, row).passed:
            return candidate
    return None


def _candidates(text: str, found: Stated | None, verifier: Verifier, answer: str) -> list[str]:
    """Ways to write it, the one that changes least first."""
    form = verifier.format
    written = write_answer(verifier, answer)
    if written is None:
        return []
    thought = text[: after_thought(text)]
    if isinstance(form, ExactFormat):
        return [answer, thought + answer]
    if found is None:
        return [f"{text.rstrip()}\n{written}"]
    body = text[after_thought(text) : found.whole[0]]
    if found.form == "equation" or (found.is_bare and not body.strip()):
        return [thought + written, written]
    swapped = replace_answer(text, found, written)
    if isinstance(form, NumericFormat | ChoiceFormat):
        ending = written if isinstance(form, NumericFormat) else f"Answer: {written}"
        return [replace_answer(text, found, ending), f"{text.rstrip()}\n{ending}"]
    alone = [written] if isinstance(form, RegexFormat) else []  # a pattern anchored at the beginning
    return [swapped, f"{text.rstrip()}\n{written}", *alone]


def _from_pattern(pattern: str, answer: str) -> str | None:
    """Write a simple pattern out: literals, blanks and one group (`(?i)answer:\\s*(\\d+)` gives `answer: 18`)."""
    opened = re.search(r"(?<!\\)\((?!\?)", pattern)
    closed = _closing(pattern, opened.end()) if opened else -1
    if opened is None or closed < 0:
        return None
    before, after = _literal(pattern[: opened.start()]), _literal(pattern[closed + 1 :])
    return None if before is None or after is None else f"{before}{answer}{after}".strip()


def _closing(pattern: str, at: int) -> int:
    depth, in_class = 1, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
            if not depth:
                return at
        at += 1
    return -1


def _literal(pattern: str) -> str | None:
    """What a pattern without alternatives matches most simply; None where it holds more than literals and blanks."""
    made: list[str] = []
    at = 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            return None
        if piece["blank"]:
            # `\s*` before a colon is nobody's habit, after it everybody's.
            made.append(" " if piece.end() == len(pattern) or "+" in piece["blank"] else "")
        elif piece["class"]:
            made.append(piece["first"])
        elif piece["escaped"]:
            made.append("" if piece["maybe1"] else piece["escaped"])
        elif piece["plain"]:
            made.append("" if piece["maybe2"] else piece["plain"])
        at = piece.end()
    return re.sub(r" +", " ", "".join(made))
