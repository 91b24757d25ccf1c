"""What a verifier says of one completion."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one completion.

    score: 0..1, which is also the reward. parsed: whether an answer was found in the form asked for. answer: the
    answer that was found, as written. why: one short sentence. span: where the answer stands in the completion,
    as character offsets.
    """

    score: float
    parsed: bool
    answer: str | None
    why: str
    span: Span | None = None

    @property
    def passed(self) -> bool:
        """Whether the item counts as solved: the full score."""
        return self.score >= 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """An answer found in a text, with its place."""

    answer: str
    span: Span


def stripped(text: str, start: int, end: int) -> Found:
    """Return `text[start:end]` without the blanks around it, with its true place."""
    inner = text[start:end]
    left = len(inner) - len(inner.lstrip())
    answer = inner.strip()
    return Found(answer, (start + left, start + left + len(answer)))
