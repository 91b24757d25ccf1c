"""Rows of any of the field's shapes -> examples that every trainer reads: one path, which says what it did.

A row may be a demonstration, a preference pair, an answer with a yes or no, or a scored trajectory; what each column
is called is the recipe's mapping (`data.columns`) or one of the usual names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.labels import as_bool as as_bool
from trainers.data.rows import Message, Prompt, Row, as_messages, column, messages_of, prompt_of

_HH = re.compile(r"\n\n(Human|Assistant):")
PASSED = 1.0
"""A trajectory without `passed` counts as passed from this reward on."""


@dataclass(frozen=True)
class Example:
    """One row, read. `chat` ends with the assistant; `said` is its last turn, `rejected` the worse answer of a pair.

    `trainable`: per message of `chat`, whether it is learnt (None: the trainer decides). `group`: what stays together.
    `policy`: the id of the policy that sampled it.
    """

    number: int
    prompt: Prompt | None
    said: str | None = None
    rejected: str | None = None
    label: bool | None = None
    reward: float | None = None
    passed: bool | None = None
    group: str | None = None
    policy: str | None = None
    chat: tuple[Message, ...] = ()
    trainable: tuple[bool, ...] | None = None

    @property
    def good(self) -> bool | None:
        """Whether the answer is one to learn, as far as the row says so; None where it doesn't."""
        if self.label is not None:
            return self.label
        if self.passed is not None:
            return self.passed
        return None if self.reward is None else self.reward >= PASSED


@dataclass
class Count:
    """What became of the rows, for the sentence in the log."""

    rows: int = 0
    used: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def sentence(self, made: int, what: str) -> str:
        """`620 rows (pairs) became 620 pairs; left out: 3 without an answer.`"""
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.used.items())
        out = ", ".join(f"{n} {why}" for why, n in self.left_out.items())
        return f"{self.rows} rows ({kinds or 'none usable'}) became {made} {what}{f'; left out: {out}' if out else ''}."


def read_examples(rows: Iterable[Row], recipe: Recipe) -> list[Example]:
    """Read every row. Raises CockpitError naming the row that contradicts itself."""
    return [read_example(row, number, recipe) for number, row in enumerate(rows, 1)]


def read_example(row: Row, number: int, recipe: Recipe) -> Example:
    """Read one row; what it does not have is None. Raises CockpitError for a mask of the wrong length."""
    columns = recipe.data.columns
    chosen, rejected = column(row, "chosen", columns), column(row, "rejected", columns)
    if chosen is not None and rejected is not None:
        return _pair(row, number, chosen, rejected, columns)
    chat = _conversation(row, columns)
    mask = column(row, "trainable", columns)
    label = column(row, "label", columns)
    group = column(row, "group", columns)
    policy = column(row, "policy_id", columns)
    said = chat[-1]["content"] if chat and chat[-1]["role"] == "assistant" else None
    return Example(
        number,
        prompt=list(chat[:-1]) if said is not None else prompt_of(row, columns),
        said=said,
        label=None if label is None else as_bool(label),
        reward=as_number(column(row, "reward", columns)),
        passed=as_bool(column(row, "passed", columns)),
        group=None if group is None else str(group),
        policy=None if policy is None else str(policy),
        chat=chat,
        trainable=None if mask is None else _mask(mask, row, number, len(chat), recipe),
    )


def _pair(row: Row, number: int, chosen: Any, rejected: Any, columns: Mapping[str, str]) -> Example:
    """A preference pair; where there is no prompt, what both sides begin with is the prompt."""
    better, worse = _turns(chosen), _turns(rejected)
    prompt = prompt_of(row, columns)
    if prompt is None and isinstance(chosen, str) and isinstance(rejected, str):
        prompt, chosen, rejected = split_texts(chosen, rejected)
        better, worse = _turns(chosen), _turns(rejected)
    elif len(better) > 1 or prompt is None:
        shared = 0
        while shared < min(len(better), len(worse)) - 1 and better[shared] == worse[shared]:
            shared += 1
        prompt = better[:shared] or prompt
        better, worse = better[shared:], worse[shared:]
    head = _as_chat(prompt)
    return Example(
        number,
        prompt=head or None,
        said=better[-1]["content"] if better else None,
        rejected=worse[-1]["content"] if worse else None,
        chat=(*head, *better),
    )


def split_texts(chosen: str, rejected: str) -> tuple[Prompt | None, str, str]:
    """What two texts begin with is the prompt: whole turns in Anthropic's HH spelling, else up to the last blank."""
    shorter = min(len(chosen), len(rejected))
    same = next((i for i in range(shorter) if chosen[i] != rejected[i]), shorter)
    starts = [match.end() for match in _HH.finditer(chosen, 0, same) if match[1] == "Assistant"]
    if starts:
        parts = _HH.split(chosen[: starts[-1]])
        turns = [
            {"role": "user" if parts[i] == "Human" else "assistant", "content": parts[i + 1].strip()}
            for i in range(1, len(parts) - 2, 2)
        ]
        return turns, chosen[starts[-1] :].strip(), rejected[starts[-1] :].strip()
    same = chosen.rfind(" ", 0, same) + 1
    return chosen[:same].strip() or None, chosen[same:].strip(), rejected[same:].strip()


def _conversation(row: Row, columns: Mapping[str, str]) -> tuple[Message, ...]:
    """The row as turns: `messages`, or the prompt and the answer given to it; empty for plain text."""
    chat = messages_of(row, columns)
    if chat is not None:
        return tuple(chat)
    said = column(row, "completion", columns)
    if said is None:
        said = column(row, "answer", columns)
    prompt = prompt_of(row, columns)
    if prompt is None or said is None:
        return ()
    return (*_as_chat(prompt), *_turns(said))


def _turns(said: Any) -> list[Message]:
    if isinstance(said, Mapping):
        said = [said]
    if isinstance(said, list):
        return as_messages(said)
    return [{"role": "assistant", "content": str(said)}]


def _as_chat(prompt: Prompt | None) -> list[Message]:
    if prompt is None:
        return []
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)


def _mask(mask: Any, row: Row, number: int, turns: int, recipe: Recipe) -> tuple[bool, ...]:
    if not isinstance(mask, list) or len(mask) != turns:
        got = len(mask) if isinstance(mask, list) else type(mask).__name__
        raise CockpitError(
            f"row {number}: `trainable` has {got} values for {turns} messages",
            "Give one true or false a message, or null.",
            file=recipe.data.train,
        )
    return tuple(bool(value) for value in mask)


def as_number(value: object) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if number - number == 0 else None


def no_use(recipe: Recipe, count: Count, wanted: str) -> CockpitError:
    """The error for a file that has nothing for this technique."""
    why = ", ".join(f"{n} {reason}" for reason, n in count.left_out.items()) or "the file is empty"
    return CockpitError(
        f"none of the {count.rows} training rows can be used for {recipe.technique} ({why})",
        f"It needs {wanted}; name the columns under data.columns.",
        file=recipe.data.train,
    )
