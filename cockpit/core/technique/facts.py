"""What the decision tree can see before it asks: the data, the verifier, the base model's own score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cockpit.verifiers import is_graded

Technique = Literal["sft", "dpo", "kto", "orpo", "rft", "grpo", "rloo", "ppo"]
RANKED: tuple[Technique, ...] = ("grpo", "rloo", "rft", "sft", "dpo", "kto", "orpo", "ppo")
"""The techniques that the decision ranks, in the order in which equals are shown."""


@dataclass(frozen=True, slots=True)
class Facts:
    """None means not known. Shares and scores are 0..1.

    `shape`: as data/shapes names it. `form`: the checkable form that most answers are in (`hashes`).
    `verifier`: the spec that was named; `gold_accepted`: the share of gold answers it accepts; `written`: the share
    of training texts that pass it as they stand. `base_*`: the base model's own scores, greedy; `base_any_form`:
    the same with any answer form accepted; `base_sampled`: pass rate of sampled completions.
    """

    shape: str | None = None
    rows: int | None = None
    form: str | None = None
    verifier: str | None = None
    gold_answers: bool | None = None
    gold_accepted: float | None = None
    written: float | None = None
    long_answers: bool = False
    has_demonstrations: bool = False
    labels_good: float | None = None
    two_sided_prompts: float | None = None
    passed: float | None = None
    grouped: bool = False
    tools: bool = False
    identical_pairs: float = 0.0
    base_score: float | None = None
    base_items: int | None = None
    random_score: float | None = None
    base_parsed: float | None = None
    base_any_form: float | None = None
    base_sampled: float | None = None
    instruct: bool | None = None
    lora: bool | None = None
    sft_runs_at_zero: int = 0

    @property
    def verifier_reads(self) -> bool | None:
        """Whether the named verifier can judge this data: it accepts most gold answers. None where that is open."""
        if self.verifier is None:
            return None
        if is_graded(self.verifier):
            return False  # words in common with a reference: a proxy, which decides nothing
        if self.long_answers and self.verifier == "exact":
            return False  # nobody reproduces a page word for word
        if self.gold_accepted is None:
            return True if self.shape is None or self.gold_answers else None
        return self.gold_accepted >= 0.5

    @property
    def has(self) -> frozenset[str]:
        """What the techniques need, as far as it is there: pairs, labels, texts, checker, scores."""
        found: set[str] = set()
        if self.shape == "preference":
            found |= {"pairs", "texts"}
        if self.shape == "labelled":
            found |= {"labels"} | ({"texts"} if self.labels_good != 0.0 else set())
        if self.shape == "trajectories":
            found |= {"scores", "texts"}
        if self.has_demonstrations or self.shape == "text":
            found.add("texts")
        if self.verifier_reads or (self.verifier is None and self.form is not None):
            found.add("checker")
        return frozenset(found)
