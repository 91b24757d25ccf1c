"""The two formats that need more than a search: a user's own pattern, and the letter of a choice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from cockpit.contract.errors import CockpitError
from cockpit.verifiers.thinking import NONE, Thinking
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

    def find(self, text: str, thinking: Thinking = NONE) -> Found | None:
        """Find the last match; raise PatternTimeout where the pattern explodes.

        What lies within the thinking is none. The pattern sees the whole text, for it may ask for the marks of the
        thinking itself; where that fails, what follows the thinking, which a `^` may mean.
        """
        found = self._last(text, thinking)
        if found is not None or not thinking.spans:
            return found
        begin = thinking.spans[-1][1]
        begin += len(text[begin:]) - len(text[begin:].lstrip())
        found = self._last(text[begin:], NONE)
        return None if found is None else Found(found.answer, (found.span[0] + begin, found.span[1] + begin))

    def _last(self, text: str, thinking: Thinking) -> Found | None:
        offset = max(0, len(text) - MAX_SEARCHED_CHARS)
        last: _Match | None = None
        try:
            for match in self.compiled.finditer(text, offset, timeout=TIMEOUT_S):
                span = match.span(self.group)
                if span[0] >= 0 and not thinking.holds(span):  # the group took part
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


# "Answer" as evals in these languages ask for it (the cues of simple-evals' MMMLU and of lm-evaluation-harness).
_ANSWER = "|".join(
    (
        "answer", "antwort", "antwoord", "réponse", "reponse", "respuesta", "resposta", "risposta", "răspuns", "svar",
        "odpowiedź", "odpověď", "cevap", "jawaban", "jibu", "idáhùn", "đáp án", "απάντηση", "ответ", "відповідь",
        "الإجابة", "الجواب", "תשובה", "उत्तर", "উত্তর", "คำตอบ", "答案", "答え", "回答", "答", "정답", "답변", "답",
    )
)  # fmt: skip
_GAP = r"[^\n.!?;]{0,20}?[\s:\uff1a*(\uff08\[\"'\u201c]"
# A capital, or a small letter that nothing but a bracket or the end of its sentence follows: `a` is an article, too.
_LETTER = r"(?:([A-Z])(?![\w'\u2019])|(?i:([A-Z]))(?=\s*(?:[).\]*]|$)))"
_BOXED = re.compile(r"\\boxed\{\s*(?:\\(?:text|mathrm|textbf)\{)?\s*\(?(?i:([A-Z]))\b")
_STATED = re.compile(rf"(?i:\b(?:{_ANSWER}))(?:\b|(?<=[^\x00-\x7f])){_GAP}{_LETTER}", re.MULTILINE)
_CHOSEN = re.compile(
    rf"(?i:\b(?:choose|chose|pick|picked|select|selected|go with|going with|settle on))\b{_GAP}{_LETTER}",
    re.MULTILINE,
)
_OPTION = re.compile(rf"(?i:\b(?:choice|option))\b{_GAP}{_LETTER}", re.MULTILINE)
_BRACKETED = re.compile(r"\(([A-Z])\)|(?m:^)\s{0,8}\**([A-Z])(?:[.):]|\**\s*$)", re.MULTILINE)
_BOLD = re.compile(r"\*\*\(?([A-Z])(?:\)?\*\*|[.)])")
_NOT = re.compile(r"\b(?:not|never|isn.t|n.t|kein|nicht|pas|no)\b", re.IGNORECASE)
_HEDGED = re.compile(
    r"[)*\s]*(?:,?\s*\b(?:or|and|and/or|oder|ou|y|o)\b|[,/&])\s*[(*]*([A-Z])(?=\s*(?:[).,;*/]|$|or\b|and\b))",
    re.MULTILINE,
)


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
        bare = text.strip().strip("()[]*.:\"'").strip()
        if len(bare) == 1 and bare.upper() in self.letters:
            at = text.index(bare)
            return Found(bare.upper(), (at, at + 1))
        for pattern in (_BOXED, _STATED, _CHOSEN, _OPTION, _BRACKETED, _BOLD):
            found, seen = self._last(pattern, text)
            if seen:
                return found
        return None

    def _last(self, pattern: re.Pattern[str], text: str) -> tuple[Found | None, bool]:
        """The letter that is stated last in this way, and whether any is; two at once (`A or B`) are none."""
        last: Found | None = None
        seen, until = False, 0
        for match in pattern.finditer(text):
            if match.start() < until:
                continue
            group = match.lastindex or 1
            letter = match.group(group).upper()
            if letter not in self.letters or _NOT.search(text, match.start(), match.start(group)):
                continue
            other = _HEDGED.match(text, match.end(group))
            hedged = other is not None and other[1] in self.letters and other[1] != letter
            last, seen = (None if hedged else Found(letter, match.span(group))), True
            until = other.end() if hedged and other is not None else 0
        return last, seen

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
