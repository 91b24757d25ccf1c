"""Put a report together: the target, the tree, and each experiment that was chosen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.core import methodlog
from cockpit.core.report.facts import Branch, Facts, Report
from cockpit.core.tree.comparing import Side, score_text
from cockpit.core.tree.leaderboard import leaderboard, standing_text
from cockpit.data.reading.files import iter_rows
from cockpit.services.report import environment, told, unread
from cockpit.services.rules.workspace_findings import workspace_findings
from cockpit.services.workspace.comparing import side
from cockpit.services.workspace.workspace import ExperimentView, Workspace

SIDES = 8  # experiments whose answers are kept while others are held against them: most have few parents
LOG_LINES = 200
"""Lines of the method log about no experiment that are shown, the newest."""


def chosen(ws: Workspace, ids: Sequence[str]) -> list[ExperimentView]:
    """The experiments that are named, else all that have run. Raises CockpitError for one that isn't there."""
    views = ws.experiments()
    if not ids:
        return [view for view in views if view.attempt is not None and view.attempt.state != "queued"]
    wanted = {ws.experiment(one).id for one in ids}
    return [view for view in views if view.id in wanted]


def of(ws: Workspace, ids: Sequence[str] = ()) -> Report:
    """The report about the experiments named, or about all that have run. Raises CockpitError."""
    views, these = ws.experiments(), chosen(ws, ids)
    by_id = {view.id: view for view in views}
    unread_lines = unread.of_workspace(ws, views)
    try:
        found = workspace_findings(ws)
    except CockpitError as error:
        found = []
        unread_lines.append(f"The findings: {error}")

    @lru_cache(SIDES)
    def read(id_: str) -> Side:
        return side(ws, by_id[id_])

    entries = methodlog.parse("\n".join(ws.method_log_lines()))
    general = [told.log_line(entry) for entry in entries if not entry.experiment]
    title, target = _target(ws, views, unread_lines)
    return Report(
        title=title,
        made=_made(ws.clock()),
        target=target,
        tree=tuple(map(_branch, views)),
        standing=standing_text(leaderboard(views)),
        told=tuple(told.of(ws, view, by_id.get(view.parent or ""), read, found, entries) for view in these),
        across=told.findings_across(found, {view.id for view in these}, everything=not ids),
        log=tuple(general[-LOG_LINES:]),
        environment=environment.of(ws, these),
        unread=(*unread_lines, *(line for view in these for line in unread.of_experiment(ws, view))),
    )


def _made(now: float) -> str:
    return f"A report by the fine-tuning cockpit, {time.strftime('%Y-%m-%d %H:%M', time.gmtime(now))} UTC."


def _target(ws: Workspace, views: Sequence[ExperimentView], odd: list[str]) -> tuple[str, Facts]:
    """Whose report it is, and what counts there: model, held-out set, verifier."""
    try:
        config = ws.config
    except CockpitError as error:
        odd.append(str(error))
        return ws.root.name, ()
    sealed = (("sealed held-out set", shown(ws.root, config.sealed)),) if config.sealed else ()
    return config.name, (
        ("model", config.model.removeprefix(f"{ws.root}/") or "unknown"),
        ("held-out set", f"{shown(ws.root, config.held_out)}, {_count(config.held_out, views, odd)}"),
        *sealed,
        ("verifier", config.verifier or "unknown"),
    )


def shown(root: Path, path: Path) -> str:
    """A file within the workspace by its path there, any other by its name alone."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _count(held_out: Path, views: Sequence[ExperimentView], odd: list[str]) -> str:
    """How many items are scored on: as the newest score says, else as many as the file has rows."""
    scored = max((view for view in views if view.score), key=lambda view: view.created, default=None)
    if scored is not None and scored.score is not None:
        return scored.score.over()
    try:
        return f"{sum(1 for _ in iter_rows(held_out)):,} items"
    except CockpitError as error:
        odd.append(str(error))
        return "which can't be read"


def _branch(view: ExperimentView) -> Branch:
    why = view.decision.reason if view.decision and view.decision.reason else view.note or view.hypothesis
    return Branch(
        id=view.id,
        depth=view.depth,
        technique=told.technique(view),
        status=view.status,
        score=score_text(view.score),
        against=view.delta.short if view.delta else "-",
        why=why,
    )
