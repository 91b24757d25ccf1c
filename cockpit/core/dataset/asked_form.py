"""What prompts ask for and how targets answer: the form of the answer, and whether reasoning goes with it.

A form counts as asked for where most prompts name it, since a single question may well quote `\\boxed{}` or `####`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cockpit.core.dataset.answer_markers import Stated, after_thought

Style = Literal["alone", "reasoned", "unclear"]

MOST = 0.5
"""The share of prompts from which a request counts as every prompt's."""
ALONE_WORDS, REASONED_WORDS = 6, 15
_SEEN_CHARS = 20_000  # of a longer prompt the end is read

_TAG = re.compile(r"<([A-Za-z][\w.-]{0,40})>")
_WORD = (
    r"(?:answer|respond|reply|write|give|put|state|end|finish|conclude|provide|return|output|report|format|use|express|"
    r"present|say|submit)\w*"
)
_LABEL = re.compile(
    rf"\b{_WORD}\b[^\n]{{0,80}}?[\"'`*“‘\s]((?:the )?(?:final |correct )?(?:answer|ans|result|solution)(?: is)?)\**[ \t]?[:：]"
    r"[ \t]*(?:[\[<({$\"'`*]|[XNxn]\b|\.\.\.|…|your|the|letter)",
    re.IGNORECASE,
)
_SHOWN_LABEL = re.compile(  # `ANSWER: X` or `Answer: <number>` as a form to follow, on a line or in quotes
    r"(?:^|[\n\"'`“‘])((?:final )?answer)[ \t]?:[ \t]*(?:[XNx]\b|\.\.\.|…|[\[<({][\w \-]{1,30}[\]>)}])",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"step[- ]by[- ]step|show (?:your|all|the) (?:work|reasoning|steps|working)|explain (?:your|how|why|each)|"
    r"reason (?:through|carefully|first|before)|think (?:carefully|through|out loud|aloud)|let'?s think|"
    r"with (?:your )?(?:reasoning|explanation|working)",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"\b(?:only|just|nothing (?:else )?but)\b[^\n.]{0,40}\b(?:answer|letter|number|digit|option|choice|result|integer|value|word)\b|"
    r"\b(?:answer|letter|number|option|choice|result|integer)\b[^\n.]{0,12}\b(?:only|alone|nothing else)\b|"
    r"\b(?:without|no|do not|don'?t)\b[^\n.]{0,24}\b(?:explain|explanation|explanations|reasoning|working|steps|other text|"
    r"anything else)\b|\bsingle (?:letter|number|word|integer)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One form that a prompt asks for: the key that `Stated` forms are compared by, and where it says so."""

    key: str
    label: str
    span: tuple[int, int]


def asked(prompt: str) -> Asked | None:
    """The form of answer that `prompt` asks for, the last one it names; None where it names none."""
    text = prompt[-_SEEN_CHARS:]
    offset = len(prompt) - len(text)
    hits: list[Asked] = []
    for at, literal, key, label in (
        (text.rfind("\\boxed"), "\\boxed", "boxed", "\\boxed{…}"),
        (text.rfind("####"), "####", "hashes", "#### …"),
    ):
        if at >= 0:
            hits.append(Asked(key, label, (at + offset, at + offset + len(literal))))
    for match in _TAG.finditer(text):
        tag = match.group(1)
        if f"</{tag}>" in text and tag.lower() in (
            "answer",
            "final_answer",
            "final",
            "result",
            "solution",
            "ans",
        ):
            hits.append(
                Asked(f"tagged:{tag}", f"<{tag}>…</{tag}>", (match.start() + offset, match.end() + offset))
            )
    for pattern in (_LABEL, _SHOWN_LABEL):
        for match in pattern.finditer(text):
            label = match.group(1)
            hits.append(
                Asked(line_key(label), f"{label}: …", (match.start(1) + offset, match.end(1) + offset + 1))
            )
    return max(hits, key=lambda hit: hit.span) if hits else None


def asked_by_most(prompts: Sequence[str]) -> tuple[str, float] | None:
    """The form (its key) that at least `MOST` of the prompts ask for, with its share; None where there is none."""
    if not prompts:
        return None
    keys = Counter(found.key for prompt in prompts if (found := asked(prompt)) is not None)
    if not keys:
        return None
    key, count = keys.most_common(1)[0]
    return (key, count / len(prompts)) if count >= MOST * len(prompts) else None


def asks_style(prompt: str) -> tuple[Style, tuple[int, int]] | None:
    """Whether `prompt` asks for the reasoning or for the answer alone, and where; None where it says neither, or both."""
    cut = max(0, len(prompt) - _SEEN_CHARS)
    reason, alone = _REASON.search(prompt, cut), _ALONE.search(prompt, cut)
    if (reason is None) == (alone is None):
        return None
    return ("reasoned", reason.span()) if reason is not None else ("alone", alone.span() if alone else (0, 0))


def key_of(found: Stated) -> str:
    """What two stated answers are compared by: the form, and the tag or the label with it."""
    if found.form == "tagged":
        return f"tagged:{found.label[1 : found.label.index('>')]}"
    if found.form == "line":
        return line_key(found.label.removesuffix(": …"))
    return found.form


def line_key(label: str) -> str:
    """The key of a labelled line; case and the words around `answer` don't matter to a reader."""
    words = [
        word for word in label.lower().split() if word not in ("the", "so", "my", "final", "correct", "is")
    ]
    return f"line:{' '.join(words)}"


def style(text: str, found: Stated | None) -> Style:
    """Whether `text` is its answer alone or reasons before it; a block of thinking is not counted."""
    start = after_thought(text)
    if found is None:
        rest = text[start:]
        return "reasoned" if _words(rest) >= 2 * REASONED_WORDS else "unclear"
    words = _words(text[start : max(start, found.whole[0])]) + _words(text[found.whole[1] :])
    if words <= ALONE_WORDS:
        return "alone"
    return "reasoned" if words >= REASONED_WORDS else "unclear"


def _words(text: str) -> int:
    """Words, or half the characters of a script that writes without blanks."""
    if text.isascii():
        return len(text.split())
    dense = sum("\u3040" <= char <= "\u9fff" or "\u0e00" <= char <= "\u0e7f" for char in text)
    return len(text.split()) + dense // 2
