"""The parts that the decision tree is written in: questions, their options, and where they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cockpit.core.technique.facts import Facts, Technique

Fit = Literal["best", "good", "possible", "poor", "impossible"]
FITS: tuple[Fit, ...] = ("best", "good", "possible", "poor", "impossible")


class Seen(NamedTuple):
    """An answer that the facts already give, and by what."""

    value: str
    because: str


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a question: `then` is the node or end that it leads to, `takes` what must hold for it."""

    value: str
    label: str
    then: str
    takes: str


@dataclass(frozen=True, slots=True)
class Node:
    """One question. `key` is what `--answer KEY=VALUE` names; several nodes may ask the same question.

    `see` answers it from the facts where it can; `default` is assumed while it is open ("" means that it must be
    asked). `matters` says what the answer changes.
    """

    id: str
    key: str
    question: str
    matters: str
    options: tuple[Option, ...]
    default: str
    source: str
    see: Callable[[Facts], Seen | None] = lambda _: None

    def option(self, value: str) -> Option | None:
        """The option with this value."""
        return next((option for option in self.options if option.value == value), None)


class Rank(NamedTuple):
    """A technique's place at an end of the tree."""

    technique: Technique
    fit: Fit
    why: str


@dataclass(frozen=True, slots=True)
class End:
    """Where the tree ends: the technique (None: none of these is the answer) and the ranking of the others.

    `instead` lists what to do where no technique fits; `comfortable` is the choice that is easy to make here and
    doesn't match, with why.
    """

    id: str
    technique: Technique | None
    why: str
    source: str
    ranked: tuple[Rank, ...] = ()
    instead: tuple[str, ...] = ()
    comfortable: tuple[Technique, str] | None = None
