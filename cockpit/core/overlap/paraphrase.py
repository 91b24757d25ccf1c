"""Held-out items that training texts say in other words: judged by how near they are in meaning (sentence embeddings).

A twin must be near by itself and much nearer than any other held-out item is: items of one task are all alike. On
GSM8K's official split (300 test items beside 2,560 training rows, all-MiniLM-L6-v2) ordinary neighbours reach at most
0.84, hand-made paraphrases 0.92 and more.
"""

from __future__ import annotations

from dataclasses import dataclass

NEAR = 0.88  # cosine
MARGIN = 0.1  # nearer than the nearest other item by this


@dataclass(frozen=True, slots=True)
class Twin:
    """A held-out item and the training text that says it in other words; lines from 1, cosines -1..1."""

    held_out_line: int
    train_line: int
    cosine: float
    next_item: float
    held_out_text: str
    train_text: str

    def as_dict(self) -> dict[str, object]:
        return {
            "held_out_line": self.held_out_line, "train_line": self.train_line, "cosine": self.cosine,
            "next_item": self.next_item, "held_out_text": self.held_out_text, "train_text": self.train_text,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paraphrases:
    """What the embedding stage saw: `read` of `rows` training texts; `why`: why it did not look, where so."""

    twins: tuple[Twin, ...] = ()
    read: int = 0
    rows: int = 0
    why: str = ""

    @property
    def sentence(self) -> str:
        if self.why:
            return f"Paraphrases were not looked for: {self.why}."
        part = "" if self.read >= self.rows else f" (the first {self.read:,} of {self.rows:,})"
        return f"In other words: {len(self.twins)} items, by sentence embeddings of {self.read:,} training texts{part}."

    def as_dict(self) -> dict[str, object]:
        return {
            "looked": not self.why,
            "why": self.why or None,
            "read": self.read,
            "rows": self.rows,
            "twins": [twin.as_dict() for twin in self.twins],
        }


def is_twin(cosine: float, next_item: float) -> bool:
    """Whether a training text is the item in other words, and not only of its kind."""
    return cosine >= NEAR and cosine - next_item >= MARGIN
