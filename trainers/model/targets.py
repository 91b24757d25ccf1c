"""Whether the modules that an adapter names are there in this model, before peft looks and the rows are blamed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cockpit.contract import CockpitError

ALL = "all-linear"
_SHOWN = 12


def check(given: Mapping[str, Any], model: Any) -> None:
    """Raise CockpitError where `target_modules` or `modules_to_save` name no module, or one that takes no adapter."""
    modules: dict[str, Any] = dict(model.named_modules())
    target = given.get("target_modules")
    if not (isinstance(target, str) and target.lower() == ALL):
        found = [name for name in modules if name and _named(name, target)]
        if not found and isinstance(target, str) and any(_ends(name, target) for name in modules):
            raise CockpitError(
                f"peft.target_modules is {target!r}: as text it is a pattern for the whole name of a module",
                f"Write it as a list: [{target!r}].",
            )
        if not found:
            raise CockpitError(
                f"peft.target_modules is {target!r}, and no module of this model is called so",
                f"Name some of its own ({_own(modules)}), or take {ALL!r}.",
            )
        if not any(_has_matrix(modules[name]) for name in found):
            raise CockpitError(
                f"peft.target_modules is {target!r}, and an adapter can't be laid on {found[0]}: it holds no matrix",
                f"Name linear modules ({_own(modules)}), or take {ALL!r}.",
            )
    for saved in given.get("modules_to_save") or ():
        if not any(name.endswith(saved) for name in modules):
            raise CockpitError(
                f"peft.modules_to_save names {saved!r}, and no module of this model is called so",
                f"Correct it, or leave it out; there are {_own(modules, every=True)}.",
            )


def _named(name: str, target: object) -> bool:
    """Whether peft takes a module for a target: a pattern for the whole name, or a list of ends of names."""
    if isinstance(target, str):
        try:
            return re.fullmatch(target, name) is not None
        except re.error as error:
            raise CockpitError(
                f"peft.target_modules is {target!r}, which is no pattern: {error}", "Write a list of names."
            ) from None
    return any(_ends(name, str(one)) for one in (target if isinstance(target, list) else ()))


def _ends(name: str, end: str) -> bool:
    return name == end or name.endswith(f".{end}")


def _has_matrix(module: Any) -> bool:
    """Whether it is a layer with a matrix; attention that holds its matrices by other names is let through."""
    weight: Any = getattr(module, "weight", None)
    return hasattr(module, "in_proj_weight") or (hasattr(weight, "dim") and weight.dim() >= 2)


def _own(modules: Mapping[str, Any], *, every: bool = False) -> str:
    """Name the kinds of layers that the model has, each once."""
    names = [name.rpartition(".")[2] for name, module in modules.items() if _has_matrix(module)]
    kinds = [name for name in dict.fromkeys(names) if every or name not in ("lm_head", "embed_tokens")]
    return ", ".join(kinds[:_SHOWN]) or "none"
