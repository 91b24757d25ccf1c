"""Words in common with a reference answer: for texts that no program can decide on.

The F1 of SQuAD (Rajpurkar et al. 2016): harmonic mean of precision and recall over lower-cased words without
punctuation and articles. It tells that a pipeline works and a model moves; it is no proof that an answer is good.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from cockpit.verifiers.verdict import Found, stripped

_WORD = re.compile(r"\w+")
_ARTICLES = frozenset({"a", "an", "the"})
_LIMIT = 200_000  # characters of a text that are looked at


@dataclass(frozen=True, slots=True)
class OverlapFormat:
    """The whole completion is compared, word by word."""

    wanted: str = "an answer in words"

    def find(self, text: str) -> Found | None:
        """Take the whole text; an empty one holds no answer."""
        found = stripped(text, 0, len(text))
        return found if found.answer else None

    def write(self, answer: str) -> str:
        """Write the answer alone."""
        return answer


def f1(answer: str, gold: str) -> float:
    """The share of words in common, 0..1; 1 where both say the same words, in any order."""
    said, wanted = _words(answer), _words(gold)
    if not said or not wanted:
        return float(answer.strip() == gold.strip())
    common = (said & wanted).total()
    return 2 * common / (said.total() + wanted.total())


def _words(text: str) -> Counter[str]:
    return Counter(w for w in _WORD.findall(text[:_LIMIT].casefold()) if w not in _ARTICLES)
