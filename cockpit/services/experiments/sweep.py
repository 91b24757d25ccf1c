"""Sibling experiments that differ in one setting; the number of siblings is kept, since it weakens every p-value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping
from cockpit.core.recipe import recipes, sweeps
from cockpit.core.recipe.aliases import rename_text
from cockpit.services.experiments import lifecycle
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
    kept: dict[str, Any] = {}
    parent: str | None = of
    begun: str | None = None  # siblings start where the one that they vary started
    if base is not None:
        recipe = _recipe(ws, base)
        technique, parent = base.technique, base.parent
        lora = base.lora if lora is None else lora
        kept = _kept(recipe, lora=lora)
        model = mapping(recipe.get("model"))
        begun = model.get("warm_start_from") or model.get("warm_start")
        if begun and model.get("adapter") == "merge":
            kept["model.adapter"] = "merge"
        named = mapping(recipe.get("data")).get("train")
        train = train or (Path(named) if named else None)
    assert technique is not None
    for combination in as_typed:  # before the first draft is made
        recipes.named_overrides(combination, technique)
    settings = [rename_text(text, technique) for text in settings]
    combinations, names = sweeps.expand(settings), sweeps.varying(settings)
    views: list[ExperimentView] = []
    for combination in combinations:
        shown = ", ".join(part for part in combination if part.partition("=")[0] in names)
        overrides = {**kept, **recipes.named_overrides(combination, technique).settings}
        line = f"{hypothesis}: {shown}" if hypothesis else f"sweep: {shown}"
        view = lifecycle.new(
            ws, technique, hypothesis=line, parent=parent, train=train, overrides=overrides, lora=lora,
            warm_start=begun, fresh=base is not None and begun is None,
        )  # fmt: skip
        views.append(view)
    mark = {"id": f"sweep-{views[0].id}", "size": len(views), "settings": names}
    for view in views:
        ws.update_record(view.id, {"sweep": mark})
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


def _recipe(ws: Workspace, view: ExperimentView) -> dict[str, Any]:
    value = atomic.read_object(ws.layout.experiment(view.id).draft)
    if value is None:
        raise CockpitError(f"the recipe of {view.id} can't be read", file=ws.layout.experiment(view.id).draft)
    return value


def _kept(recipe: dict[str, Any], *, lora: bool) -> dict[str, Any]:
    """The settings that the siblings take over from the varied experiment, as dotted overrides."""
    kept: dict[str, Any] = dict(recipe.get("trainer") or {})
    for section in ("peft", "generation", "mid_eval", "budget"):
        if section == "peft" and not lora:
            continue
        for name, value in mapping(recipe.get(section)).items():
            if value is not None and (section, name) != ("mid_eval", "baseline"):
                kept[f"{section}.{name}"] = value
    kept["seed"] = recipe.get("seed", 0)
    return kept
