"""Sibling experiments that differ in one setting; the number of siblings is kept, since it weakens every p-value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cockpit.contract.errors import CockpitError, of_system
from cockpit.core.recipe import recipes, sweeps
from cockpit.core.recipe.aliases import rename_text
from cockpit.services.experiments import lifecycle
from cockpit.services.experiments import varied as varied_from
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def make(
    ws: Workspace,
    settings: Sequence[str],
    *,
    technique: str | None = None,
    of: str | None = None,
    hypothesis: str = "",
    train: Path | None = None,
    lora: bool | None = None,
) -> list[ExperimentView]:
    """Draft one experiment for each combination of `settings`. Raises CockpitError; what was made then stays a draft.

    With a technique the workspace's defaults are varied, without one the recipe of the experiment `of` (default:
    the newest that trains), whose parent, data and other settings the siblings take over.
    """
    as_typed = sweeps.expand(settings)
    base = None if technique else _base(ws, of)
    varied = None
    if base is not None:
        varied = varied_from.of(ws, base, train=train, lora=lora)
        technique = base.technique
    assert technique is not None
    for combination in as_typed:  # before the first draft is made
        recipes.named_overrides(combination, technique)
    settings = [rename_text(text, technique) for text in settings]
    combinations, names = sweeps.expand(settings), sweeps.varying(settings)
    views: list[ExperimentView] = []
    try:
        for combination in combinations:
            shown = ", ".join(part for part in combination if part.partition("=")[0] in names)
            changed = recipes.named_overrides(combination, technique).settings
            line = f"{hypothesis}: {shown}" if hypothesis else f"sweep: {shown}"
            if varied is not None and base is not None:
                views.append(varied.new(ws, changed, parent=base.parent, hypothesis=line))
            else:
                views.append(lifecycle.new(ws, technique, hypothesis=line, parent=of, train=train, overrides=changed,
                                           lora=lora))  # fmt: skip
        mark = {"id": f"sweep-{views[0].id}", "size": len(views), "settings": names}
        for view in views:
            ws.update_record(view.id, {"sweep": mark})
    except (CockpitError, OSError) as error:
        told = of_system(error) if isinstance(error, OSError) else error
        if not views:
            raise told from error
        made = f"{told.title}; {len(views)} of {len(combinations)} experiments are drafted, from {views[0].id} on"
        raise CockpitError(made, told.fix, file=told.file) from error
    return [ws.experiment(view.id) for view in views]


def _base(ws: Workspace, of: str | None) -> ExperimentView:
    if of:
        return ws.experiment(of)
    trained = [view for view in ws.experiments() if view.technique not in ("baseline", "custom")]
    if not trained:
        raise CockpitError(
            "there is no experiment to vary yet", "Name a technique: `cockpit sweep sft lr=1e-5,3e-5`."
        )
    return max(trained, key=lambda view: (view.created, view.id))
