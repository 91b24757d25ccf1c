"""Held-out items that training texts say in other words: judged by how near they are in meaning (sentence embeddings).

A twin must be near by itself and much nearer than any other held-out item is: items of one task are all alike. On
GSM8K's official split (300 test items beside 2,560 training rows, all-MiniLM-L6-v2) ordinary neighbours reach at most
0.84, hand-made paraphrases 0.92 and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cockpit.core.findings import Finding
from cockpit.core.overlap.summary import SOURCE_SYNTHETIC
from cockpit.core.safe_text import clip

NEAR = 0.88  # cosine
MARGIN = 0.1  # nearer than the nearest other item by this
SHOWN = 3


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


def findings(seen: Paraphrases, items: int, train: str) -> list[Finding]:
    """The twins as a finding, side by side; nothing where there are none."""
    if not seen.twins:
        return []
    lines = [
        f"training line {twin.train_line:,} (cosine {twin.cosine:.2f}, the nearest other item {twin.next_item:.2f}) "
        f"beside held-out line {twin.held_out_line:,}: {clip(twin.train_text, 160)!r} beside "
        f"{clip(twin.held_out_text, 160)!r}"
        for twin in _gravest(seen.twins)[:SHOWN]
    ]
    return [
        Finding(
            "eval-in-synthetic",
            "warn",
            f"{len(seen.twins)} of {items:,} held-out items stand in the training data in other words",
            tuple(lines),
            f"Read them side by side (`cockpit overlap {train} HELD_OUT --paraphrases`): take the twins out, or say in "
            "the method log where they come from.",
            SOURCE_SYNTHETIC,
        )
    ]


def _gravest(twins: Sequence[Twin]) -> list[Twin]:
    return sorted(twins, key=lambda twin: -twin.cosine)
