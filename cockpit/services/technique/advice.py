"""Advise a technique: walk the decision tree with what the data, verifier, model name and workspace show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.core.dataset.answer_markers import states
from cockpit.core.technique.data_facts import facts_of, tuned_by_name
from cockpit.core.technique.decision import Advice, advise
from cockpit.core.technique.facts import Facts
from cockpit.services.dataset.inspect import Inspection, inspect
from cockpit.services.workspace import smoke_verdict
from cockpit.services.workspace.workspace import Workspace
from cockpit.verifiers import load as load_verifier

LOOKED_AT = 5000  # rows; the shape and its shares are known long before


@dataclass(frozen=True, slots=True)
class Advised:
    """The advice, what it was given on, and the look at the data, where there was any."""

    advice: Advice
    facts: Facts
    seen: Inspection | None


def advised(
    *,
    data: str | None = None,
    verifier: str | None = None,
    model: str | None = None,
    lora: bool | None = None,
    answers: Mapping[str, str] | None = None,
    workspace: Workspace | None = None,
) -> Advised:
    """Look at what there is and walk the tree; a workspace fills in what isn't given. Raises CockpitError."""
    if workspace is not None:
        config = workspace.config
        same_data = data is None or data == str(config.train)
        data = data or (str(config.train) if config.train else None)
        verifier = verifier or (config.verifier if same_data else None)
        model = model or config.model
    judge = load_verifier(verifier) if verifier else None
    seen = inspect(data, limit=LOOKED_AT) if data else None
    if seen is not None:
        facts = facts_of(seen.profile, seen.examples, judge)
    else:
        facts = Facts(verifier=judge.spec if judge else None)
    facts = replace(facts, lora=lora, instruct=tuned_by_name(model) if model else None)
    if workspace is not None:
        facts = with_history(facts, workspace)
    return Advised(advise(facts, answers), facts, seen)


def with_history(facts: Facts, workspace: Workspace) -> Facts:
    """What the workspace's own experiments show: the base model's score, and SFT runs that ended at 0."""
    views = workspace.experiments()
    scored = next((view for view in views if view.technique == "baseline" and view.score), None)
    base = scored.score if scored else None
    at_zero = sum(
        view.technique == "sft" and view.score is not None and view.score.value == 0.0 for view in views
    )
    drawn = smoke_verdict.base_rate(workspace)
    facts = replace(
        facts,
        sft_runs_at_zero=at_zero,
        random_score=workspace.config.random_score,
        base_sampled=drawn.rate if drawn is not None else None,
    )
    if base is None:
        return facts
    return replace(
        facts,
        base_score=base.value,
        base_items=base.n,
        base_parsed=base.parsed / base.n if base.parsed is not None and base.n else None,
        base_any_form=_in_any_form(scored.attempt_dir) if scored and scored.attempt_dir else None,
    )


def _in_any_form(attempt: Path) -> float | None:
    """The share of the base model's held-out answers that are right whatever their form; None where none is kept."""
    rows = islice(read_rows(AttemptLayout(attempt).held_out / "items.jsonl"), LOOKED_AT)
    right = [
        bool(row.get("passed")) or states(str(row["completion"]), str(row["answer"]))
        for row in rows
        if row.get("completion") is not None and row.get("answer") is not None
    ]
    return sum(right) / len(right) if right else None
