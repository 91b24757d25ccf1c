"""Prune checkpoints that nobody needs any more: look first, remove only when told to."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.bounded import checkpoint
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.values import mapping
from cockpit.core.runs.pruning import RESUMABLE, Kept, Removal, plan
from cockpit.services.runs import attempts, observe
from cockpit.services.workspace.caching import folder_size
from cockpit.services.workspace.workspace import ExperimentView, Workspace

_STEP = re.compile(r"step_(\d+)")
_DAY_S = 86_400.0


def look(ws: Workspace, *, older_than_days: float = 0.0) -> list[Removal]:
    """What could be removed, largest first; touches nothing."""
    kept: list[Kept] = []
    needed: set[str] = set()
    for view in ws.experiments():
        needed |= _starts(ws, view)
        kept += _attempts(ws, view)
    return plan(kept, needed, older_than_days=older_than_days)


def remove(ws: Workspace, removals: Iterable[Removal]) -> int:
    """Remove them, each whole or not at all; gives the bytes freed. Raises CockpitError at the first that can't go.

    What became needed since `look` (a resumed run, a new best) stays.
    """
    allowed = {removal.path for removal in look(ws)}
    freed = 0
    for removal in removals:
        path = Path(removal.path)
        if removal.path not in allowed or not path.is_relative_to(ws.layout.experiments.resolve()):
            continue
        aside = path.with_name(f".removed-{path.name}")
        try:
            os.replace(path, aside)  # out of sight first: a killed clean-up leaves no half checkpoint
            shutil.rmtree(aside)
        except OSError as error:
            raise CockpitError(f"{removal.path} can't be removed: {error.strerror}", file=path) from error
        freed += removal.size
    return freed


def _attempts(ws: Workspace, view: ExperimentView) -> list[Kept]:
    layout = ws.layout.experiment(view.id)
    try:
        numbers = sorted(int(name) for name in os.listdir(layout.attempts) if name.isdigit())
    except OSError:
        return []
    found: list[Kept] = []
    for number in numbers:
        attempt = layout.attempt(number)
        status = observe.observe(attempt, now=ws.clock())
        checkpoints = tuple(_checkpoints(attempt))
        ended = max((Path(path).stat().st_mtime for _, path, _ in checkpoints), default=ws.clock())
        found.append(
            Kept(
                experiment=view.id,
                attempt=number,
                latest=number == numbers[-1],
                live=attempts.is_live(status),
                state=status.state,
                status=view.status,
                ended_days=max(0.0, ws.clock() - ended) / _DAY_S,
                best_step=_best_step(attempt),
                resumes_at=_resumes_at(attempt) if status.state in RESUMABLE else None,
                checkpoints=checkpoints,
            )
        )
    return found


def _checkpoints(attempt: AttemptLayout) -> list[tuple[int, str, int]]:
    try:
        folders = sorted(attempt.checkpoints.iterdir())
    except OSError:
        return []
    return [
        (int(found[1]), str(folder.resolve()), folder_size(folder))
        for folder in folders
        if (found := _STEP.fullmatch(folder.name)) and folder.is_dir() and not folder.is_symlink()
    ]


def _resumes_at(attempt: AttemptLayout) -> int | None:
    """Where the newest checkpoint is damaged, an older one is what a resume needs."""
    found = checkpoint.newest_whole(attempt)
    return checkpoint.step_of(found) if found else None


def _best_step(attempt: AttemptLayout) -> int | None:
    try:
        found = _STEP.fullmatch(Path(os.readlink(attempt.best)).name)
    except OSError:
        return None
    return int(found[1]) if found else None


def _starts(ws: Workspace, view: ExperimentView) -> set[str]:
    """Checkpoints that this experiment starts from: a child can be scored or rerun only while they are there."""
    layout = ws.layout.experiment(view.id)
    places: set[str] = set()
    recipes = [layout.draft, *(AttemptLayout(p).recipe for p in sorted(layout.attempts.glob("[0-9]*")))]
    for path in recipes:
        for value in mapping((atomic.read_object(path) or {}).get("model")).values():
            if isinstance(value, str) and os.sep in value and Path(value).exists():
                places.add(str(Path(value).resolve()))
    return places
