"""The experiments among each other: as a tree, against their parents, and in the line of those that wait."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.layout import WorkspaceLayout
from cockpit.core.pass_at import passes
from cockpit.core.scores import ALPHA, Delta, compare
from cockpit.core.stats import holm
from cockpit.services.workspace.view import ExperimentView


def arrange(views: list[ExperimentView]) -> list[ExperimentView]:
    """The tree: parents before children, each with its delta against its parent."""
    return _as_tree(_with_deltas(views))


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


def with_places(views: list[ExperimentView], line: list[Path]) -> list[ExperimentView]:
    """Say of drafts that wait where in line they stand, and for what."""
    if not line:
        return views
    places = {path.stem.partition("-")[2]: (number, path) for number, path in enumerate(line, 1)}
    result: list[ExperimentView] = []
    for view in views:
        if view.id in places and view.attempt is None:
            number, path = places[view.id]
            why = str((atomic.read_object(path) or {}).get("why") or "")
            note = f"queued: {why}" if number == 1 and why else f"queued: number {number} in line"
            view = replace(view, queued=number, note=note)
        result.append(view)
    return result


def _with_deltas(views: Iterable[ExperimentView]) -> list[ExperimentView]:
    by_id = {view.id: view for view in views}
    alone = {view.id: delta for view in by_id.values() if (delta := _delta(view, by_id)) is not None}
    result: list[ExperimentView] = []
    for view in by_id.values():
        if (delta := alone.get(view.id)) is not None:
            others = [alone[one.id].p for one in by_id.values() if one.id in alone and _with(one, view)]
            lucky = delta.p < ALPHA <= holm(delta.p, others)
            view = replace(view, delta=_delta(view, by_id, others) if lucky else delta)
        if view.sampled is not None:
            base = _base(view, by_id)
            against = passes(view.sampled, base.sampled, base.id) if base else passes(view.sampled)
            view = replace(view, passes=against)
        result.append(view)
    return result


def _delta(
    view: ExperimentView, by_id: Mapping[str, ExperimentView], among: Sequence[float] = ()
) -> Delta | None:
    parent = by_id.get(view.parent or "")
    if view.score is None or parent is None or parent.score is None:
        return None
    return compare(view.score, parent.score, among=among)


def _with(other: ExperimentView, view: ExperimentView) -> bool:
    """Whether two experiments are judged together: what was committed, and the settings of one sweep."""
    if other.id == view.id or other.score is None or view.score is None:
        return False
    asked = (other.score.held_out_hash, view.score.held_out_hash)
    together = other.status == "committed" or (view.sweep != "" and other.sweep == view.sweep)
    return together and (not all(asked) or asked[0] == asked[1])


def _base(view: ExperimentView, by_id: Mapping[str, ExperimentView]) -> ExperimentView | None:
    """The furthest ancestor that was sampled, too: the base model, as a rule."""
    found, at, seen = None, by_id.get(view.parent or ""), {view.id}
    while at is not None and at.id not in seen:
        seen.add(at.id)
        found = at if at.sampled is not None else found
        at = by_id.get(at.parent or "")
    return found


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
