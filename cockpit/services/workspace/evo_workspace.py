"""An evo workspace as the cockpit shows any other: its tree, statuses, scores and logs, live; and nothing else.

evo makes the moves there, under its own locks: every move of ours is refused with a sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, cast

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.values import finite, mapping
from cockpit.core import methodlog
from cockpit.core.runs.status import AttemptStatus, State
from cockpit.core.scores import Score
from cockpit.services.runs import attempts
from cockpit.services.workspace import config, evo, item_slices
from cockpit.services.workspace.evo import EvoAttempt, Node
from cockpit.services.workspace.tree import arrange
from cockpit.services.workspace.view import Decision, ExperimentView
from cockpit.services.workspace.workspace import Workspace, signature_of

_WORDS = {
    "pending": "draft",
    "committed": "committed",
    "evaluated": "evaluated",
    "discarded": "discarded",
    "pruned": "discarded",
    "failed": "failed",
}
_STATES: Mapping[str, State] = {"failed": "failed", "active": "running"}


class EvoWorkspace(Workspace):
    """The run that evo works on in `root`, read only. Opening it takes no lock and leaves no file."""

    read_only = True

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(root, clock=clock)
        self._facts: dict[str, tuple[object, attempts.AttemptFacts]] = {}

    @property
    def config(self) -> config.WorkspaceConfig:
        """`cockpit.toml` where there is one, else what the newest recipe says of the target."""
        if self.layout.config.is_file():
            return super().config
        recipe = self._newest_recipe()
        data = mapping(recipe.get("data"))
        about = atomic.read_object((evo.active_run(self.root) or self.root) / "config.json") or {}
        return config.WorkspaceConfig(
            root=self.root,
            name=str(about.get("project_name") or self.root.name),
            model=str(mapping(recipe.get("model")).get("name_or_path", "")),
            verifier=str(recipe.get("verifier", "")),
            held_out=Path(str(data.get("held_out", ""))),
            mini_eval=Path(str(data.get("mini_eval", ""))),
            train=None,
            random_score=None,
        )

    def experiment_ids(self) -> list[str]:
        run = evo.active_run(self.root)
        return sorted(evo.graph(run)) if run else []

    def experiments(self) -> list[ExperimentView]:
        run = evo.active_run(self.root)
        if run is None:
            return []
        nodes = evo.graph(run)
        return arrange([self._of(id_, nodes[id_], run) for id_ in sorted(nodes)])

    def attempt_dir(self, experiment_id: str) -> AttemptLayout | None:
        view = self.experiment(experiment_id)
        return AttemptLayout(view.attempt_dir) if view.attempt_dir else None

    def log_file(self, view: ExperimentView) -> Path | None:
        """evo's log of the benchmark; the error log where that is all there is."""
        attempt = self._attempt(view.id)
        if attempt is None:
            return None
        silent = not attempt.log.exists() or not attempt.log.stat().st_size
        return attempt.error_log if silent and attempt.error_log.exists() else attempt.log

    def method_log_lines(self) -> list[str]:
        """The log of the newest experiment that has one: it grew along its branch."""
        run = evo.active_run(self.root)
        nodes = evo.graph(run) if run else {}
        folders = [Path(str(nodes[id_].get("worktree") or "")) for id_ in sorted(nodes, reverse=True)]
        for folder in (*folders, self.root):
            try:
                return methodlog.for_people(untrusted.read_text(folder / "methodlog.md"))
            except OSError:
                continue
        return []

    def refuse_moves(self) -> NoReturn:
        raise CockpitError(
            "this is an evo workspace, and the cockpit only looks at it",
            "Make the move with evo itself (`evo new`, `evo run`, `evo discard`, …).",
            file=self.root / evo.HOME,
        )

    def decide(self, experiment_id: str, status: str, reason: str) -> ExperimentView:
        self.refuse_moves()

    def update_record(self, experiment_id: str, fields: Mapping[str, object]) -> None:
        self.refuse_moves()

    def _attempt(self, experiment_id: str) -> EvoAttempt | None:
        run = evo.active_run(self.root)
        node = evo.graph(run).get(experiment_id) if run else None
        return evo.attempt_of(run, node) if run and node else None

    def _newest_recipe(self) -> Mapping[str, Any]:
        for id_ in reversed(self.experiment_ids()):
            attempt = self._attempt(id_)
            seam = attempt.seam if attempt else None
            if seam is not None:
                return atomic.read_object(seam.recipe) or {}
        return {}

    def _of(self, id_: str, node: Node, run: Path) -> ExperimentView:
        attempt = evo.attempt_of(run, node)
        seam = attempt.seam if attempt else None
        facts = self._read(id_, seam) if seam else None
        recipe = (atomic.read_object(seam.recipe) or {}) if seam else {}
        groups, _ = item_slices.groups_of(mapping(recipe.get("data")).get("held_out"), None)
        view = ExperimentView(
            id=id_,
            parent=evo.parent_of(node),
            technique=str(recipe.get("technique") or "benchmark"),
            lora=recipe.get("peft") is not None,
            hypothesis=str(node.get("hypothesis") or ""),
            created=evo.epoch(node.get("created_at")),
            status="draft",
            attempt=facts.status if facts else _status(node, attempt),
            attempt_dir=seam.root if seam else None,
            model=str(mapping(recipe.get("model")).get("name_or_path", "")),
            verifier=str(recipe.get("verifier", "")),
            score=(facts.score.grouped(groups) if facts and facts.score else None) or _score(node),
            sampled=facts.sampled.grouped(groups) if facts and facts.sampled else None,
            attempts=int(node.get("current_attempt") or 0),
            decision=_decision(node),
        )
        if facts:
            view = replace(
                view,
                mini_best=facts.mini_best,
                mini_last=facts.mini_last,
                mini_baseline=facts.mini_baseline,
                best_step=facts.best_step,
            )
        return _with_status(view, node, attempt)

    def _read(self, id_: str, seam: AttemptLayout) -> attempts.AttemptFacts:
        """As Workspace does: a view is kept until one of its files changes, or it may change by itself."""
        signature = (seam.root, signature_of(seam))
        kept = self._facts.get(id_)
        if kept is None or kept[0] != signature or attempts.may_change_by_itself(kept[1].status):
            kept = (signature, attempts.read(seam, self.clock()))
            self._facts[id_] = kept
        return kept[1]


def _with_status(view: ExperimentView, node: Node, attempt: EvoAttempt | None) -> ExperimentView:
    """evo's status in the cockpit's words, and the sentence that it needs."""
    status = str(node.get("status") or "pending")
    note = ""
    if status == "active":
        gone = attempt is not None and evo.driver_gone(attempt)
        live = attempts.is_live(view.attempt) or not gone
        word = "running" if live else "failed"
        note = "evo calls it active, but the `evo run` that drove it is gone." if gone else ""
    else:
        word = _WORDS.get(status, status)
    failures = node.get("gate_failures")
    if status == "evaluated":
        gates = ", ".join(str(name) for name in cast("list[object]", failures)) if failures else ""
        note = f"gate failed: {gates}" if gates else "not committed: it scored below its parent"
    elif status == "failed":
        note = str(node.get("error") or node.get("failure_class") or "")
    told = _told(node)
    if view.score is None and told is not None:
        note = f"evo recorded {told:g}. {note}".strip()
    return replace(view, status=word, note=note)


def _status(node: Node, attempt: EvoAttempt | None) -> AttemptStatus | None:
    """How an attempt stands whose benchmark is not one of our trainers: evo's own words are all there is."""
    if attempt is None:
        return None
    status = str(node.get("status"))
    state = _STATES.get(status, "finished")
    phase = attempt.state().get("phase")
    if status == "active" and evo.driver_gone(attempt):
        return AttemptStatus("lost", "Lost: the `evo run` that drove it is gone.")
    if status == "active":
        return AttemptStatus("running", f"evo runs it: {phase}." if phase else "evo runs it.")
    error = str(node.get("error") or "")
    return AttemptStatus(state, f"Failed: {error}." if state == "failed" else "Ended.", reason=error)


def _score(node: Node) -> Score | None:
    """The recorded score with its interval, from the items that evo has; None where there are none of 0..1."""
    tasks = mapping(mapping(node.get("benchmark_result")).get("tasks"))
    if not tasks:
        return None
    items = {str(k): finite(v) for k, v in tasks.items()}
    known = {key: value for key, value in items.items() if value is not None and 0.0 <= value <= 1.0}
    told = _told(node)
    if len(known) != len(items) or told is None:
        return None
    score = Score.of_items(known)
    return score if abs(score.value - told) < 1e-6 else None


def _told(node: Node) -> float | None:
    return finite(node.get("score"))


def _decision(node: Node) -> Decision | None:
    status = node.get("status")
    when = evo.epoch(node.get("updated_at"))
    if status == "committed":
        return Decision("committed", "evo committed it: no worse than its parent, gates passed", when)
    if status == "discarded":
        return Decision("discarded", str(node.get("discard_reason") or ""), when)
    if status == "pruned":
        return Decision("discarded", f"pruned: {node.get('pruned_reason') or ''}", when)
    return None
