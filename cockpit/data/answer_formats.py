r"""Recognise the form in which texts state their answer: `\boxed{}`, `####`, `ANSWER:`, tags, a choice letter, bare.

What stands here tells a person (and the decision tree) which verifier would read the data; the verdicts themselves
are the verifiers' business. Looks at the end of long texts only: the answer is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cockpit.data.messages import calls_of
from cockpit.verifiers import numbers

Form = Literal[
    "calls", "boxed", "hashes", "tagged", "answer-line", "choice", "number", "short", "sentence", "prose"
]

TAIL_CHARS = 4_000
SHORT_WORDS, SHORT_CHARS = 6, 60
_SENTENCE_WORDS = 4
REPEATED = 0.5
"""From this share of repeats on, whole sentences are classes to choose from rather than free prose."""
# A letter alone, or the way multiple-choice answers are written: (B), B., "B) Paris".
_CHOICE = re.compile(r"\(?([A-J])\)?[.:)]?(?:\s+\S.{0,80})?", re.ASCII)
_BARE_LETTER = re.compile(r"\(?[A-J]\)?\.?", re.ASCII)
_ANSWER_LINE = re.compile(
    r"(?:^|[\n.!?]\s*)\**(?:(?:the |so the |final |therefore,? the |my )*(?:answer|result)\b(?: is)?\s*[:=]|"
    r"(?:the |so the |final |therefore,? the )+(?:final |correct )?answer is)\**\s*(\S[^\n]{0,80})",
    re.IGNORECASE,
)
_TAGGED = re.compile(
    r"<(answer|final_answer|final|result|solution|ans|output)>[^<]*</\1>", re.IGNORECASE | re.ASCII
)
_THINKING = re.compile(r"<(think|thinking|reasoning|scratchpad)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """How one text states its answer: the form, and for tags which (`answer`)."""

    form: Form
    tag: str = ""

    @property
    def name(self) -> str:
        """The form's name; tags with theirs: `tagged:answer`."""
        return f"{self.form}:{self.tag}" if self.tag else self.form

    @property
    def is_checkable(self) -> bool:
        """Whether a program can take the answer out and compare it."""
        return self.form not in _FREE


_FREE: frozenset[str] = frozenset(("sentence", "prose"))
"""Forms that say the same in many ways: no two people would write it letter for letter."""
SHOWN: Mapping[Form, str] = {
    "calls": "tool calls",
    "boxed": "\\boxed{…}",
    "hashes": "#### N",
    "tagged": "tags",
    "answer-line": "ANSWER: …",
    "choice": "a choice letter",
    "number": "a bare number",
    "short": "a few bare words",
    "sentence": "a short sentence",
    "prose": "prose, no marked answer",
}
# `exact` for words: the whole completion is compared.
VERIFIERS: Mapping[Form, str] = {
    "calls": "tool-call",
    "boxed": "boxed",
    "hashes": "hashes",
    "tagged": "tagged",
    "answer-line": r"regex:(?im)answer(?: is)?\s*:?\s*(.+?)\.?$",
    "choice": "choice",
    "number": "numeric",
    "short": "exact",
}


def stated(text: str) -> Stated:
    """Say in which form `text` states its answer; the most explicit form wins."""
    tail = text[-TAIL_CHARS:].strip()
    if not tail:
        return Stated("prose")
    if tail.endswith(("</tool_call>", "</function>")) or (tail[0] in "[{" and calls_of(text)):
        return Stated("calls")
    if "\\boxed" in tail or "\\fbox" in tail:
        return Stated("boxed")
    if "####" in tail:
        # A Markdown heading of the fourth level opens a section; GSM8K's marker is the last line.
        last = tail.rsplit("####", 1)[1]
        if "\n" not in last.strip() and len(last) <= SHORT_CHARS:
            return Stated("hashes")
    tags = _TAGGED.findall(tail)
    if tags:
        return Stated("tagged", str(tags[-1]).lower())
    bare = _bare(tail) if len(tail) == len(text.strip()) else None
    if bare is not None:
        return Stated(bare)
    return Stated("answer-line") if _ANSWER_LINE.search(tail[-400:]) else Stated("prose")


def _bare(text: str) -> Form | None:
    """The form of a text that is nothing but an answer."""
    if _BARE_LETTER.fullmatch(text):
        return "choice"
    if len(text) > SHORT_CHARS or "\n" in text:
        return None
    if numbers.parse(text) is not None:
        return "number"
    if _CHOICE.fullmatch(text) and (text[1:2] in (")", ".", ":") or (text[0] == "(" and text[2:3] == ")")):
        return "choice"
    if _ANSWER_LINE.search("\n" + text):
        return "answer-line"
    words = len(text.split())
    if words > SHORT_WORDS:
        return None
    return "sentence" if words >= _SENTENCE_WORDS and text[-1] in ".!?…" else "short"


def thinks(text: str) -> bool:
    """Whether the text holds a block of reasoning in tags (`<think>` and its like)."""
    return _THINKING.search(text[:TAIL_CHARS]) is not None


def common(
    names: Iterable[tuple[str, int]], total: int, *, share: float = 0.8, repeats: float = 0.0
) -> str | None:
    """The one checkable form that at least `share` of `total` texts are in, or None.

    Numbers, letters and short words count together as bare answers (the verifier is the narrowest that fits all), and
    sentences do where so many `repeats` (a share of the texts) say that they are classes.
    """
    free = _FREE - {"sentence"} if repeats >= REPEATED else _FREE
    counts = {name: n for name, n in names if name not in free}
    if not total or not counts:
        return None
    best = max(counts, key=lambda name: counts[name])
    if counts[best] >= share * total and best != "sentence":
        return best
    bare = sum(counts.get(name, 0) for name in ("number", "choice", "short", "sentence"))
    return "short" if bare >= share * total else None


def checkable(texts: Sequence[str], *, share: float = 0.8) -> bool:
    """Whether a program can check at least `share` of these answers, each of which may be in a form of its own."""
    repeated = bool(texts) and 1 - len(set(texts)) / len(texts) >= REPEATED
    forms = [stated(text) for text in texts]
    n = sum(form.is_checkable or (repeated and form.form == "sentence") for form in forms)
    return n >= share * len(texts)


def verifier_for(name: str | None) -> str | None:
    """The verifier that reads this form: `hashes`, `tagged:answer`, …"""
    if name is None:
        return None
    form, _, tag = name.partition(":")
    if form == "tagged":
        return f"tagged:{tag or 'answer'}"
    return next((spec for key, spec in VERIFIERS.items() if key == form), None)
