"""Where an answer stands in a completion: one small class per answer format.

Each finds the last answer of its form in time linear in the length of the text (regex: bounded, see
`RegexFormat`), and can write an answer in its form, which is what the self-check feeds back in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from cockpit.verifiers import numbers
from cockpit.verifiers.verdict import Found, stripped

FENCE = re.compile(r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)


class Format(Protocol):
    """One way to state an answer."""

    @property
    def wanted(self) -> str:
        """The form asked for, as shown to a person: `<answer>…</answer>`."""
        ...

    def find(self, text: str) -> Found | None:
        """Find the last answer of this form."""
        ...

    def write(self, answer: str) -> str | None:
        """Write `answer` in this form; None where that can't be told."""
        ...


@dataclass(frozen=True, slots=True)
class ExactFormat:
    """The completion is the answer."""

    wanted: str = "the answer alone"

    def find(self, text: str) -> Found | None:
        """Take the whole text; an empty one holds no answer."""
        found = stripped(text, 0, len(text))
        return found if found.answer else None

    def write(self, answer: str) -> str:
        """Write the answer alone."""
        return answer


@dataclass(frozen=True, slots=True)
class TaggedFormat:
    """The answer stands in `<tag>…</tag>`."""

    tag: str

    @property
    def wanted(self) -> str:
        """The pair of tags."""
        return f"<{self.tag}>…</{self.tag}>"

    def find(self, text: str) -> Found | None:
        """Find the last closed pair and, within nested ones, the innermost opening."""
        end = text.rfind(f"</{self.tag}>")
        start = text.rfind(f"<{self.tag}>", 0, max(end, 0))
        return None if end < 0 or start < 0 else stripped(text, start + len(self.tag) + 2, end)

    def write(self, answer: str) -> str:
        """Write the answer between the tags."""
        return f"<{self.tag}>{answer}</{self.tag}>"


@dataclass(frozen=True, slots=True)
class NumericFormat:
    """The answer is the last number in the text (lm-evaluation-harness calls this flexible extraction)."""

    wanted: str = "a number"

    def find(self, text: str) -> Found | None:
        """Find the last number."""
        found = numbers.last_number(text)
        return None if found is None else Found(*found)

    def write(self, answer: str) -> str:
        """Write the number alone."""
        return answer


# Two backslashes: a completion that went through JSON once too often.
_BRACES = re.compile(r"\\{1,2}(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_EMPHASIS = "*_`$ \t"


def _wraps(text: str, start: int, inner: tuple[int, int], end: int) -> bool:
    before, after = inner[0] - start, end - inner[1]
    return 0 <= before < 8 and 0 <= after < 8 and not (text[start : inner[0]] + text[inner[1] : end]).strip()


@dataclass(frozen=True, slots=True)
class BoxedFormat:
    r"""The answer stands in `\boxed{…}`, braces balanced (the convention of MATH and its successors)."""

    wanted: str = "\\boxed{…}"

    def find(self, text: str) -> Found | None:
        """Find the box that closes last, and of boxes within it the innermost that holds everything."""
        open_braces: list[tuple[int, int]] = []  # where each opens and where its content starts; -1: no box
        last: tuple[int, int] | None = None
        shell = (0, 0)  # the outermost box that holds `last` and nothing else
        for match in _BRACES.finditer(text):
            token = match.group()
            if token == "{":
                open_braces.append((-1, -1))
            elif token == "}" and open_braces:
                opened, start = open_braces.pop()
                if opened < 0:
                    continue
                if last is None or not _wraps(text, start, shell, match.start()):
                    last = (start, match.start())
                shell = (opened, match.end())
            elif len(token) > 2:
                open_braces.append(match.span())
        return None if last is None else stripped(text, *last)

    def write(self, answer: str) -> str:
        """Write the answer in a box."""
        return f"\\boxed{{{answer}}}"


@dataclass(frozen=True, slots=True)
class HashesFormat:
    """The answer follows `####` on its line, as in GSM8K (Cobbe et al. 2021)."""

    wanted: str = "#### N"

    def find(self, text: str) -> Found | None:
        """Find what follows the last `####`: the number it begins with, else the rest of the line.

        Emphasis round it (`**18**`) is none of it.
        """
        at = text.rfind("####")
        if at < 0:
            return None
        end = text.find("\n", at)
        line = text[at + 4 : len(text) if end < 0 else end]
        begin, bare = at + 4 + len(line) - len(line.lstrip(_EMPHASIS)), line.strip(_EMPHASIS)
        found = stripped(text, begin, begin + len(bare))
        number = numbers.leading_number(found.answer)
        if number is not None:
            return Found(number, (found.span[0], found.span[0] + len(number)))
        return found if found.answer else None

    def write(self, answer: str) -> str:
        """Write the answer after the hashes."""
        return f"#### {answer}"
