"""One experiment as a value: its record and its latest attempt, read from the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout, ExperimentLayout
from cockpit.contract.values import mapping
from cockpit.core.pass_at import Passes, Sampled
from cockpit.core.runs.status import AttemptStatus
from cockpit.core.scores import Delta, Score
from cockpit.core.smoke.verdict import SmokeVerdict
from cockpit.services.runs import attempts


@dataclass(frozen=True, slots=True)
class Decision:
    """Committed or discarded, why, and when (epoch seconds)."""

    status: str
    reason: str
    time: float


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """What a screen or a command shows of one experiment."""

    id: str
    parent: str | None
    technique: str
    lora: bool
    hypothesis: str
    created: float
    status: str
    attempt: AttemptStatus | None
    attempt_dir: Path | None
    model: str
    verifier: str
    score: Score | None = None
    delta: Delta | None = None
    mini_best: float | None = None
    mini_baseline: float | None = None
    mini_last: float | None = None
    best_step: int | None = None
    attempts: int = 0
    decision: Decision | None = None
    children: tuple[str, ...] = ()
    depth: int = 0
    sweep: str = ""
    """The sweep that it belongs to; its siblings carry the same name."""
    queued: int = 0
    """Its place in the line of those that wait to be launched, from 1; 0 where it doesn't wait."""
    start: str = ""
    """The checkpoint that it goes on from, `exp_0003@40`; empty for the base model."""
    sampled: Sampled | None = None
    """Several sampled answers an item, where they were asked for."""
    passes: Passes | None = None
    """pass@k of these, against the base where that was sampled, too."""
    smoke: SmokeVerdict | None = None
    """What its last smoke run said."""
    note: str = ""
    """Why there is no score, or anything else that needs a sentence."""

    @property
    def unscored(self) -> bool:
        """Whether a run ended without the full held-out pass, which can still be made of its best checkpoint."""
        over = self.attempt is not None and not self.attempt.live and self.attempt.state != "queued"
        return over and self.score is None and (self.best_step is not None or self.technique == "baseline")


def read(layout: ExperimentLayout, attempt: AttemptLayout | None, now: float) -> ExperimentView | None:
    """Read the experiment as of `now` (epoch seconds); None where its record is missing or broken."""
    record = atomic.read_object(layout.record)
    if record is None:
        return None
    facts = attempts.read(attempt, now) if attempt is not None else None
    decision = _decision(record.get("decision"))
    smoked = mapping(record.get("smoke"))
    smoke = SmokeVerdict.from_dict(smoked) if smoked else None
    return ExperimentView(
        id=layout.root.name,
        parent=record.get("parent"),
        technique=str(record.get("technique", "?")),
        lora=bool(record.get("lora", False)),
        hypothesis=str(record.get("hypothesis", "")),
        created=float(record.get("created") or 0.0),
        model=str(record.get("model", "")),
        verifier=str(record.get("verifier", "")),
        status=_status(smoke, facts, decision),
        attempt=facts.status if facts else None,
        attempt_dir=attempt.root if attempt else None,
        score=facts.score if facts else None,
        mini_best=facts.mini_best if facts else None,
        mini_last=facts.mini_last if facts else None,
        mini_baseline=facts.mini_baseline if facts else None,
        best_step=facts.best_step if facts else None,
        attempts=int(attempt.root.name) if attempt else 0,
        decision=decision,
        start=str(record.get("warm_start_from") or ""),
        sweep=str(mapping(record.get("sweep")).get("id", "")),
        smoke=smoke,
        note=facts.note if facts else red_smoke(smoke),
        sampled=facts.sampled if facts else None,
    )


def _decision(value: object) -> Decision | None:
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    return Decision(
        str(fields.get("status")), str(fields.get("reason", "")), float(fields.get("time") or 0.0)
    )


def red_smoke(smoke: SmokeVerdict | None) -> str:
    """Where the last smoke run was red, and why; empty where it was green or there was none."""
    return f"smoke run red at {smoke.stage}: {smoke.headline}" if smoke and not smoke.green else ""


def _status(
    smoke: SmokeVerdict | None, facts: attempts.AttemptFacts | None, decision: Decision | None
) -> str:
    """The words of the product: draft, smoked, running, evaluated, committed, discarded, failed."""
    if facts is None or (facts.status.state == "queued" and not facts.status.in_line):  # nothing was started
        return "smoked" if smoke is not None and smoke.green else "draft"
    if attempts.is_live(facts.status):
        return "running"
    if decision is not None:
        return decision.status
    if facts.score is not None or attempts.ended_well(facts.status):
        return "evaluated"
    return "failed"
