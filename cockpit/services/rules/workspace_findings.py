"""Everything that the rules say: of a history file from elsewhere, and of a workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.values import mapping
from cockpit.core.findings import Finding
from cockpit.core.rules.run_rules import judge
from cockpit.core.rules.table import ranked
from cockpit.core.rules.tree_rules.diagnostics import COMMITTED, DECIDED, diagnose
from cockpit.core.rules.tree_rules.history import History, Move, SpotCheck, SpotSaid, parse
from cockpit.core.rules.tree_rules.records import judge_records, judge_scores
from cockpit.core.runs import foreign_rows
from cockpit.core.runs.run_record import Run
from cockpit.core.smoke.verdict import SmokeVerdict
from cockpit.services.rules import leaks, provenance, run_findings
from cockpit.services.workspace import item_slices, smoke_verdict
from cockpit.services.workspace.workspace import ExperimentView, Workspace
from cockpit.verifiers import is_graded, name_of


@dataclass(frozen=True, slots=True)
class Judged:
    """Findings, gravest first; the history that they are about; what was odd about it, in sentences."""

    history: History
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


def history_file(path: Path) -> Judged:
    """Judge HISTORY.jsonl. Raises CockpitError naming the line and the field that is wrong."""
    try:
        lines = untrusted.read_bytes(path).splitlines()
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
            read += run_findings.without_drafts(judge.read(run)) if run else []
    found = [*diagnose(history, COMMITTED), *judge_records(history), *judge_scores(history), *read]
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
        return run_findings.edited(run_findings.run_of(attempt), known)
    metrics, odd, evals, baseline = foreign_rows.read_rows(read_rows(path))
    return Run(metrics=metrics, nonfinite=odd, mid_evals=evals, baseline=baseline, **known)


def workspace_findings(
    ws: Workspace, experiment: str | None = None, *, look: bool = True, keep: bool = False
) -> list[Finding]:
    """Everything found in a workspace, or about one experiment, gravest first. Raises CockpitError.

    Comparing files may take a while the first time; `look=False` takes only what is remembered of that, and `keep`
    remembers what is found: for those who may write, which a query may not.
    """
    views = ws.experiments()
    wanted = ws.experiment(experiment).id if experiment else None
    found = [*across(ws, views, look=look, keep=keep)]
    for view in views:
        if wanted in (None, view.id):
            found += of_view(view, views)
    kept = found if wanted is None else [f for f in found if wanted in f.experiments]
    return ranked(run_findings.without_drafts(kept) if ws.read_only else kept)


def of_view(view: ExperimentView, views: Iterable[ExperimentView]) -> list[Finding]:
    """The readings of one experiment's latest run, against its parent's score."""
    if view.attempt_dir is None:
        return []
    parent = next((v.score for v in views if v.id == view.parent), None)
    return run_findings.for_attempt(view.attempt_dir, parent=parent, delta=view.delta)


def across(
    ws: Workspace, views: Sequence[ExperimentView], *, look: bool = True, keep: bool = False
) -> list[Finding]:
    """The diagnostics across the workspace's experiments, and the checks of their data and weights."""
    history = workspace_history(ws, views)
    counts = COMMITTED if ws.read_only else DECIDED
    found = [*diagnose(history, counts), *judge_records(history)]
    if not ws.read_only:
        by_id = {view.id: view for view in views}
        for view in views:
            found += leaks.of_data(ws, mapping(ws.recipe_of(view).get("data")), view.id, look=look, keep=keep)
            found += provenance.of_view(ws, view, by_id, look=look, keep=keep)
    return ranked(found)


def held_back(ws: Workspace) -> Finding | None:
    """The fourth diagnostic where it holds back a further technique: it fired, and no spot check was made."""
    history = workspace_history(ws, ws.experiments())
    if any(move.spot_check for move in history.moves if move.trained):
        return None
    found = diagnose(history, COMMITTED if ws.read_only else DECIDED)
    return next((f for f in found if f.rule == "same-score-across-techniques"), None)


def workspace_history(ws: Workspace, views: Iterable[ExperimentView]) -> History:
    """The workspace's experiments as the records that the diagnostics judge, in the order of their making."""
    ordered = sorted(views, key=lambda view: (view.created, view.id))
    verifier: Mapping[str, Any] = {} if ws.read_only else ws.config.sections["verifier"]
    return History(tuple(_move(ws, view, verifier) for view in ordered))


def _move(ws: Workspace, view: ExperimentView, verifier: Mapping[str, Any]) -> Move:
    record = {} if ws.read_only else mapping(atomic.read_json(ws.layout.experiment(view.id).record))
    chance, heavy = verifier.get("random_score"), verifier.get("knowledge_heavy")
    return Move(
        id=view.id,
        parent=view.parent,
        technique=view.technique,
        status=view.status,
        score=view.score,
        delta=view.delta,
        random_score=float(chance) if isinstance(chance, int | float) else None,
        verifiable=not is_graded(view.verifier),  # shares of words are no verdict
        # Where nobody said: a choice among given answers asks for knowledge.
        knowledge_heavy=heavy if isinstance(heavy, bool) else name_of(view.verifier) == "choice",
        slices={} if ws.read_only else item_slices.scores_of(view, ws.recipe_of(view)),
        spot_check=spot_check_of(record),
        spot_said=_spot_said(record),
        smoke=_smoke_of(ws, view),
    )


def _smoke_of(ws: Workspace, view: ExperimentView) -> SmokeVerdict | None:
    if ws.read_only:
        return None
    last = smoke_verdict.last(ws, view.id)
    return last.verdict if last is not None and last.current else None


def _spot_said(record: Mapping[str, Any]) -> SpotSaid | None:
    value = mapping(record.get("spot_check"))
    if value.get("verdict") != "mismatched" or not value.get("says"):
        return None
    return SpotSaid(str(value["says"]), str(value.get("mend") or ""), value.get("of_objective") is not False)


def spot_check_of(record: Mapping[str, Any]) -> SpotCheck | None:
    """What the experiment's record says of its spot check."""
    value: object = record.get("spot_check")
    verdict: object = mapping(value).get("verdict", value)
    return verdict if verdict in ("matched", "mismatched") else None
