"""Groups of answers that RL can learn from: their size by the base's pass rate, and which prompts are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID
from cockpit.contract.techniques import GROUPED
from cockpit.core import group_signal
from cockpit.core.recipe import batches
from cockpit.core.recipe.recipes import asked_for
from cockpit.services.workspace import smoke_verdict
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe


def that_differ(ws: Workspace, recipe: Recipe, overrides: Mapping[str, Any]) -> tuple[int | None, str]:
    """The group size that the base's pass rate asks for (None: the recipe's own), and why; both empty for no RL."""
    if recipe.technique not in GROUPED or not group_signal.predicts(recipe):
        return None, ""
    asked = asked_for(recipe.technique, overrides, ws.config.recipes)
    if batches.chosen(recipe, asked):
        asked |= {
            group_signal.SETTING: recipe.trainer.get(group_signal.SETTING)
        }  # whole groups must go into a batch of theirs
    known = smoke_verdict.base_rate(ws, recipe)
    score = ws.experiment(BASELINE_ID).score if known is None and BASELINE_ID in ws.experiment_ids() else None
    if score is not None and score.n:
        known = group_signal.BaseRate(score.value, score.n, "greedy")
    return group_signal.fitted(recipe, known, asked)


def filtered(recipe: Recipe) -> Recipe:
    """With the band of pass rates that its groups learn from, where a filter of difficulty is asked for without one.

    Raises CockpitError for a technique that applies none.
    """
    if recipe.data.filter_samples is None and recipe.data.filter_band is None:
        return recipe
    if recipe.technique not in GROUPED or recipe.data.filter_samples is None:
        raise CockpitError(
            "data.filter_band needs data.filter_samples: pass rates are sampled first"
            if recipe.technique in GROUPED
            else f"data.filter_samples is for {' and '.join(GROUPED)}, and this is {recipe.technique}",
            "Set data.filter_samples=8, or leave both out.",
        )
    group = recipe.trainer.get(group_signal.SETTING)
    if recipe.data.filter_band is not None or not isinstance(group, int):
        return recipe
    low = round(group_signal.lowest_rate(group), 3)
    data = recipe.data.model_copy(update={"filter_band": (low, round(1 - low, 3))})
    why = f"half of the groups of {group} differ from a pass rate of {low:.2g} on (1 - p^G - (1-p)^G)"
    return recipe.model_copy(update={"data": data, "reasons": {**recipe.reasons, "data.filter_band": why}})
