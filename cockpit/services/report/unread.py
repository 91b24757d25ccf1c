"""What a report could not read of a workspace's files: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import unreadable_lines
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def of_workspace(ws: Workspace, views: Sequence[ExperimentView]) -> list[str]:
    """Experiments without a record, and a method log that can't be read, in sentences."""
    known = {view.id for view in views}
    lines = [
        f"{id_}: its experiment.json is missing or broken; it isn't in this report."
        for id_ in ws.experiment_ids()
        if id_ not in known
    ]
    if ws.layout.methodlog.exists() and not ws.method_log_lines() and ws.layout.methodlog.stat().st_size:
        lines.append("methodlog.md can't be read.")
    return lines


def of_experiment(ws: Workspace, view: ExperimentView) -> list[str]:
    """Files of its latest run that are missing, broken or only partly understood, in sentences."""
    if view.attempt_dir is None:
        return [] if ws.recipe_of(view) else [f"{view.id}: its recipe is missing or broken."]
    attempt = AttemptLayout(view.attempt_dir)
    odd = (
        [] if ws.recipe_of(view) else [f"{view.id}: its recipe is missing or broken: no setting is compared."]
    )
    ended = view.status != "running"
    for path in (
        attempt.metrics,
        attempt.events,
        attempt.held_out / "items.jsonl",
        attempt.sampled / "items.jsonl",
    ):
        name = path.relative_to(attempt.root)
        if closed := _closed(path):
            odd.append(f"{view.id}: {name} can't be read: {closed}.")
        elif count := unreadable_lines(path, ended=ended):
            odd.append(
                f"{view.id}: {count:,} line{'s' * (count != 1)} of {name} can't be read; the rest is used."
            )
    for folder in (attempt.held_out, attempt.sampled):
        if _broken(folder / "score.json"):
            odd.append(f"{view.id}: {folder.name}/score.json can't be read.")
    if view.score is not None and not view.score.items:
        odd.append(
            f"{view.id}: its held-out items are missing or not all there, so its score is not compared item by item."
        )
    return odd


def _closed(path: Path) -> str:
    """Why the file can't be opened; empty where it can, or isn't there."""
    try:
        untrusted.opened(path).close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _broken(path: Path) -> bool:
    return path.exists() and atomic.read_object(path) is None
