"""What the readings say of an attempt on the disk: its files as a `Run`, judged by core/rules/run_rules/judge.

The answer is kept until one of the files changes. Of a long file, the beginning and the newest part are read: a run
of a million steps is judged as fast as one of ten thousand, and its middle is history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.events import STANDING
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.techniques import TECHNIQUES
from cockpit.contract.values import mapping, number
from cockpit.core.findings import Finding
from cockpit.core.recipe.settings import unset
from cockpit.core.rules.run_rules import judge
from cockpit.core.rules.table import ranked, sourced
from cockpit.core.runs.metric_names import aliased
from cockpit.core.runs.run_record import Run, groups_of, mid_evals_of, series_of
from cockpit.core.scores import Delta, Score
from cockpit.services.rules import row_tokens
from cockpit.services.runs import attempts, observe
from cockpit.services.workspace.workspace import stamp

_KEPT: dict[Path, tuple[tuple[object, ...], list[Finding]]] = {}
_METRICS = (131_072, 655_360)  # bytes at the beginning and at the end: some 8,000 rows
_EVENTS = (1_048_576, 1_048_576)
_SAMPLE_FILES = 6  # newest files of rollouts that the groups are counted from


def for_attempt(
    root: Path, *, parent: Score | None = None, delta: Delta | None = None, now: float | None = None
) -> list[Finding]:
    """Findings of one attempt as of `now` (epoch seconds), gravest first, its trainer's among them. No OSError.

    `parent` is its parent's score, `delta` the verdict against it among all experiments, where that is known.
    """
    attempt = AttemptLayout(root)
    status = observe.observe(attempt, now=now)
    stalled = status.sentence if status.state == "stalled" else ""
    score = attempt.held_out / "score.json"
    key = (
        *(stamp(path) for path in (attempt.events, attempt.metrics, attempt.process, attempt.exports, score)),
        stalled,
        parent,
        delta,
    )
    kept = _KEPT.get(root)
    if kept is None or kept[0] != key:
        kept = _KEPT[root] = (key, _read(attempt, stalled, parent, delta))
    return kept[1]


def run_of(
    attempt: AttemptLayout, *, stalled: str = "", parent: Score | None = None, delta: Delta | None = None
) -> Run:
    """The attempt's files as the value that the readings judge."""
    recipe = mapping(atomic.read_json(attempt.recipe))
    trainer = mapping(recipe.get("trainer"))
    metrics, nonfinite = series_of(observe.rows_at_ends(attempt.metrics, *_METRICS))
    events = [
        row for row in observe.rows_at_ends(attempt.events, *_EVENTS) if row.get("kind") in (*STANDING, "end")
    ]
    mid_evals, baseline = mid_evals_of(events)
    outcome = next((str(row.get("outcome")) for row in reversed(events) if row.get("kind") == "end"), None)
    beta = trainer.get("beta")
    technique = str(recipe.get("technique") or "")
    ours = is_ours(recipe)
    generation = {f"generation.{name}": value for name, value in mapping(recipe.get("generation")).items()}
    return Run(
        id=str(recipe.get("experiment_id") or ""),
        technique=technique,
        metrics=aliased(metrics, technique),
        mid_evals=mid_evals,
        nonfinite=nonfinite,
        baseline=baseline,
        verifier=str(recipe.get("verifier") or ""),
        outcome=outcome,
        stalled=stalled,
        held_out=attempts.read_score(attempt),
        parent=parent,
        delta=delta,
        groups=groups_of(_rollouts(attempt)),
        examples=_examples(attempt),
        beta=float(beta) if isinstance(beta, int | float) else None,
        settings={**unset(technique), **trainer, **generation} if ours else trainer,
        rewards=_rewards(recipe.get("rewards")),
        row_tokens=partial(row_tokens.of, recipe) if ours else _unknown,
    )


def without_drafts(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of runs that can't be moved from here: what to change is said in words alone."""
    return [replace(finding, change={}) for finding in findings]


def is_ours(recipe: Mapping[str, Any]) -> bool:
    """Whether a draft can be made of this recipe with a setting changed: ours, with a trainer of ours."""
    return "watched" not in recipe and recipe.get("technique") in TECHNIQUES


def _rewards(parts: object) -> list[tuple[str, float]]:
    """What RL adds up: each part's source and weight."""
    rows = [mapping(part) for part in cast("list[object]", parts)] if isinstance(parts, list) else []
    return [(str(row.get("source")), number(row.get("weight")) or 0.0) for row in rows]


def _unknown() -> None:
    return None


def edited(run: Run, known: Mapping[str, Any]) -> Run:
    """The run with what is known better than its files say; None leaves a field alone."""
    return replace(run, **{name: value for name, value in known.items() if value is not None})


def _read(attempt: AttemptLayout, stalled: str, parent: Score | None, delta: Delta | None) -> list[Finding]:
    run = run_of(attempt, stalled=stalled, parent=parent, delta=delta)
    events = observe.rows_at_ends(attempt.events, *_EVENTS)
    rows = [*(row for row in events if row.get("kind") == "finding"), *_of_exports(attempt)]
    told = [Finding.from_dict(row) for row in rows]
    named = [
        replace(f, experiments=f.experiments or (run.id,) if run.id else ()) for f in told if f is not None
    ]
    found = judge.read(run)
    if not is_ours(mapping(atomic.read_json(attempt.recipe))):
        found = without_drafts(found)
    return ranked([*found, *map(sourced, named)])


def _of_exports(attempt: AttemptLayout) -> list[Mapping[str, Any]]:
    """What was found when its checkpoints were exported."""
    files = sorted(attempt.exports.glob("*.json"))
    said = [(atomic.read_object(file) or {}).get("findings") for file in files]
    return [mapping(row) for rows in said if isinstance(rows, list) for row in cast("list[object]", rows)]


def _examples(attempt: AttemptLayout) -> dict[int, str]:
    """Steps whose batch was written down, and where."""
    made: dict[int, str] = {}
    for path in attempt.samples.glob("train_step_*.jsonl"):
        step = path.stem.rpartition("_")[2]
        if step.isdigit():
            made[int(step)] = f"samples/{path.name}"
    return made


def _rollouts(attempt: AttemptLayout) -> Iterable[dict[str, Any]]:
    """Rows of the newest files of training samples."""
    for path in sorted(attempt.samples.glob("train_step_*.jsonl"))[-_SAMPLE_FILES:]:
        yield from read_rows(path)
