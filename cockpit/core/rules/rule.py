"""What the table says of one rule: what it means, where it comes from, its thresholds, and what is offered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Family = Literal["across experiments", "loss", "evals", "reward", "preferences", "pace", "progress"]
Offer = Literal["stop", "spot_check", "verifier_reward", "compare", "discard"]
"""What can be done about a finding beside opening its experiment; `finding_actions` makes it concrete."""

HOUSE = "house rule, from the practice of the field"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a rule judges by, and what it means (with its unit)."""

    value: float
    means: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    `means` says in a sentence what a finding of this rule says, `advice` what to do. `other_sources`: where a part
    of the rule comes from somewhere else than `source`. `by_trainer`: trainers report it, in events of their own.
    """

    id: str
    family: Family
    means: str
    advice: str
    source: str
    offers: tuple[Offer, ...] = ()
    thresholds: Mapping[str, Threshold] = field(default_factory=dict[str, Threshold])
    other_sources: tuple[str, ...] = ()
    by_trainer: bool = False
