"""The two formats that need more than a search: a user's own pattern, and the letter of a choice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from cockpit.contract.errors import CockpitError
from cockpit.verifiers.verdict import Found, stripped

MAX_PATTERN_CHARS = 2_000
MAX_SEARCHED_CHARS = 65_536  # a pattern looks at the end of a longer completion: the answer is there
TIMEOUT_S = 1.0  # per completion; an ordinary pattern needs well under a millisecond


class PatternTimeout(Exception):
    """The pattern backtracked for longer than `TIMEOUT_S` on one completion."""


class _Match(Protocol):
    def span(self, group: int = 0) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class RegexFormat:
    """The answer is what the pattern's first group matches last (the whole match where it has no group).

    The `regex` package runs it, as it can be told to give up: a pattern such as `(a+)+$` would otherwise hang
    the trainer on one unlucky completion.
    """

    pattern: str
    compiled: Any = field(repr=False, compare=False)
    group: int

    @staticmethod
    def compile(pattern: str) -> RegexFormat:
        """Compile `pattern`, or raise CockpitError saying what is wrong with it."""
        if not pattern:
            raise CockpitError(
                "the verifier regex needs a pattern", r"Write it as regex:PATTERN, e.g. regex:Answer: (\d+)."
            )
        if len(pattern) > MAX_PATTERN_CHARS:
            raise CockpitError(
                f"the verifier's pattern has {len(pattern)} characters, more than {MAX_PATTERN_CHARS}",
                "Use a shorter pattern.",
            )
        import regex

        try:
            compiled = regex.compile(pattern)
        except regex.error as error:
            raise CockpitError(
                f"the verifier's pattern {pattern!r} is not a regular expression: {error}",
                "Mend the pattern; the syntax is Python's.",
            ) from None
        return RegexFormat(pattern, compiled, 1 if compiled.groups else 0)

    @property
    def wanted(self) -> str:
        """The pattern."""
        return f"/{self.pattern}/"

    def find(self, text: str) -> Found | None:
        """Find the last match; raise PatternTimeout where the pattern explodes."""
        offset = max(0, len(text) - MAX_SEARCHED_CHARS)
        last: _Match | None = None
        try:
            for match in self.compiled.finditer(text, offset, timeout=TIMEOUT_S):
                if match.span(self.group)[0] >= 0:  # the group took part
                    last = cast(_Match, match)
        except TimeoutError:
            raise PatternTimeout(f"the pattern took longer than {TIMEOUT_S:g} s") from None
        if last is None:
            return None
        start, end = last.span(self.group)
        return stripped(text, start, end)

    def write(self, answer: str) -> str | None:
        """Return the answer as it is where the pattern finds it there; a pattern can't be run backwards."""
        found = self.find(answer)
        return answer if found is not None and found.answer == answer.strip() else None

    def can_capture(self, answer: str) -> bool | None:
        """Say whether the group could match `answer` at all; None where that can't be told."""
        source = _group_source(self.pattern) if self.group else self.pattern
        if source is None:
            return None
        import regex

        spellings = {answer, answer.replace(",", "")}  # 2,125 is captured as 2125 just as well
        try:
            return any(regex.fullmatch(source, spelling, timeout=TIMEOUT_S) for spelling in spellings)
        except (regex.error, TimeoutError):
            return None  # the group refers to something outside itself


def _group_source(pattern: str) -> str | None:
    """Return the text within the first capturing group."""
    depth, start, at, in_class = 0, -1, 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            at += 1 if pattern[at + 1 : at + 2] in ("]", "^") else 0
        elif char == "(":
            if start < 0 and (named := re.match(r"\((?:\?P?<[A-Za-z_]\w*>|(?!\?))", pattern[at:])):
                start, depth = at + named.end(), 0
            else:
                depth += 1
        elif char == ")":
            if start >= 0 and depth == 0:
                return pattern[start:at]
            depth -= 1 if start >= 0 else 0
        at += 1
    return None


_STATED = re.compile(
    r"(?:answer|choice|option)\b[^\n]{0,20}?[\s:*(]([A-Z])(?![\w'])|\\boxed\{\s*\(?([A-Z])\b", re.IGNORECASE
)
_BRACKETED = re.compile(r"\(([A-Z])\)|(?m:^)\s{0,8}\**([A-Z])[.):]")


@dataclass(frozen=True, slots=True)
class ChoiceFormat:
    """The answer is one letter of a multiple choice: stated, bracketed, at a line's start, or all there is."""

    letters: str = "ABCDEFGHIJ"

    @property
    def wanted(self) -> str:
        """The letters."""
        return f"one of {self.letters[0]}…{self.letters[-1]}" if len(self.letters) > 1 else self.letters

    def find(self, text: str) -> Found | None:
        """Find the letter that is stated most plainly, the last such one."""
        bare = text.strip().strip("()*.:").strip()
        if len(bare) == 1 and bare.upper() in self.letters:
            at = text.index(bare)
            return Found(bare.upper(), (at, at + 1))
        return self._last(_STATED, text) or self._last(_BRACKETED, text)

    def _last(self, pattern: re.Pattern[str], text: str) -> Found | None:
        last: Found | None = None
        for match in pattern.finditer(text):
            group = match.lastindex or 1
            # `a` after "answer is" is an article, so only capitals count.
            if match.group(group) in self.letters:
                last = Found(match.group(group), match.span(group))
        return last

    def write(self, answer: str) -> str:
        """Write the letter alone."""
        return answer

    def letter(self, gold: object, choices: object = None) -> str | None:
        """Read a gold answer: a letter, an index from 0, or the text of one of `choices`."""
        text = str(gold).strip().strip("()").rstrip(".")
        if len(text) == 1 and text.upper() in self.letters:
            return text.upper()
        if text.isdecimal() and len(text) < 3 and int(text) < len(self.letters):
            return self.letters[int(text)]
        if isinstance(choices, list | tuple):
            options = [str(option).strip() for option in cast("list[object]", choices)]
            if text in options and options.index(text) < len(self.letters):
                return self.letters[options.index(text)]
        found = self.find(str(gold))
        return None if found is None else found.answer
