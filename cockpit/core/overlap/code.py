"""What a program says for itself: its comments and names as prose, and the values that its examples give and expect.

A translation into another language changes every line and keeps these two.
"""

from __future__ import annotations

import re
from collections import Counter

from cockpit.core.overlap.text import numbers_in, plain

MOST = 20_000  # characters that are looked at
_DEFINES = re.compile(
    r"(?m)^\s*(?:export |public |private |static |async |pub )*"
    r"(?:def|function|func|fn|class|fun|sub|proc)\s+([A-Za-z_]\w*)"
    r"|\b(?:const|let|var)\s+([A-Za-z_]\w*)\s*=\s*(?:async\s*)?(?:function\b|\([^()]{0,200}\)\s*=>|\w+\s*=>)"
    r"|^\s*(?:public |private |protected |static |final )+[\w<>\[\], ]{1,80}?\s+([A-Za-z_]\w*)\s*\("
    r"|^#include\b|^\s*import \w+|^\s*from \w+ import "
)
_COMMENT = re.compile(
    r'"""(.*?)"""|\'\'\'(.*?)\'\'\'|/\*+(.*?)\*/|(?<!:)//+([^\n]*)|(?:^|(?<=\s))#+([^\n]*)|(?m:^\s*--([^\n]*))',
    re.S,
)
_EXAMPLE = re.compile(
    r"(?m)^\W*(?:>>>|\.\.\.|assert\b|@(?:param|returns?|example)|examples?:|for example:?).*$", re.I
)
_TAG = re.compile(r"@\w+|\{[^{}\n]*\}|```\w*|[*/#]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_QUOTED = re.compile(r"""'([^'\n]{1,60})'|"([^"\n]{1,60})\"""")


def is_code(text: str) -> bool:
    """Whether a text is a program, or holds one."""
    return _DEFINES.search(text[:MOST]) is not None


def prose(text: str) -> str:
    """Return a program's name and comments as prose, without its examples; any other text as it is."""
    text = text[:MOST]
    if not is_code(text):
        return text
    names = [next(filter(None, found.groups()), "") for found in _DEFINES.finditer(text)]
    name = next(filter(None, names), "")
    said = [next(filter(None, found.groups()), "") for found in _COMMENT.finditer(text)]
    told = _TAG.sub(" ", _EXAMPLE.sub("", "\n".join(said)))
    name = _CAMEL.sub(" ", name).replace("_", " ").lower()
    return " ".join(f"{name}. {told}".split()) if name or told.strip() else text


def values(text: str) -> Counter[str]:
    """Count the numbers of a text, and in a program its quoted strings: what a rewording keeps."""
    text = text[:MOST]
    found = numbers_in(text)
    if is_code(text):
        found.update(f"'{a or b}'" for a, b in _QUOTED.findall(plain(text)))
    return found
