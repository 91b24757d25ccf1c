r"""LaTeX answers in one spelling, so that `\frac12` and `\dfrac{1}{2}` are the same text; nothing is computed.

After the rules that MATH's graders use (Hendrycks et al. 2021): arguments get the braces that TeX lets one leave out,
sizes and blanks go. Braces are never dropped: `\frac{1}{23}` and `\frac{12}{3}` stay apart.
"""

from __future__ import annotations

import re

MAX_CHARS = 1_000
_DROPPED = re.compile(r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|limits)(?![A-Za-z])|\\[,!;: ]|~")
_FRAC = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf|textit|mbox|operatorname)\s*\{([^{}]*)\}")
_DEGREES = re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})")
_ARGUMENT = r"(\{|\\[A-Za-z]+|[^\s{}\\])"
_TAKES = re.compile(r"\\(frac|sqrt(?:\[[^\[\]]*\])?)(?![A-Za-z])\s*|([\^_])\s*")
_NAMED = re.compile(r"([A-Za-z](?:_\{?\w\}?)?)\s*=\s*(?!=)(.+)", re.DOTALL)
_BLANKS = re.compile(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])|(?<=([A-Za-z]{2}))\s+(?=[A-Za-z]{2})|\s+")
"""Blanks count after a command, and between two words; elsewhere TeX draws none."""


def canonical(text: str) -> str:
    """Return `text` in one spelling; longer texts than any answer are left as they are."""
    if len(text) > MAX_CHARS:
        return text
    text = _TEXT.sub(lambda m: m[1], _FRAC.sub(r"\\frac", _DROPPED.sub("", text.strip().strip("$"))))
    text = _braced(_DEGREES.sub("", text))
    return _BLANKS.sub(lambda m: f"{m[1] or ''} " if m[1] or m[2] else "", text).rstrip(".")


def unnamed(left: str, right: str) -> tuple[str, str]:
    """Both without the name of a variable (`x = 18`) where only one of them has one."""
    named = _NAMED.fullmatch(left.strip()), _NAMED.fullmatch(right.strip())
    if named[0] and not named[1]:
        return named[0][2], right
    if named[1] and not named[0]:
        return left, named[1][2]
    return left, right


def _braced(text: str) -> str:
    r"""`text` with braces round every argument of `\frac`, `\sqrt`, `^` and `_` that has none."""
    made: list[str] = []
    at = 0
    while match := _TAKES.search(text, at):
        made.append(text[at : match.start()] + (f"\\{match[1]}" if match[1] else match[2]))
        at = match.end()
        for _ in range(2 if match[1] == "frac" else 1):
            argument = re.compile(r"\s*" + _ARGUMENT).match(text, at)
            if argument is None or argument[1] == "{":
                # A group stays as it is: its inside is looked at on the way.
                end = _group_end(text, argument.end()) if argument else at
                if argument is None or end < 0:
                    break
                made.append("{" + _braced(text[argument.end() : end - 1]) + "}")
                at = end
            else:
                made.append("{" + argument[1] + "}")
                at = argument.end()
    return "".join([*made, text[at:]])


def _group_end(text: str, at: int) -> int:
    depth = 1
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return -1
