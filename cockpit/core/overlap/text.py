"""Texts as the overlap check compares them: words without case and punctuation, and their skeletons.

A skeleton is what is left of an item that is passed off as new: numbers (digits and number words), names and he or
she are each one sign. "Max bought 16 stamps" and "Bella bought 11 stamps" have the same one.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Sequence
from itertools import pairwise

UNKNOWN, NUMBER, NAME, PRONOUN = 0, 1, 2, 3
FIRST_WORD = 4
MAX_SEEN = 300_000  # spellings that are remembered (bounds the memory; others are worked out anew)

_STRIPPED = str.maketrans("", "", string.punctuation)
# fmt: off
_NUMBER_WORDS = frozenset((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty",
    "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "half", "twice", "double",
    "triple", "quarter", "third", "dozen", "once",
))
_PRONOUNS = frozenset((
    "he", "she", "they", "him", "her", "them", "his", "hers", "their", "theirs", "himself", "herself", "themselves",
))
# fmt: on


def spelled(text: str) -> list[str]:
    """Return the words as written, punctuation stripped, split at blanks."""
    return text.translate(_STRIPPED).split()


def words(text: str) -> list[str]:
    """Return the words, lower-cased and punctuation stripped: what n-grams are made of."""
    return text.lower().translate(_STRIPPED).split()


class Spellings(dict[str, int]):
    """Spelling -> its word's id in the low 32 bits and its skeleton's id in the high ones; made from the held-out set.

    Words that the held-out set doesn't have are `UNKNOWN`: nothing that holds one can match. A capitalised word is a
    name unless the held-out set also has it in lower case.
    """

    def __init__(self, texts: Collection[Sequence[str]]) -> None:
        super().__init__()
        self.ids: dict[str, int] = {}
        self._plain: set[str] = set()
        for text in texts:
            for word in text:
                self.ids.setdefault(word.lower(), len(self.ids) + FIRST_WORD)
                if word.islower():
                    self._plain.add(word)

    def __missing__(self, spelling: str) -> int:
        lower = spelling.lower()
        known = self.ids.get(lower, UNKNOWN)
        code = known | self._skeleton(spelling, lower, known) << 32
        if len(self) < MAX_SEEN:
            self[spelling] = code
        return code

    def _skeleton(self, spelling: str, lower: str, known: int) -> int:
        if lower in _NUMBER_WORDS or any(char.isdigit() for char in spelling):
            return NUMBER
        if lower in _PRONOUNS:
            return PRONOUN
        if spelling[:1].isupper() and lower not in self._plain:
            return NAME
        return known


def bigrams(ids: Sequence[int]) -> set[tuple[int, int]]:
    """Return the pairs of neighbours, which a change of order among sentences leaves nearly whole."""
    return set(pairwise(ids))
