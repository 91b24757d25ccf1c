"""A workspace as values: its experiments, what state each is in, what each scored. Reads files, judges nothing.

Opening one is cheap (no pydantic, no numpy): a view of an experiment is kept until one of its files changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import (
    BASELINE_ID,
    EXPERIMENT_ID,
    AttemptLayout,
    ExperimentLayout,
    WorkspaceLayout,
)
from cockpit.contract.values import mapping
from cockpit.services.runs import attempts
from cockpit.services.workspace import config, item_slices
from cockpit.services.workspace.tree import arrange, queue_files, queue_folder, with_places
from cockpit.services.workspace.view import Decision, ExperimentView
from cockpit.services.workspace.view import read as view_of

Signature = tuple[tuple[int, int] | None, ...]
_WHOLE_LOOK = 20  # looks, after which every file of every experiment is looked at once more


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
        self._judged_by: tuple[int, int] | None = None  # the settings that the kept views were read with
        self._home = str(self.layout.experiments)  # paths as text: a look makes thousands of them
        self._arranged: tuple[list[ExperimentView], list[ExperimentView]] = ([], [])

    @property
    def config(self) -> config.WorkspaceConfig:
        """`cockpit.toml`, read again when it changed. Raises CockpitError."""
        signature = stamp(self.layout.config)
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
        if self._judged_by != (now := stamp(self.layout.config)):
            self._judged_by = now
            self._views.clear()
        views = [view for id_ in self.experiment_ids() if (view := self._view(id_)) is not None]
        views = with_places(views, queue_files(self.layout))
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
        raise CockpitError(
            f"there is no experiment {_short(experiment_id)!r}", _those_there(self.experiment_ids())
        )

    def attempt_dir(self, experiment_id: str) -> AttemptLayout | None:
        """The latest attempt's folder, or None while it is a draft."""
        return latest_attempt(self.layout.experiment(normal_id(experiment_id)))

    def recipe_of(self, view: ExperimentView) -> dict[str, Any]:
        """The recipe of the latest attempt, else of the draft, as it is on the disk; empty where it can't be read."""
        draft = self.layout.experiment(view.id).draft
        return atomic.read_object(AttemptLayout(view.attempt_dir).recipe if view.attempt_dir else draft) or {}

    def log_file(self, view: ExperimentView) -> Path | None:
        """What the latest attempt prints; None before it ran."""
        return AttemptLayout(view.attempt_dir).log if view.attempt_dir else None

    def refuse_moves(self) -> None:
        """Raise CockpitError where the cockpit may only look."""

    def method_log_lines(self) -> list[str]:
        """`methodlog.md` as it stands, without its machine marks."""
        from cockpit.core import methodlog

        try:
            text = untrusted.read_text(self.layout.methodlog)
        except OSError:
            return []
        return methodlog.for_people(text)

    def decide(self, experiment_id: str, status: str, reason: str) -> ExperimentView:
        """Commit or discard an experiment that was evaluated. Raises CockpitError where there is nothing to decide."""
        view = self.experiment(experiment_id)
        if status not in ("committed", "discarded"):
            raise CockpitError(f"{status!r} is no decision", "It is committed or discarded.")
        if view.status in ("draft", "smoked", "running"):
            never = "Launch it, or leave it: a draft costs nothing."
            raise CockpitError(
                f"{view.id} is {view.status}: there is nothing to decide yet",
                "Wait for its score." if view.status == "running" else never,
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
        record = atomic.read_object(path)
        if record is None:
            raise CockpitError("the experiment's record is missing or broken", "Restore it.", file=path)
        atomic.write_json(path, {**record, **fields})

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
        signature: Signature = (stamp(layout.record),)
        if attempt is not None:
            signature = (*signature, *signature_of(attempt))
        if kept is not None and kept[0] == signature and settled:
            self._settled[experiment_id] = quick
            return kept[1]
        view = view_of(layout, attempt, self.clock())
        if view is not None:
            view = self._grouped(view)
            self._views[experiment_id] = (signature, view)
        return view

    def _grouped(self, view: ExperimentView) -> ExperimentView:
        """Its score with the error of items that share groups."""
        if view.score is None and view.sampled is None:
            return view
        try:
            named = self.config.cluster
        except CockpitError:
            named = None  # said by whatever needs the settings
        held_out = mapping(self.recipe_of(view).get("data")).get("held_out")
        scored = AttemptLayout(view.attempt_dir).held_out if view.attempt_dir else None
        groups, wrong = item_slices.groups_of(held_out, named, scored)
        sampled = view.sampled.grouped(groups) if view.sampled else None
        score = view.score.grouped(groups) if view.score else None
        if not wrong and view.technique != "reward" and view.score is not None:
            wrong = item_slices.unread(view.score, held_out, groups, named)
        return replace(view, score=score, sampled=sampled, note=wrong or view.note)

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


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


MOST_DIGITS = 18  # of an experiment's number, or a step's: a longer one names nothing that could be there


def normal_id(text: str) -> str:
    """`3`, `exp_3` and `exp_0003` as `exp_0003`; anything else as it is."""
    digits = text.removeprefix("exp_")
    known = digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
    return f"exp_{int(digits):04d}" if known else text


def latest_attempt(layout: ExperimentLayout) -> AttemptLayout | None:
    """The attempt with the highest number, or None."""
    try:
        numbers = [int(name) for name in os.listdir(layout.attempts) if name.isdigit()]
    except OSError:
        return None
    return layout.attempt(max(numbers)) if numbers else None


def signature_of(attempt: AttemptLayout) -> Signature:
    """What changes when an attempt's view may have."""
    files = (
        attempt.process,
        attempt.events,
        attempt.metrics,
        attempt.held_out / "score.json",
        attempt.sampled / "score.json",
    )
    return tuple(stamp(file) for file in files)


def stamp(path: Path) -> tuple[int, int] | None:
    """Return when a file was written (ns) and its size: what changes when it may have; None where it is missing."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size)


__all__ = [
    "BASELINE_ID",
    "Decision",
    "ExperimentView",
    "Workspace",
    "latest_attempt",
    "normal_id",
    "queue_files",
    "queue_folder",
    "stamp",
]


def _those_there(ids: Sequence[str]) -> str:
    """All of the ids, those that follow each other as from the first to the last of them."""
    if not ids:
        return "There are none yet."
    spans: list[list[str]] = []
    for id_ in ids:
        if spans and id_[4:].isdigit() and int(id_[4:]) == int(spans[-1][-1][4:]) + 1:
            spans[-1].append(id_)
        else:
            spans.append([id_])
    parts = [f"{span[0]} to {span[-1]}" if len(span) > 3 else ", ".join(span) for span in spans]
    return f"There {'are' if len(ids) > 1 else 'is'}: {', '.join(parts)}."
