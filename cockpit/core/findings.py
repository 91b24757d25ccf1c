"""Define a finding: what a rule says. The rules and their order are in core/rules/table.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

Severity = Literal["info", "warn", "alarm", "block"]
SEVERITIES: tuple[Severity, ...] = ("info", "warn", "alarm", "block")


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement: what was seen, how sure and how grave, and what to do next.

    severity: info (worth knowing), warn (look at it), alarm (the run or the line of attack is failing), block
    (a guardrail: it must not be committed). evidence: lines that a person can check. source: where the rule
    comes from. step: where it began, in optimizer steps. change: what a new draft is to set to cure it, by the names
    of a recipe; only of a run of ours whose recipe is known, and never taken from what somebody wrote.
    """

    rule: str
    severity: Severity
    headline: str
    evidence: tuple[str, ...] = ()
    next_step: str = ""
    source: str = ""
    experiments: tuple[str, ...] = ()
    step: int | None = None
    change: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)

    @property
    def key(self) -> str:
        """Name the finding across repeated runs of its rule: the rule and what it is about.

        Whoever points at a finding keeps its key: lists of findings are made anew all the time.
        """
        return f"{self.rule}:{','.join(self.experiments)}"

    def as_dict(self) -> dict[str, object]:
        """Return the shape of `--json`."""
        return {
            "key": self.key,
            "rule": self.rule,
            "severity": self.severity,
            "experiments": list(self.experiments),
            "headline": self.headline,
            "evidence": list(self.evidence),
            "next_step": self.next_step,
            "source": self.source,
            "step": self.step,
            "change": dict(self.change),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Finding | None:
        """Read that shape, or a trainer's `finding` event; None where rule or headline is missing."""
        rule, headline = value.get("rule"), value.get("headline")
        if not isinstance(rule, str) or not isinstance(headline, str):
            return None
        severity = value.get("severity")
        step = value.get("step")
        return cls(
            rule, severity if severity in SEVERITIES else "warn", headline,
            _texts(value.get("evidence")), str(value.get("next_step") or ""), str(value.get("source") or ""),
            _texts(value.get("experiments")), step if isinstance(step, int) else None,
        )  # fmt: skip


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in cast("list[object]", value))
    return ()
