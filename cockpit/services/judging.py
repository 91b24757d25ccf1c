"""Everything that the rules say: of a history file from elsewhere, and of a workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.core import readings, run_elsewhere
from cockpit.core.diagnostics import COMMITTED, DECIDED, diagnose
from cockpit.core.diagnostics_records import judge_records
from cockpit.core.findings import Finding, ranked
from cockpit.core.history import History, Move, SpotCheck, parse
from cockpit.core.run_record import Run
from cockpit.services import findings
from cockpit.services.workspace import ExperimentView, Workspace


@dataclass(frozen=True, slots=True)
class Judged:
    """Findings, gravest first; the history that they are about; what was odd about it, in sentences."""

    history: History
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


def history_file(path: Path) -> Judged:
    """Judge HISTORY.jsonl. Raises CockpitError naming the line and the field that is wrong."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise CockpitError(
            f"the history can't be read: {error.strerror or error}", "Name a JSONL file.", file=path
        ) from error
    history = parse(lines, file=str(path))
    notes = list(history.notes)
    read: list[Finding] = []
    by_id = history.by_id()
    for move in history.moves:
        if move.metrics_path is not None and move.trained:
            run = _run_elsewhere(move, by_id, path.parent, notes)
            read += readings.read(run) if run else []
    found = [*diagnose(history, COMMITTED), *judge_records(history), *read]
    return Judged(history, tuple(ranked(found)), tuple(notes))


def _run_elsewhere(move: Move, by_id: Mapping[str, Move], folder: Path, notes: list[str]) -> Run | None:
    """The run behind `metrics_path`: an attempt's folder of our own where it is one, else rows alone."""
    assert move.metrics_path is not None
    path = folder / Path(move.metrics_path).expanduser()
    if path.is_dir():
        path = path / "metrics.jsonl"
    if not path.is_file():
        notes.append(f"{move.id}, field 'metrics_path': there is no file {path}; its run was not read")
        return None
    parent = by_id.get(move.parent or "")
    technique = "grpo" if move.family == "rl" and move.technique not in ("rloo", "ppo") else move.technique
    known: dict[str, Any] = {
        "id": move.id,
        "technique": technique,
        "held_out": move.score,
        "parent": parent.score if parent else None,
        "train_reward": move.train_reward,
        "outcome": None if move.status == "running" else "finished",
    }
    attempt = AttemptLayout(path.parent)
    if path == attempt.metrics and attempt.events.is_file():
        return findings.edited(findings.run_of(attempt), known)
    metrics, odd, evals, baseline = run_elsewhere.read_rows(read_rows(path))
    return Run(metrics=metrics, nonfinite=odd, mid_evals=evals, baseline=baseline, **known)


def workspace_findings(ws: Workspace, experiment: str | None = None) -> list[Finding]:
    """Everything found in a workspace, or about one experiment, gravest first. Raises CockpitError."""
    views = ws.experiments()
    wanted = ws.experiment(experiment).id if experiment else None
    found = [*across(ws, views)]
    for view in views:
        if view.attempt_dir is not None and wanted in (None, view.id):
            found += of_view(view, views)
    kept = found if wanted is None else [f for f in found if wanted in f.experiments]
    return ranked(kept)


def of_view(view: ExperimentView, views: Iterable[ExperimentView]) -> list[Finding]:
    """The readings of one experiment's latest run, against its parent's score."""
    if view.attempt_dir is None:
        return []
    parent = next((v.score for v in views if v.id == view.parent), None)
    return findings.for_attempt(view.attempt_dir, parent=parent)


def across(ws: Workspace, views: Iterable[ExperimentView]) -> list[Finding]:
    """The diagnostics across the workspace's experiments."""
    history = workspace_history(ws, views)
    return ranked([*diagnose(history, DECIDED), *judge_records(history)])


def workspace_history(ws: Workspace, views: Iterable[ExperimentView]) -> History:
    """The workspace's experiments as the records that the diagnostics judge, in order of their ids."""
    verifier = ws.config.sections["verifier"]
    ordered = sorted(views, key=lambda view: int(view.id[4:]))
    return History(tuple(_move(ws, view, ws.config.random_score, verifier) for view in ordered))


def _move(ws: Workspace, view: ExperimentView, chance: float | None, verifier: Mapping[str, Any]) -> Move:
    record = _mapping(atomic.read_json(ws.layout.experiment(view.id).record))
    heavy = verifier.get("knowledge_heavy")
    return Move(
        id=view.id,
        parent=view.parent,
        technique=view.technique,
        status=view.status,
        score=view.score,
        random_score=chance,
        verifiable=True,
        # Where nobody said: a choice among given answers asks for knowledge.
        knowledge_heavy=heavy if isinstance(heavy, bool) else view.verifier.startswith("choice"),
        spot_check=spot_check_of(record),
    )


def spot_check_of(record: Mapping[str, Any]) -> SpotCheck | None:
    """What the experiment's record says of its spot check."""
    value: object = record.get("spot_check")
    verdict: object = _mapping(value).get("verdict", value)
    return verdict if verdict in ("matched", "mismatched") else None


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
