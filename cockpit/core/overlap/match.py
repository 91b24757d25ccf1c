"""How damning it is that a training text and a held-out item look alike: one pair, judged by its words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal

from cockpit.core.overlap.notation import key
from cockpit.core.overlap.text import (
    NUMBER,
    Spellings,
    bigrams,
    number_of,
    numbers_in,
    spelled,
    without_labels,
    words,
)

Kind = Literal["exact", "contained", "near", "renamed", "ngram"]
KINDS: tuple[Kind, ...] = ("exact", "contained", "near", "renamed", "ngram")
SAYS: dict[Kind, str] = {
    "exact": "asks the very same",
    "contained": "holds the whole item",
    "near": "is the item but for a few words",
    "renamed": "is the item with other numbers or names",
    "ngram": "shares a run of words",
}
BLOCKING: frozenset[Kind] = frozenset({"exact", "contained", "near"})
Part = Literal["question", "answer"]
SHORTEST = 8  # words; shorter items are only compared whole
SHORTEST_ANSWER = 12  # words; a shorter reference answer may stand anywhere
ASKED_TOO = 0.5  # of a question, in telling pairs: a row with this and the answer has the item
WHOLE, NEAR, RENAMED = 0.95, 0.8, 0.62
TEMPLATE = 0.65  # of the skeleton, in runs of three signs
REVERSED = 0.85  # of the words, where one number is asked for and the answer is given
RUN = 3  # words in a row that count as shared
TELLING = 10.0  # what two texts must share to be twins, in pairs of words that no other item has …
TWIN, TELLING_TWIN = 0.9, 4.0  # … or less, where hardly anything else is in them
MOST_WORDS = 3_000
TEMPLATE_SHARE = (
    0.1  # a pair of words in more of the items than this (and in three at least) is the task's wording
)

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """What is looked for: a held-out item's question or its worked answer, in words and signs.

    `line` is its place in the file (from 1), `gold` the short answer where there is one.
    """

    line: int
    text: str
    spelling: tuple[str, ...]
    ids: tuple[int, ...]
    skeleton: tuple[int, ...]
    part: Part = "question"
    gold: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A training text beside a held-out item.

    damning: 0..1, how sure it is that the item was trained on. run: the longest run of words that both share.
    answered: the training text also states the item's answer.
    """

    kind: Kind
    damning: float
    train_line: int
    part: str
    held_out_line: int
    train_text: str
    held_out_text: str
    run: int
    shared: str
    common: bool = False
    held_out_part: Part = "question"
    answered: bool = False

    @property
    def says(self) -> str:
        """What the training text does, in a few words."""
        if self.held_out_part == "answer":
            if self.kind == "renamed":
                return "says the same answer, to another question"
            return (
                "holds the worked answer"
                if self.kind in BLOCKING
                else "shares a run of words with the answer"
            )
        return SAYS[self.kind] + (", and states its answer" if self.answered else "")

    def as_dict(self) -> dict[str, object]:
        """The shape of `--json`."""
        return {
            "kind": self.kind,
            "damning": round(self.damning, 3),
            "train_line": self.train_line,
            "part": self.part,
            "held_out_line": self.held_out_line,
            "held_out_part": self.held_out_part,
            "train_text": self.train_text,
            "held_out_text": self.held_out_text,
            "run": self.run,
            "shared": self.shared,
            "common_phrase": self.common,
            "answered": self.answered,
        }


class Weights:
    """How telling a pair of neighbouring words is: the rarer among the items, the more; the task's wording is 0."""

    def __init__(self, texts: Sequence[Sequence[int]]) -> None:
        self.n = len(texts)
        self.rare = math.log(self.n + 1) if self.n > 1 else 1.0
        held = Counter(pair for ids in texts for pair in bigrams(ids))
        most = max(2, TEMPLATE_SHARE * self.n)
        self._of: dict[Pair, float] = (
            {pair: 0.0 if n > most else math.log((self.n + 1) / n) for pair, n in held.items()}
            if self.n > 2
            else {}
        )

    def of(self, pair: Pair) -> float:
        """The weight, 0 for a pair of the task's wording."""
        return self._of.get(pair, self.rare)

    def alike(self, a: Sequence[int], b: Sequence[int]) -> float:
        """The weighted Jaccard of two texts, 0..1; 0 where what they share is too little to tell."""
        left, right = bigrams(a), bigrams(b)
        weight, rare = self._of.get, self.rare
        both = sum([weight(pair, rare) for pair in left & right])
        every = both + sum([weight(pair, rare) for pair in left ^ right])
        share = both / every if every else 0.0
        enough = TELLING_TWIN if share >= TWIN else TELLING
        return share if both >= enough * self.rare else 0.0

    def held(
        self,
        item: Sequence[int],
        covered: Sequence[bool],
        *,
        without: Sequence[bool] = (),
        few: float = TELLING_TWIN,
    ) -> float:
        """The weighted share of the item's pairs that are covered; 0 where that is too little to tell.

        `without`: the words that are a common phrase and count for nothing. `few`: what suffices where all is covered.
        """
        every = both = 0.0
        shared = dict[Pair, float]()
        for place, pair in enumerate(pairwise(item)):
            if without and without[place] and without[place + 1]:
                continue
            weight = self.of(pair)
            every += weight
            if covered[place] and covered[place + 1]:
                both += weight
                shared[pair] = weight  # said twice, it tells no more
        share = both / every if every else 0.0
        enough = few if share >= TWIN else TELLING
        return share if sum(shared.values()) >= enough * self.rare else 0.0


@dataclass(slots=True)
class Judge:
    """Judges pairs; made from what the scan knows of the held-out set and of phrases."""

    spellings: Spellings
    plain: Weights
    bare: Weights
    said: Weights
    """Of the worked answers, as `plain` is of the questions."""
    phrases: Mapping[int, Mapping[int, int]] = field(default_factory=dict[int, Mapping[int, int]])
    """Item (by number) -> starts of its 8-grams that are common phrases -> in how many training rows they stand."""
    unique: Collection[int] = ()
    """Answers (by number) that nobody writes twice by chance: found elsewhere, they are a leak without the question."""

    def judge(
        self,
        number: int,
        item: Item,
        text: str,
        place: tuple[int, str],
        *,
        question: Item | None = None,
        asked: str = "",
    ) -> Match | None:
        """Compare one training text with an item; None where nothing speaks against it. `place`: line and part.

        For a worked answer: `question` is the item's question, `asked` what the training row asks.
        """
        met = self.phrases.get(number, {})
        spelling = spelled(without_labels(text))[:MOST_WORDS]
        codes = [self.spellings[word] for word in spelling]
        ids = _distinct([code & 0xFFFFFFFF for code in codes], spelling)
        matcher = SequenceMatcher(None, item.ids, ids, autojunk=False)
        block = matcher.find_longest_match()
        phrase = _phrase(item, met)
        kind, damning, answered = self._kind(
            item, text, ids, [code >> 32 for code in codes], block.size, phrase
        )
        if kind == "near" and item.part == "answer" and _in_order(matcher) < NEAR * len(item.ids):
            kind = None  # sentences that many answers are made of, put together in another way
        if kind in BLOCKING and item.part == "answer" and number not in self.unique:
            asks = self._asks(question, asked) if question is not None else 0.0
            if asks < ASKED_TOO:  # labels, canned replies, short queries: they fit many questions
                kind, damning = "renamed", 0.4
        if kind is None:
            if block.size < SHORTEST:
                return None
            kind, damning = "ngram", 0.5 * min(1.0, block.size / max(1, len(item.ids)))
        starts = range(block.a, block.a + block.size - SHORTEST + 1)
        common = kind == "ngram" and len(starts) > 0 and all(start in met for start in starts)
        return Match(
            kind,
            damning * (0.2 if common else 1.0),
            *place,
            item.line,
            text,
            item.text,
            block.size,
            " ".join(item.spelling[block.a : block.a + block.size]),
            common,
            item.part,
            answered,
        )

    def _asks(self, question: Item, asked: str) -> float:
        """Return how much of an item's question a training row asks, by its telling pairs."""
        if key(asked) == key(question.text):
            return 1.0
        spelling = spelled(without_labels(asked))[:MOST_WORDS]
        ids = _distinct([self.spellings[word] & 0xFFFFFFFF for word in spelling], spelling)
        return self.plain.held(question.ids, coverage(question.ids, ids))

    def _kind(
        self,
        item: Item,
        text: str,
        ids: Sequence[int],
        skeleton: Sequence[int],
        longest: int,
        phrase: Sequence[bool],
    ) -> tuple[Kind | None, float, bool]:
        if item.part == "question" and key(text) == key(item.text):
            return "exact", 1.0, False
        if len(item.ids) < (SHORTEST if item.part == "question" else SHORTEST_ANSWER):
            return None, 0.0, False
        covered = coverage(item.ids, ids)
        weights = self.plain if item.part == "question" else self.said
        held = weights.held(item.ids, covered, without=phrase)
        if longest >= WHOLE * len(item.ids) and (item.part == "question" or held):
            return "contained", 0.95, False
        alike = self.plain.alike(item.ids, ids) if item.part == "question" else 0.0
        if max(held, alike) >= NEAR:
            missing = _missing(item, covered, text).total()
            answered = held >= REVERSED and missing == 1 and _states(text, item)
            if not missing or answered:
                return "near", 0.9 * max(held, alike), answered
        if item.part == "answer":
            return None, 0.0, False
        bones = self.bare.held(item.skeleton, coverage(item.skeleton, _distinct(skeleton, ids)), few=TELLING)
        jaccard = max(self.bare.alike(item.skeleton, skeleton), alike)
        if bones >= TEMPLATE or held >= NEAR or jaccard >= RENAMED:
            return "renamed", 0.7 * max(bones, held, jaccard), False
        return None, 0.0, False


def _in_order(matcher: SequenceMatcher[int]) -> int:
    """Return how many words of the first text stand in the second in the same order, in runs of words."""
    return sum(block.size for block in matcher.get_matching_blocks() if block.size >= RUN)


def _states(text: str, item: Item) -> bool:
    """Whether the training text has the item's answer once more than the question itself has it."""
    return bool(item.gold) and numbers_in(text)[item.gold] > numbers_in(item.text)[item.gold]


def _phrase(item: Item, met: Mapping[int, int]) -> list[bool]:
    """Which words of the item lie in common phrases; none of a question where nearly all do: rows are copies of it.

    An answer that many rows have is no copy of the item: a canned reply, a label, a refusal.
    """
    covered = [False] * len(item.ids)
    for start in met:
        covered[start : start + SHORTEST] = [True] * SHORTEST
    return [] if item.part == "question" and sum(covered) >= TWIN * len(covered) else covered


def _distinct(ids: Sequence[int], others: Sequence[object]) -> list[int]:
    """Ids in which unknown words differ from everything (and each other)."""
    return [code or -hash(other) | 1 << 62 for code, other in zip(ids, others, strict=True)]


def _missing(item: Item, covered: Sequence[bool], text: str) -> Counter[str]:
    """The numbers of the item that the training text doesn't have: neither in their place nor elsewhere."""
    own = Counter[str]()
    there = Counter(value for word in spelled(text) if (value := number_of(word)) is not None)
    for word, sign, is_there in zip(item.spelling, item.skeleton, covered, strict=True):
        value = number_of(word)
        if sign == NUMBER and value is not None:
            if is_there:
                there[value] -= 1
            else:
                own[value] += 1
    return own - +there


def coverage(item: Sequence[int], text: Sequence[int], n: int = RUN) -> list[bool]:
    """Say which of the item's words lie in n-grams that the text has too."""
    there = {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}
    covered = [False] * len(item)
    for start in range(len(item) - n + 1):
        if tuple(item[start : start + n]) in there:
            covered[start : start + n] = [True] * n
    return covered


__all__ = ["BLOCKING", "KINDS", "SAYS", "Item", "Judge", "Kind", "Match", "Weights", "coverage", "words"]
