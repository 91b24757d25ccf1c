"""Define a row of the table of rules: its meaning, its source, its thresholds, and the actions it offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Family = Literal["across experiments", "loss", "evals", "reward", "preferences", "pace", "progress"]
Offer = Literal["stop", "spot_check", "verifier_reward", "compare", "discard"]
"""An action on a finding, beside opening its experiment; `finding_actions` makes it concrete."""

HOUSE = "house rule, from the practice of the field"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a rule judges by, and what it means (with its unit)."""

    value: float
    means: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    `means`: in one sentence, what a finding of this rule tells the user; `advice`: what to do about it.
    `changes`: the settings that a draft made from its findings changes, each with the techniques in which it does;
    `instead`: where (or wherever else) no setting is the cure, why, and the command that does it.
    `other_sources`: sources of parts of the rule that don't come from `source`. `by_trainer`: no function of core makes
    this finding; trainers report it in an event.
    """

    id: str
    family: Family
    means: str
    advice: str
    source: str
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    instead: str = ""
    offers: tuple[Offer, ...] = ()
    thresholds: Mapping[str, Threshold] = field(default_factory=dict[str, Threshold])
    other_sources: tuple[str, ...] = ()
    by_trainer: bool = False
