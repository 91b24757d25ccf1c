"""A spot check as values: what is shown of each side, what the verifier says of it, and the answer for `--json`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cockpit.core.spotcheck.sides import state_of
from cockpit.core.spotcheck.types import KINDS, NEEDS_TOKENIZER, Mismatch, Span, Verdicts, as_dict
from cockpit.data.messages import Turn
from cockpit.verifiers import Verdict

SPECIAL, TRAINED, CUT = 1, 2, 4
"""What a piece of a rendered example is (trainers/spotcheck/tokens.py); the flags add up."""
Piece = tuple[str, int]
State = Literal["passes", "wrong", "unparsed", ""]
WORDS: dict[str, str] = {
    "passes": "passes",
    "wrong": "parses, but wrong",
    "unparsed": "doesn't parse",
    "": "not judged",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A text and what the verifier says of it. `span`: where it looked, in characters of `text`."""

    text: str
    state: str
    why: str = ""
    span: Span | None = None

    @staticmethod
    def of(text: str | None, verdict: Verdict | None) -> Judged | None:
        """None where there is no text."""
        if text is None:
            return None
        return Judged(
            text, state_of(verdict), verdict.why if verdict else "", verdict.span if verdict else None
        )

    @property
    def told(self) -> str:
        """`: ` and why, where neither the state nor a place in the text says it."""
        return f": {self.why}" if self.why and (self.state != "passes" or self.span is None) else ""

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`."""
        return {"text": self.text, "verdict": self.state or None, "why": self.why,
                "looked_at": list(self.span) if self.span else None}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """An example as tokens: pieces of text with their flags; `cut_at` is the token at which training stops reading.

    `bos`: BOS tokens at the beginning. `ends`: whether an end token is trained (None for a prompt, which has no end).
    """

    pieces: tuple[Piece, ...]
    tokens: int
    trained: int = 0
    bos: int = 0
    ends: bool | None = None
    cut_at: int | None = None
    refused: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`: the flags as words."""
        return {
            "pieces": [{"text": text, "special": bool(f & SPECIAL), "trained": bool(f & TRAINED), "cut": bool(f & CUT)}
                       for text, f in self.pieces],
            "tokens": self.tokens, "trained_tokens": self.trained, "bos": self.bos, "ends": self.ends,
            "cut_at": self.cut_at, "refused": self.refused or None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """A model's own answer to an eval prompt. `who`: `base`, or the experiment and its checkpoint."""

    who: str
    answer: Judged


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a side. `target`: what training teaches, or the gold answer in the training data's form."""

    side: Literal["train", "eval"]
    row: int
    id: str
    turns: tuple[Turn, ...]
    target: Judged | None
    gold: str | None = None
    look: Look | None = None
    said: tuple[Said, ...] = ()
    raw: bool = False
    """Plain text, trained on as a whole."""
    thought: str = ""
    """The target's thinking, where the row has it in a field of its own."""
    index: int = 0
    """Its position in the side, from 0; of a thinned file not its row's number."""

    @property
    def prompt(self) -> str:
        """What is asked, system prompt included."""
        return "\n".join(turn.text for turn in self.turns)

    @property
    def learnt(self) -> str:
        """The target as the row has it: its thinking, then its text."""
        said = self.target.text if self.target else ""
        return f"<think>\n{self.thought}\n</think>\n\n{said}" if self.thought else said

    def as_dict(self) -> dict[str, Any]:
        """The shape of `--json`."""
        return {
            "side": self.side, "row": self.row, "id": self.id,
            "turns": [{"role": turn.role, "content": turn.shown} for turn in self.turns],
            "thinking": self.thought or None,
            "target" if self.side == "train" else "gold_in_training_format": self.target and self.target.as_dict(),
            "gold": self.gold, "rendered": self.look and self.look.as_dict(),
            "model_answers": [{"by": said.who, **said.answer.as_dict()} for said in self.said],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of the whole training set were judged, and how; `rows` counts all of them."""

    rows: int = 0
    judged: int = 0
    passed: int = 0
    parsed: int = 0

    @property
    def share(self) -> float | None:
        """The share of the judged targets that pass; None where nothing was judged."""
        return self.passed / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """The whole of it. `rendered`: whether the model's tokenizer was asked."""

    verdict: Verdicts
    shares: Shares
    items: int
    mismatches: tuple[Mismatch, ...]
    train: tuple[Example, ...]
    eval: tuple[Example, ...]
    train_file: str | None
    eval_file: str | None
    verifier: str | None
    model: str | None
    rendered: bool
    technique: str = "sft"
    experiment: str | None = None
    gold_passed: int = 0
    gold_judged: int = 0
    notes: tuple[str, ...] = ()
    roles: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Tokens of each role in the rendered training rows (`template`: what no turn says), and how many are trained."""

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Kinds that nothing can be said of without the tokenizer."""
        return () if self.rendered else NEEDS_TOKENIZER

    def as_dict(self) -> dict[str, Any]:
        """The answer for `--json`."""
        shares = self.shares
        return {
            "verdict": self.verdict,
            "pass_share": shares.share,
            "mismatches": [as_dict(mismatch) for mismatch in self.mismatches],
            "examples": [example.as_dict() for example in (*self.train, *self.eval)],
            "rows": shares.rows, "judged": shares.judged, "passed": shares.passed, "parsed": shares.parsed,
            "items": self.items,
            "gold_pass_share": self.gold_passed / self.gold_judged if self.gold_judged else None,
            "train": self.train_file, "eval": self.eval_file, "verifier": self.verifier, "model": self.model,
            "technique": self.technique, "experiment": self.experiment, "rendered": self.rendered,
            "kinds_checked": [kind for kind in KINDS if kind not in self.unchecked],
            "kinds_not_checked": list(self.unchecked),
            "trained_by_role": {role: {"tokens": tokens, "trained": trained}
                                for role, (tokens, trained) in self.roles.items()},
            "notes": list(self.notes),
        }  # fmt: skip


def by_role(roles: Mapping[str, tuple[int, int]]) -> str:
    """`Trained on: 98% of the assistant's 1,204 tokens, 0% of the user's 2,310.`; empty where nothing was rendered."""
    named = sorted((role for role in roles if role != "template"), key=lambda role: -roles[role][1])
    parts = [
        f"{roles[role][1] / roles[role][0]:.0%} of the {role}'s {roles[role][0]:,} tokens" for role in named
    ]
    return f"Trained on: {', '.join(parts)}." if parts else ""


def headline(check: SpotCheck) -> str:
    """The verdict in a sentence."""
    serious = [m for m in check.mismatches if m.is_serious]
    shares = check.shares
    passing = (
        f"{shares.passed:,} of {shares.judged:,} training targets pass the verifier" if shares.judged else ""
    )
    small = ", ".join(f"{m.kind} ({m.share:.1%})" for m in check.mismatches if not m.is_serious)
    if serious:
        also = f" Also: {small}." if small else ""
        return f"Mismatched: {', '.join(m.kind for m in serious)}.{also}" + (
            f" {passing}." if passing else ""
        )
    if check.mismatches:
        return f"Matched, with remarks: {small}." + (f" {passing}." if passing else "")
    return "Matched: no difference found." + (f" {passing}." if passing else "")


def page(total: int, n: int, number: int, seed: int = 0, pinned: int | None = None) -> list[int]:
    """Positions of the examples on page `number`: `n` of `total`, drawn by `seed`; the pinned one stays first.

    Pages follow one shuffled order, so that each example comes up once before any comes up again.
    """
    if total <= 0 or n <= 0:
        return []
    order = shuffled(total, seed)
    if pinned is not None:
        order = [index for index in order if index != pinned]
    room = min(n - (pinned is not None), len(order))
    pages = -(-len(order) // room) if room else 1
    start = number % pages * room
    chosen = order[start : start + room]
    return [pinned, *chosen] if pinned is not None else chosen


def shuffled(total: int, seed: int) -> list[int]:
    """0 … total-1 in the order that `seed` draws."""
    order = list(range(total))
    random.Random(seed).shuffle(order)
    return order


def matching(texts: Sequence[str], words: str) -> list[int]:
    """Positions of the texts that hold all of `words`, whatever their case."""
    wanted = words.lower().split()
    return [i for i, text in enumerate(texts) if all(word in text.lower() for word in wanted)]
