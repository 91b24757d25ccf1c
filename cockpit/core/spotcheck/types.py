"""What a spot check compares, and what it can find, as values: the two sides, and a mismatch with its evidence.

Source: the fourth diagnostic ("If a perfect-score training example would NOT pass the verifier (or vice versa), the
objective is mismatched") and its diagnostic action, three training and three eval examples side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cockpit.core.dataset.answer_markers import Stated
from cockpit.core.dataset.asked_form import Style
from cockpit.data.messages import Turn
from cockpit.verifiers import Verdict, Verifier

Kind = Literal[
    "answer-marker",
    "reasoning-style",
    "chat-template",
    "system-prompt",
    "bos",
    "eos",
    "generation-prompt",
    "thinking",
    "truncation",
    "loss-mask",
    "whitespace",
    "language",
    "new-tokens",
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
NEEDS_TOKENIZER: tuple[Kind, ...] = ("bos", "eos", "truncation", "new-tokens")
"""Kinds of which nothing can be said without the model's tokenizer; of others the part that shows in the data."""

REPORTED = 0.01
"""From this share of the examples on a difference is named; fewer are a remark."""
MISMATCHED = 0.10
"""From this share on it makes the objective mismatched, not just untidy."""
PASSES = 0.9
"""From this share of passing targets on, they are what the verifier scores."""
USUAL = 0.5
"""What holds for at least this share of a side is how that side is written."""

Verdicts = Literal["matched", "mismatched"]
Action = Literal["realign", "prompt", "setting", ""]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Target:
    """One training row: its prompt's turns, the text that is trained on, and what the verifier says of it.

    `row` counts from 1. `text` is None where a row holds no target (prompts for RL). `gold`: the row's own answer
    column beside the target. `raw`: the row is plain text, trained on as a whole.
    """

    row: int
    turns: tuple[Turn, ...]
    text: str | None
    gold: str | None = None
    raw: str | None = None
    stated: Stated | None = None
    style: Style = "unclear"
    verdict: Verdict | None = None
    passes_stripped: bool = False
    """Whether its marked answer alone would pass, without the reasoning around it."""
    masked: tuple[bool, ...] | None = None
    """Which turns the row itself says are trained on (evo's `trainable`), the target's among them."""
    thought: str = ""
    """The target's thinking, where it has a field of its own."""

    @property
    def prompt(self) -> str:
        return said(self.turns)

    @property
    def system(self) -> str | None:
        return system_of(self.turns)


@dataclass(frozen=True, slots=True)
class Item:
    """One eval item: prompt, gold answer as it stands in the file, and that answer in the training data's format.

    `verdict` is what the verifier says of `written`.
    """

    row: int
    id: str
    turns: tuple[Turn, ...]
    gold: str
    answer: str = ""
    written: str | None = None
    verdict: Verdict | None = None

    @property
    def prompt(self) -> str:
        return said(self.turns)

    @property
    def system(self) -> str | None:
        return system_of(self.turns)


@dataclass(frozen=True, slots=True)
class Sides:
    """Everything that the rules look at. `rendered` is None without a model."""

    train: tuple[Target, ...]
    items: tuple[Item, ...]
    verifier: Verifier | None = None
    system_prompt: str | None = None
    """The recipe's, put before every prompt of both sides that brings none."""
    enable_thinking: bool | None = None
    max_new_tokens: int | None = None
    """The scorer's limit; None where it isn't known."""
    rendered: Rendered | None = None

    @property
    def targets(self) -> list[Target]:
        """The training rows that hold a target."""
        return [row for row in self.train if row.text is not None]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the trainers' own rendering says of the rows and items that were tokenized (see trainers/spotcheck/render.py)."""

    rows: tuple[RowFacts, ...]
    items: tuple[ItemFacts, ...]
    contexts: tuple[Context, ...]
    """Where a training row's context and the eval prompt of the same row differ, the same difference once."""
    bos: str | None = None
    adds_bos: bool = False
    ends: tuple[str, ...] = ()
    """The tokens that end an answer when it is scored."""
    max_length: int | None = None
    max_positions: int | None = None
    trims: bool = False
    """Whether the chat template strips the blanks around what is said."""
    has_template: bool = True
    systems: Mapping[str, str] = field(default_factory=dict[str, str])
    """How each system prompt of the data ("" for none) is rendered before a user's turn."""
    refused: tuple[tuple[int, str], ...] = ()
    """The first rows that couldn't be rendered, and why; `refusals` counts them all."""
    refusals: int = 0
    said: tuple[str, ...] = ()
    """What a run's log would say of these rows when it starts."""
    served: Served | None = None
    """How the served template renders a prompt, where it is another than the one that is scored with."""
    folded: Folded | None = None
    untemplated: int = 0
    """Rows that are conversations, where the model has no chat template."""
    new_tokens: NewTokens | None = None
    stop_trained: bool | None = None
    """Whether the template's own mask of the assistant's tokens holds the one that ends a turn; None: no mask is used."""
    roles: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Tokens of each role (`template`: what no turn says), and how many of them are trained."""


@dataclass(frozen=True, slots=True)
class RowFacts:
    """One training row after tokenizing. Lengths in tokens, `kept_chars` in characters of the target.

    `ends`: an end token is trained after the answer. `cut`: tokens lost to the maximum length.
    """

    row: int
    tokens: int
    cut: int
    bos: int
    ends: bool
    follows: str
    """What is trained after the answer, where it isn't an end token."""
    trained: int
    trained_prompt: int
    """Prompt tokens that the loss is taken on."""
    kept_chars: int
    target_found: bool
    """Whether the target stands in the rendered text as it stands in the data."""
    after_end: str = ""
    """What is trained after the end token: the opening of another answer, say."""
    unthought: int = 0
    """Turns that are trained without the thinking that they have in the data."""
    unsaid: tuple[str, ...] = ()
    """Roles of turns that the template leaves out."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """One eval prompt after tokenizing: its length in tokens, leading BOS tokens, and its text's end."""

    row: int
    tokens: int
    bos: int


@dataclass(frozen=True, slots=True)
class Context:
    """A difference between what training shows the model before the answer, and what eval shows it.

    `train` and `eval` are what is left of the two texts without what they have in common; `before` is the common
    text in front, cut to its end. `ids_only`: the texts are equal, the token ids aren't. `between`: eval ends before
    the answer begins, and nothing trains the model to write what is missing.
    """

    train: str
    eval: str
    before: str = ""
    count: int = 1
    row: int = 1
    between: bool = False
    ids_only: bool = False
    opening: bool = False
    """The difference lies in what opens the answer (the generation prompt)."""


@dataclass(frozen=True, slots=True)
class Served:
    """A prompt as it is served (`train`) and as it is scored (`eval`); `of_rows`: a training row's conversation."""

    train: str
    eval: str
    before: str
    row: int
    of_rows: bool = False


@dataclass(frozen=True, slots=True)
class NewTokens:
    """Tokens of the data that the model never learnt: `says` names them, `text` is the first; the embedding's `rows`."""

    says: str
    text: str
    rows: int
    beyond: bool
    mend: str


@dataclass(frozen=True, slots=True)
class Folded:
    """Reasoning that the chat template has no place for: what is trained of the first such row, and what it says."""

    rows: int
    row: int
    trained: str
    said: str


@dataclass(frozen=True, slots=True)
class Quote:
    """One side of a mismatch: where it is from, an excerpt, and the spans in it that differ."""

    where: str
    text: str
    marks: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A named difference. `share` of `total` rows or items (`of`) are touched, 0..1."""

    kind: Kind
    share: float
    total: int
    of: Literal["training rows", "eval items"]
    headline: str
    train: Quote
    eval: Quote
    fix: str
    action: Action = ""
    evidence: tuple[str, ...] = ()

    @property
    def is_serious(self) -> bool:
        """Whether it touches enough to make the objective mismatched."""
        return self.share >= MISMATCHED


Rule = Callable[[Sides], "Mismatch | None"]


def said(turns: Sequence[Turn]) -> str:
    """What is asked, without the system prompt: the turns' texts, one below the other."""
    return "\n".join(turn.text for turn in turns if turn.role != "system")


def system_of(turns: Sequence[Turn]) -> str | None:
    """The system prompt that the turns begin with, if they do."""
    return turns[0].text if turns and turns[0].role == "system" else None


def as_dict(mismatch: Mismatch) -> dict[str, Any]:
    """A mismatch as the JSON answer gives it."""
    return {
        "kind": mismatch.kind,
        "share": round(mismatch.share, 4),
        "of": mismatch.of,
        "n": mismatch.total,
        "serious": mismatch.is_serious,
        "headline": mismatch.headline,
        "train_example": mismatch.train.text,
        "train_where": mismatch.train.where,
        "train_differs": [list(span) for span in mismatch.train.marks],
        "eval_example": mismatch.eval.text,
        "eval_where": mismatch.eval.where,
        "eval_differs": [list(span) for span in mismatch.eval.marks],
        "mend": mismatch.fix,
        "evidence": list(mismatch.evidence),
    }
