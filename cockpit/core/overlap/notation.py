"""Two questions in one form where they differ in blanks, marks of punctuation or notation alone: `15+3=?`, `15 + 3`.

What tells two questions apart stays: signs of operations, points in numbers, exponents, brackets, `!` after a number.
"""

from __future__ import annotations

import re

from cockpit.core.overlap.text import number_of, plain
from cockpit.data.rows import normalise_text

FEW_WORDS = 12  # a question of more words is no bare sum
MOST = 160  # characters

_RAISED = re.compile(r"[⁰¹²³⁴-⁹]+")
_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_SIGNS = str.maketrans({**dict.fromkeys("×✕✖⋅·∙∗", "*"), "÷": "/", "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=",
                        "≠": "!="})  # fmt: skip
_TEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}"), r"\1/\2"),
    (re.compile(r"\\(?:times|cdot|ast)(?![a-z])"), "*"),
    (re.compile(r"\\div(?![a-z])"), "/"),
    (re.compile(r"\\left|\\right|\\[,;!]|\\[()\[\]]"), ""),
    (re.compile(r"\$\$?([^$]*[-+*/^=\\][^$]*)\$\$?"), r"\1"),
    (re.compile(r"\^\{(\w+)\}"), r"^\1"),
)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_STOPS = re.compile(
    r"[?¿¡…\"“”„«»？]|(?<=[^\W\d_][^\W\d_])[!！](?=\s|$)|[.,;:。，；：](?=\s|$)|(?:^|(?<=\s))_+(?=\s|$)"
)
_BLANKS = re.compile(r"\s*([^\w\s])\s*")
_END = re.compile(r"(?:[\s=_□]|\(\s*\)|\[\s*\])+$")
_ASKS = re.compile(
    r"^(?:please |question |q )?(?:what is|what s|what's|whats|what does|how much is|calculate|compute|evaluate|"
    r"simplify|solve|find|work out)(?: the (?:value|sum|result) of)?(?=[\W\d]|\s)\s*|\s*(?:equals?|make|is)$"
)
_WORDS = {"plus": "+", "minus": "-", "times": "*", "divided": "/", "over": "/", "equals": "="}
_PARTS = frozenset(("half", "twice", "double", "triple", "thrice", "quarter", "third", "dozen", "once"))
"""Words of shares and times, which are no numbers of their own in a sum."""
_SUM = re.compile(r"(?:\d+(?:\.\d+)?|[a-z](?![a-z])|[-+*/^()=<>%!√])+")


def key(text: str) -> str:
    """Return the form in which the same question is the same text; empty where nothing is asked."""
    known = normalise_text(plain(_RAISED.sub(_powers, text) if not text.isascii() else text))
    if len(known) > MOST:
        return known  # of a long text a mark more or less is a matter of its words
    if not known.isascii():
        known = known.translate(_SIGNS)
    if "\\" in known or "$" in known or "{" in known:
        for pattern, instead in _TEX:
            known = pattern.sub(instead, known)
    known = _THOUSANDS.sub(lambda number: number[0].replace(",", ""), known.replace("**", "^"))
    known = _END.sub("", _STOPS.sub(" ", known))
    return _bare_sum(known) or _BLANKS.sub(r"\1", " ".join(known.split()))


def _powers(match: re.Match[str]) -> str:
    return f"^{match[0].translate(_DIGITS)}"


def _bare_sum(known: str) -> str:
    """Return a sum without the words that ask for it, its signs as signs; empty for any other text."""
    if known.count(" ") > FEW_WORDS:
        return ""
    words = _ASKS.sub("", _ASKS.sub("", " ".join(known.split()))).split()
    said = [_WORDS.get(word) or _number(word) for word in words if word != "by"]
    sum_ = _END.sub("", re.sub(r"(?<=\d)x(?=\d)", "*", "".join(_apart(said))))
    is_sum = _SUM.fullmatch(sum_) and re.search(r"[-+*/^=<>%!√]", sum_) and re.search(r"\d", sum_)
    return sum_ if is_sum else ""


def _number(word: str) -> str:
    return word if word in _PARTS else number_of(word) or word


def _apart(words: list[str]) -> list[str]:
    """Keep two numbers or names that stand side by side apart, so that `15 3` is not `153`."""
    made: list[str] = []
    for word in words:
        if made and made[-1][-1:].isalnum() and word[:1].isalnum() and "x" not in (made[-1], word):
            made.append("\0")  # no sum holds it
        made.append(word)
    return made
