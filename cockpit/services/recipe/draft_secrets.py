"""Keep secrets out of what is written down: settings that hold one are refused, a command's are named only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.recipe import Recipe
from cockpit.services.system import hidden
from cockpit.services.workspace.workspace import Workspace


def refuse_typed(overrides: Mapping[str, Any] | Sequence[str]) -> None:
    """Refuse a secret before anything else is said of the settings: what is wrong with one quotes its value."""
    if isinstance(overrides, Mapping):
        typed = dict(overrides)
    else:
        typed = {name: text for name, is_one, text in (word.partition("=") for word in overrides) if is_one}
    _refuse({name.rsplit(".", 1)[-1]: text for name, text in typed.items()})


def refuse_secrets(recipe: Recipe) -> None:
    """Refuse a setting that holds a secret: a trainer reads it from its recipe, where nothing can be named instead."""
    settings = recipe.model_dump(mode="json", exclude={"hypothesis": True, "data": {"columns"}})
    settings["resources"] |= {"command": None, "env": {}}
    _refuse(settings)


def _refuse(settings: Mapping[str, object]) -> None:
    found = hidden.setting_with_secret(settings)
    if found is None:
        return
    raise CockpitError(
        f"{found.removeprefix('trainer.')} holds a secret, and a recipe is written down, shown and sent",
        "Leave it out, and set a variable of the environment before the launch: HF_TOKEN for the hub, WANDB_API_KEY "
        "for Weights & Biases.",
    )


def without_secrets(recipe: Recipe, ws: Workspace) -> Recipe:
    """The recipe with the secrets of its command and its environment named only: it is written down, shown and sent."""
    resources = recipe.resources
    update: dict[str, Any] = {"env": hidden.hide_values(resources.env, ws.layout)}
    if resources.command:
        update["command"] = hidden.hide(resources.command, ws.layout)
    return recipe.model_copy(update={"resources": resources.model_copy(update=update)})
