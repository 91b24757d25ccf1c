"""Held-out items that training texts say in other words: judged by meaning (sentence embeddings) and by their values.

A twin must be near by itself and nearer than its rivals are: items of one task are all alike. Rivals of a pair are the
held-out item nearest to this one, and the other item nearest to the training text. Other training texts are none, as an
item may stand there in many wordings. Where the values that both give agree (numbers, examples of a program), the
meaning need not be as near.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.core.overlap.code import is_code, values
from cockpit.core.overlap.match import SHORTEST
from cockpit.core.overlap.text import words

NEAR = 0.88  # cosine that suffices …
MARGIN = 0.1  # … where it is nearer than the nearest other item by this
CLOSE, CLEAR = 0.8, 0.12  # less, where it gives no values and nothing else comes near it …
ALONE, FAR = 0.7, 0.25  # … still less, where all else is far
KEPT, KEPT_MARGIN = 0.68, 0.08  # less, where the values are the same
SAME_VALUES = 0.75  # the weighted share of the item's values that the training text has
FEWEST_VALUES = 2  # different values that an item must give for them to tell
CODE, CODE_MARGIN = 0.63, 0.1  # programs: what they say and how they do it, on average
CODE_KEPT, CODE_VALUES = 0.45, 4
CROWD = 5  # training texts that are looked at for an item


@dataclass(frozen=True, slots=True)
class Near:
    """A training text near an item: its place among the texts, the cosine, and the nearest other item of the text."""

    place: int
    cosine: float
    rival: float


@dataclass(frozen=True, slots=True)
class Twin:
    """A held-out item and the training text that says it in other words; lines from 1, cosines -1..1.

    `next_item`: the nearest rival's cosine. `values`: the share of the item's numbers and examples that it has, None
    where the item gives none.
    """

    held_out_line: int
    train_line: int
    cosine: float
    next_item: float
    held_out_text: str
    train_text: str
    values: float | None = None

    def as_dict(self) -> dict[str, object]:
        return {
            "held_out_line": self.held_out_line, "train_line": self.train_line, "cosine": round(self.cosine, 4),
            "next_item": round(self.next_item, 4), "values": None if self.values is None else round(self.values, 2),
            "held_out_text": self.held_out_text, "train_text": self.train_text,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paraphrases:
    """What the embedding stage saw: `read` of `rows` training texts; `why`: why it did not look, where so."""

    twins: tuple[Twin, ...] = ()
    read: int = 0
    rows: int = 0
    why: str = ""

    @property
    def items(self) -> int:
        """Held-out items that have a twin."""
        return len({twin.held_out_line for twin in self.twins})

    @property
    def sentence(self) -> str:
        if self.why:
            return f"Paraphrases were not looked for: {self.why}."
        part = "" if self.read >= self.rows else f" (the first {self.read:,} of {self.rows:,})"
        return f"In other words: {self.items} items, by sentence embeddings of {self.read:,} training texts{part}."

    def as_dict(self) -> dict[str, object]:
        return {
            "looked": not self.why,
            "why": self.why or None,
            "read": self.read,
            "rows": self.rows,
            "twins": [twin.as_dict() for twin in self.twins],
        }


class Values:
    """How telling it is that a text gives an item's values: the rarer a value among the items, the more."""

    def __init__(self, items: Sequence[str]) -> None:
        self.items = [values(text) for text in items]
        held = Counter(value for one in self.items for value in one)
        self._weight = {value: math.log((len(items) + 1) / n) + 0.1 for value, n in held.items()}

    def share(self, number: int, text: str) -> tuple[float, int] | None:
        """The weighted share of an item's values that the text has, and how many; None where the item has too few."""
        own = self.items[number]
        if len(own) < FEWEST_VALUES:
            return None
        there = values(text)
        both = own & there
        weigh = self._weight.__getitem__
        every = sum(weigh(value) * n for value, n in own.items())
        return sum(weigh(value) * n for value, n in both.items()) / every, both.total()


def is_twin(
    cosine: float,
    rival: float,
    share: tuple[float, int] | None = None,
    *,
    code: bool = False,
    crowd: float = -1.0,
) -> bool:
    """Whether a training text is the item in other words, and not only of its kind.

    `rival` is the nearest rival's cosine, `share` what `Values.share` says, `code` whether both are programs, `crowd`
    how near the fifth training text comes to the item.
    """
    margin = cosine - rival
    same = share is not None and share[0] >= SAME_VALUES
    if code:
        kept = same and share is not None and share[1] >= CODE_VALUES
        return (cosine >= CODE and margin >= CODE_MARGIN) or (kept and cosine >= CODE_KEPT and margin > 0)
    if same:
        return cosine >= KEPT and margin >= KEPT_MARGIN
    if cosine >= NEAR and margin >= MARGIN:
        return True
    clear = cosine - max(rival, crowd)
    return share is None and ((cosine >= CLOSE and clear >= CLEAR) or (cosine >= ALONE and clear >= FAR))


def twins(
    items: Sequence[tuple[int, str]],
    rows: Sequence[tuple[int, str]],
    nearest: Sequence[Sequence[Near]],
    among: Sequence[float],
) -> tuple[Twin, ...]:
    """Judge what came nearest to each item, the nearest of all first.

    `items` and `rows` are lines and texts, `nearest` what came near each item (the nearest first), `among` how near the
    nearest other item comes to it.
    """
    given = Values([text for _, text in items])
    programs = [is_code(text) for _, text in items]
    found: dict[tuple[int, int], Twin] = {}
    for number, near in enumerate(nearest):
        line, text = items[number]
        if len(words(text)) < SHORTEST:
            continue  # a sum in other words is another sum as easily: short items are only compared whole
        crowd = near[-1].cosine if len(near) >= CROWD else -1.0
        for one in near:
            train_line, said = rows[one.place]
            share = given.share(number, said)
            code = programs[number] and is_code(said)
            rival = one.rival if code else max(one.rival, among[number])
            if not is_twin(one.cosine, rival, share, code=code, crowd=crowd):
                continue
            twin = Twin(line, train_line, one.cosine, rival, text, said, None if share is None else share[0])
            if (line, train_line) not in found or found[line, train_line].cosine < twin.cosine:
                found[line, train_line] = twin
    return tuple(sorted(found.values(), key=lambda twin: -twin.cosine))
