"""A workspace as values: its experiments, what state each is in, what each scored. Reads files, judges nothing.

Opening one is cheap (no pydantic, no numpy): a view of an experiment is kept until one of its files changes.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import (
    BASELINE_ID,
    EXPERIMENT_ID,
    AttemptLayout,
    ExperimentLayout,
    WorkspaceLayout,
)
from cockpit.core.runs.status import AttemptStatus
from cockpit.core.scores import Delta, Score, compare
from cockpit.services.runs import attempts
from cockpit.services.workspace import config

Signature = tuple[tuple[int, int] | None, ...]
_WHOLE_LOOK = 20  # looks, after which every file of every experiment is looked at once more


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
    note: str = ""
    """Why there is no score, or anything else that needs a sentence."""


class Workspace:
    """The folder with `cockpit.toml`, `methodlog.md` and `.cockpit/`. `clock` gives epoch seconds."""

    read_only = False
    """Whether somebody else makes the moves here; `refuse_moves` then says who."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.layout = WorkspaceLayout(root)
        self.clock = clock
        self._config: tuple[tuple[int, int] | None, config.WorkspaceConfig] | None = None
        self._views: dict[str, tuple[Signature, ExperimentView]] = {}
        self._settled: dict[str, Signature] = {}
        self._looks = 0
        self._home = str(self.layout.experiments)  # paths as text: a look makes thousands of them
        self._arranged: tuple[list[ExperimentView], list[ExperimentView]] = ([], [])

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The workspace at or above `start` (default: here), evo's among them. Raises CockpitError if none is."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if WorkspaceLayout(folder).config.is_file() or _is_evos(folder):
                return cls.at(folder)
        raise CockpitError(
            f"no workspace at {here} or above it",
            "Make one with `cockpit init`, or see one with `cockpit demo`.",
        )

    @classmethod
    def at(cls, root: Path, *, clock: Callable[[], float] = time.time) -> Workspace:
        """The workspace in `root`: evo's, read only, where the cockpit has none of its own there."""
        if not _is_evos(root):
            return Workspace(root, clock=clock)
        from cockpit.services.workspace.evo_workspace import EvoWorkspace

        return EvoWorkspace(root, clock=clock)

    @property
    def config(self) -> config.WorkspaceConfig:
        """`cockpit.toml`, read again when it changed. Raises CockpitError."""
        signature = _stat(self.layout.config)
        if self._config is None or self._config[0] != signature:
            self._config = (signature, config.load(self.layout.config))
        return self._config[1]

    def experiment_ids(self) -> list[str]:
        """Ids on the disk, oldest first; other names in the folder are left alone."""
        try:
            names = os.listdir(self.layout.experiments)
        except OSError:
            return []
        return sorted((n for n in names if EXPERIMENT_ID.fullmatch(n)), key=lambda n: int(n[4:]))

    def experiments(self) -> list[ExperimentView]:
        """Every experiment, parents before children, with deltas against the parents."""
        self._looks += 1
        views = [view for id_ in self.experiment_ids() if (view := self._view(id_)) is not None]
        views = _with_places(views, queue_files(self.layout))
        before, arranged = self._arranged
        if len(views) != len(before) or any(a is not b for a, b in zip(views, before, strict=True)):
            arranged = arrange(views)
            self._arranged = (views, arranged)
        return list(arranged)

    def experiment(self, experiment_id: str) -> ExperimentView:
        """One experiment; `exp_3`, `3` and `exp_0003` name the same. Raises CockpitError if it isn't there."""
        wanted = normal_id(experiment_id)
        for view in self.experiments():
            if view.id == wanted:
                return view
        there = ", ".join(self.experiment_ids()[-5:]) or "none yet"
        raise CockpitError(f"there is no experiment {experiment_id!r}", f"There are: {there}.")

    def attempt_dir(self, experiment_id: str) -> AttemptLayout | None:
        """The latest attempt's folder, or None while it is a draft."""
        return latest_attempt(self.layout.experiment(normal_id(experiment_id)))

    def log_file(self, view: ExperimentView) -> Path | None:
        """What the latest attempt prints; None before it ran."""
        return AttemptLayout(view.attempt_dir).log if view.attempt_dir else None

    def refuse_moves(self) -> None:
        """Raise CockpitError where the cockpit may only look."""

    def method_log_lines(self) -> list[str]:
        """`methodlog.md` as it stands, without its machine marks."""
        from cockpit.core import methodlog

        try:
            text = self.layout.methodlog.read_text("utf-8", "replace")
        except OSError:
            return []
        return methodlog.for_people(text)

    def decide(self, experiment_id: str, status: str, reason: str) -> ExperimentView:
        """Commit or discard an experiment that was evaluated. Raises CockpitError where there is nothing to decide."""
        view = self.experiment(experiment_id)
        if status not in ("committed", "discarded"):
            raise CockpitError(f"{status!r} is no decision", "It is committed or discarded.")
        if view.status in ("draft", "running"):
            raise CockpitError(
                f"{view.id} is {view.status}: there is nothing to decide yet", "Wait for its score."
            )
        if status == "committed" and view.score is None:
            raise CockpitError(
                f"{view.id} has no held-out score", f"Score it with `cockpit score {view.id}`."
            )
        decision = {"status": status, "reason": reason, "time": self.clock()}
        self.update_record(view.id, {"decision": decision})
        return self.experiment(view.id)

    def update_record(self, experiment_id: str, fields: Mapping[str, object]) -> None:
        """Change fields of `experiment.json`, keeping those that this version doesn't know."""
        path = self.layout.experiment(experiment_id).record
        record: object = atomic.read_json(path)
        if not isinstance(record, dict):
            raise CockpitError("the experiment's record is missing or broken", "Restore it.", file=path)
        atomic.write_json(path, {**cast("dict[str, object]", record), **fields})

    def _view(self, experiment_id: str) -> ExperimentView | None:
        """The experiment as it is now, from what was read before where nothing changed since.

        Most of a large workspace has ended. What would change one (a decision, a launch, another attempt)
        replaces a file or makes a folder, so that three times say that it is as it was; now and then all are looked at.
        """
        kept = self._views.get(experiment_id)
        settled = kept is not None and not attempts.may_change_by_itself(kept[1].attempt)
        quick = self._quick(experiment_id) if settled else ()
        if (
            kept is not None
            and settled
            and self._looks % _WHOLE_LOOK
            and self._settled.get(experiment_id) == quick
        ):
            return kept[1]
        layout = self.layout.experiment(experiment_id)
        attempt = latest_attempt(layout)
        signature: Signature = (_stat(layout.record),)
        if attempt is not None:
            signature = (*signature, *signature_of(attempt))
        if kept is not None and kept[0] == signature and settled:
            self._settled[experiment_id] = quick
            return kept[1]
        view = _read_view(layout, attempt, self.clock())
        if view is not None:
            self._views[experiment_id] = (signature, view)
        return view

    def _quick(self, experiment_id: str) -> Signature:
        """Times of the record, of the folder of attempts, and of the newest attempt's folder."""
        home = f"{self._home}/{experiment_id}"
        kept = self._views[experiment_id][1].attempt_dir
        newest = f"{home}/attempts/{kept.name}" if kept else home
        return tuple(map(_time, (f"{home}/experiment.json", f"{home}/attempts", newest)))


def _time(path: str) -> tuple[int, int] | None:
    try:
        return (os.stat(path).st_mtime_ns, 0)
    except OSError:
        return None


def _is_evos(folder: Path) -> bool:
    if not (folder / ".evo" / "meta.json").is_file() or WorkspaceLayout(folder).experiments.is_dir():
        return False
    from cockpit.services.workspace import evo

    return not evo.is_own_home(folder / evo.HOME)


def normal_id(text: str) -> str:
    """`3`, `exp_3` and `exp_0003` as `exp_0003`; anything else as it is."""
    digits = text.removeprefix("exp_")
    return f"exp_{int(digits):04d}" if digits.isascii() and digits.isdigit() else text


def latest_attempt(layout: ExperimentLayout) -> AttemptLayout | None:
    """The attempt with the highest number, or None."""
    try:
        numbers = [int(name) for name in os.listdir(layout.attempts) if name.isdigit()]
    except OSError:
        return None
    return layout.attempt(max(numbers)) if numbers else None


def signature_of(attempt: AttemptLayout) -> Signature:
    """What changes when an attempt's view may have."""
    files = (attempt.process, attempt.events, attempt.metrics, attempt.held_out / "score.json")
    return tuple(_stat(file) for file in files)


def arrange(views: list[ExperimentView]) -> list[ExperimentView]:
    """The tree: parents before children, each with its delta against its parent."""
    return _as_tree(_with_deltas(views))


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size)


def _read_view(layout: ExperimentLayout, attempt: AttemptLayout | None, now: float) -> ExperimentView | None:
    record: Any = atomic.read_json(layout.record)
    if not isinstance(record, dict):
        return None
    record = cast("dict[str, Any]", record)
    facts = attempts.read(attempt, now) if attempt is not None else None
    decision = _decision(record.get("decision"))
    return ExperimentView(
        id=layout.root.name,
        parent=record.get("parent"),
        technique=str(record.get("technique", "?")),
        lora=bool(record.get("lora", False)),
        hypothesis=str(record.get("hypothesis", "")),
        created=float(record.get("created") or 0.0),
        model=str(record.get("model", "")),
        verifier=str(record.get("verifier", "")),
        status=_status(record, facts, decision),
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
        sweep=_sweep(record),
        note=facts.note if facts else "",
    )


def _sweep(record: Mapping[str, Any]) -> str:
    value: object = record.get("sweep")
    return str(cast("dict[str, Any]", value).get("id", "")) if isinstance(value, dict) else ""


def _decision(value: object) -> Decision | None:
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    return Decision(
        str(fields.get("status")), str(fields.get("reason", "")), float(fields.get("time") or 0.0)
    )


def _status(record: Mapping[str, Any], facts: attempts.AttemptFacts | None, decision: Decision | None) -> str:
    """The words of the product: draft, smoked, running, evaluated, committed, discarded, failed."""
    if facts is None or (facts.status.state == "queued" and not facts.status.in_line):  # nothing was started
        return "smoked" if record.get("smoke") else "draft"
    if attempts.is_live(facts.status):
        return "running"
    if decision is not None:
        return decision.status
    if facts.score is not None or attempts.ended_well(facts.status):
        return "evaluated"
    return "failed"


def queue_folder(layout: WorkspaceLayout) -> Path:
    """Where those that wait to be launched stand in line, a file each."""
    return layout.private / "queue"


def queue_files(layout: WorkspaceLayout) -> list[Path]:
    """Their files, the first in line first."""
    try:
        names = os.listdir(queue_folder(layout))
    except OSError:
        return []
    return [queue_folder(layout) / n for n in sorted(names) if n.endswith(".json") and n[0].isdigit()]


def _with_places(views: list[ExperimentView], line: list[Path]) -> list[ExperimentView]:
    """Say of drafts that wait where in line they stand, and for what."""
    if not line:
        return views
    places = {path.stem.partition("-")[2]: (number, path) for number, path in enumerate(line, 1)}
    result: list[ExperimentView] = []
    for view in views:
        if view.id in places and view.attempt is None:
            number, path = places[view.id]
            value: Any = atomic.read_json(path)
            why = str(cast("dict[str, Any]", value).get("why") or "") if isinstance(value, dict) else ""
            note = f"queued: {why}" if number == 1 and why else f"queued: number {number} in line"
            view = replace(view, queued=number, note=note)
        result.append(view)
    return result


def _with_deltas(views: Iterable[ExperimentView]) -> list[ExperimentView]:
    by_id = {view.id: view for view in views}
    scored = Counter(view.sweep for view in by_id.values() if view.sweep and view.score is not None)
    result: list[ExperimentView] = []
    for view in by_id.values():
        parent = by_id.get(view.parent or "")
        if view.score is not None and parent is not None and parent.score is not None:
            view = replace(view, delta=compare(view.score, parent.score, tried=scored[view.sweep] or 1))
        result.append(view)
    return result


def _as_tree(views: list[ExperimentView]) -> list[ExperimentView]:
    """Depth-first, parents before children; one whose parent is gone stands at the top."""
    ids = {view.id for view in views}
    below: dict[str | None, list[ExperimentView]] = {}
    for view in views:
        parent = view.parent if view.parent in ids and view.parent != view.id else None
        below.setdefault(parent, []).append(view)
    ordered: list[ExperimentView] = []
    stack = [(view, 0) for view in reversed(below.get(None, []))]
    while stack:
        view, depth = stack.pop()
        children = below.pop(view.id, [])
        ordered.append(replace(view, depth=depth, children=tuple(child.id for child in children)))
        stack.extend((child, depth + 1) for child in reversed(children))
    seen = {view.id for view in ordered}
    ordered.extend(view for view in views if view.id not in seen)  # a ring of parents: shown flat
    return ordered


__all__ = ["BASELINE_ID", "Decision", "ExperimentView", "Workspace", "latest_attempt", "normal_id"]
