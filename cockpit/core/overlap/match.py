"""How damning it is that a training text and a held-out item look alike: one pair, judged by its words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from cockpit.core.overlap.text import NUMBER, Spellings, bigrams, spelled, words
from cockpit.data.rows import normalise_text

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
SHORTEST = 8  # words; shorter items are only compared whole
WHOLE, NEAR, RENAMED = 0.95, 0.8, 0.62
TELLING = 10.0  # what two texts must share to be twins, in pairs of words that no other item has …
TWIN, TELLING_TWIN = 0.9, 4.0  # … or less, where hardly anything else is in them
MOST_WORDS = 3_000
TEMPLATE_SHARE = (
    0.1  # a pair of words in more of the items than this (and in three at least) is the task's wording
)

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """A held-out item: its place in the file (from 1), what it asks, and that in words and signs."""

    line: int
    text: str
    spelling: tuple[str, ...]
    ids: tuple[int, ...]
    skeleton: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A training text beside a held-out item.

    damning: 0..1, how sure it is that the item was trained on. run: the longest run of words that both share.
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

    def as_dict(self) -> dict[str, object]:
        """The shape of `--json`."""
        return {
            "kind": self.kind,
            "damning": round(self.damning, 3),
            "train_line": self.train_line,
            "part": self.part,
            "held_out_line": self.held_out_line,
            "train_text": self.train_text,
            "held_out_text": self.held_out_text,
            "run": self.run,
            "shared": self.shared,
            "common_phrase": self.common,
        }


class Weights:
    """How telling a pair of neighbouring words is: the rarer among the items, the more; the task's wording is 0."""

    def __init__(self, texts: Sequence[Sequence[int]]) -> None:
        self.n = len(texts)
        self.held = Counter(pair for ids in texts for pair in bigrams(ids))
        self.rare = math.log(self.n + 1) if self.n > 1 else 1.0

    def of(self, pair: Pair) -> float:
        """The weight, 0 for a pair of the task's wording."""
        held = self.held.get(pair, 0)
        if held == 0 or self.n < 3:
            return self.rare
        return 0.0 if self.template(pair) else math.log((self.n + 1) / held)

    def template(self, pair: Pair) -> bool:
        """Whether so many items hold it that it says nothing."""
        return self.held.get(pair, 0) > max(2, TEMPLATE_SHARE * self.n)

    def alike(self, a: Sequence[int], b: Sequence[int]) -> float:
        """The weighted Jaccard of two texts, 0..1; 0 where what they share is too little to tell."""
        left, right = bigrams(a), bigrams(b)
        both = sum(map(self.of, left & right))
        every = both + sum(map(self.of, left ^ right))
        share = both / every if every else 0.0
        enough = TELLING_TWIN if share >= TWIN else TELLING
        return share if both >= enough * self.rare else 0.0


def judge(
    item: Item,
    text: str,
    place: tuple[int, str],
    spellings: Spellings,
    plain: Weights,
    bare: Weights,
    met: Mapping[int, int],
) -> Match | None:
    """Compare one training text with one item; None where nothing speaks against it.

    `place` is the training line and the part (prompt, answer). `met` says of the starts of the item's 8-grams that are
    common phrases in how many training rows they stand.
    """
    spelling = spelled(text)[:MOST_WORDS]
    codes = [spellings[word] for word in spelling]
    ids = _distinct(codes, spelling)
    skeleton = [code >> 32 for code in codes]
    block = SequenceMatcher(None, item.ids, ids, autojunk=False).find_longest_match()
    whole = len(item.ids) >= SHORTEST and block.size >= WHOLE * len(item.ids)
    kind, damning = _kind(item, text, ids, skeleton, plain, bare)
    if whole and kind != "exact":
        kind, damning = "contained", 0.95
    if kind is None:
        if block.size < SHORTEST:
            return None
        kind, damning = "ngram", 0.5 * min(1.0, block.size / max(1, len(item.ids)))
    shared = " ".join(item.spelling[block.a : block.a + block.size])
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
        shared,
        common,
    )


def _distinct(codes: Sequence[int], spelling: Sequence[str]) -> list[int]:
    """Ids of words in which unknown ones differ from everything (and each other)."""
    return [code & 0xFFFFFFFF or -hash(word) | 1 << 62 for code, word in zip(codes, spelling, strict=True)]


def _kind(
    item: Item, text: str, ids: Sequence[int], skeleton: Sequence[int], plain: Weights, bare: Weights
) -> tuple[Kind | None, float]:
    if normalise_text(text) == normalise_text(item.text):
        return "exact", 1.0
    if len(item.ids) < SHORTEST:
        return None, 0.0
    covered = coverage(item.ids, ids)
    same_numbers = _numbers(item.spelling, item.skeleton) == _numbers(spelled(text), skeleton)
    alike = plain.alike(item.ids, ids)
    if same_numbers and max(alike, covered) >= NEAR:
        return "near", 0.9 * max(alike, covered)
    bones = bare.alike(item.skeleton, skeleton)
    if max(bones, alike) >= RENAMED:
        return "renamed", 0.7 * max(bones, alike)
    return None, 0.0


def _numbers(spelling: Sequence[str], skeleton: Sequence[int]) -> Counter[str]:
    return Counter(word.lower() for word, sign in zip(spelling, skeleton, strict=False) if sign == NUMBER)


def coverage(item: Sequence[int], text: Sequence[int], n: int = SHORTEST) -> float:
    """Return the share of the item's words that lie in n-grams which the text has too."""
    if len(item) < n:
        return 0.0
    there = {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}
    covered = [False] * len(item)
    for start in range(len(item) - n + 1):
        if tuple(item[start : start + n]) in there:
            covered[start : start + n] = [True] * n
    return sum(covered) / len(item)


__all__ = ["BLOCKING", "KINDS", "SAYS", "Item", "Kind", "Match", "Weights", "coverage", "judge", "words"]
