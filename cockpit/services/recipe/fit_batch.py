"""The batch of a draft, lowered where the technique's default doesn't fit the memory of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import GROUPED
from cockpit.core.recipe import batches
from cockpit.core.recipe.memory import Device, plan_of
from cockpit.core.recipe.recipes import asked_for

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

_PROMPT = 4096
"""Tokens that no prompt is longer than, for a first look without reading the data."""


def lowered(
    recipe: Recipe,
    overrides: Mapping[str, Any] | Sequence[str],
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recipe:
    """`recipe` with smaller passes where memory asks for them; as it is where someone chose them.

    As it is, too, where it trains on another machine, or where the model's sizes or the memory are unknown here.
    """
    from cockpit.services.recipe import fit

    asked = asked_for(recipe.technique, overrides, recipes)
    if recipe.launcher == "slurm" or recipe.resources.command or batches.chosen(recipe, asked):
        return recipe
    try:
        shape, _ = fit.shape_of(recipe.model.name_or_path)
    except CockpitError:
        return recipe
    devices, gpu = fit.here()
    device = _device(recipe, devices, gpu=gpu)
    if device is None:
        return recipe
    limit = recipe.trainer.get("max_length")
    longest = limit if isinstance(limit, int) and recipe.technique not in GROUPED else _PROMPT
    found = batches.lowered(shape, plan_of(recipe, gpu=gpu, longest=longest), device)
    if found is not None:  # at the longest that could be: only now is the data worth reading
        with contextlib.suppress(CockpitError):  # what is wrong with the data is others' to say
            found = batches.lowered(shape, plan_of(recipe, gpu=gpu, longest=fit.longest_row(recipe)), device)
    return recipe if found is None else batches.with_batch(recipe, found)


def _device(recipe: Recipe, devices: Sequence[Device], *, gpu: bool) -> Device | None:
    """The device with the most room that the recipe may use.

    A run is given a whole GPU, so what others hold of it now doesn't count; a CPU run shares this machine's memory.
    """
    if not gpu:
        return max(devices, key=lambda device: device.free, default=None)
    seen = recipe.resources.cuda_visible_devices
    named = None if seen is None else {f"GPU {part.strip()} " for part in seen.split(",")}
    usable = [d for d in devices if named is None or any(d.name.startswith(name) for name in named)]
    best = max(usable, key=lambda device: device.total, default=None)
    return best if best is None or recipe.resources.share_gpu else replace(best, free=best.total)
