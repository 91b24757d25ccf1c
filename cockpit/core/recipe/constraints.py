"""A user's constraints, one line each, held against a recipe where a program can tell.

    learning_rate <= 1e-4        a setting under its TRL name or a short one (lr), or dotted (peft.r >= 8)
    technique = sft, dpo         one of these
    no ppo · no full · no orca   a technique, full weights, 4-bit, or a word in a data file's or the model's name
    only lora · only sft, dpo    nothing else

Other lines are for people: they are shown, and nothing is claimed of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract.setting_names import recipe_name
from cockpit.contract.techniques import TECHNIQUES

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

_COMPARISON = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*(<=|>=|==|!=|=|<|>)\s*(.+?)\s*$")
_ONLY = re.compile(r"^\s*only\s+(?:use\s+)?([\w ,/.-]+?)\s*\.?\s*$", re.IGNORECASE)
_NO = re.compile(
    r"^\s*(?:no|never|not|without|don't use|do not use)\s+(?:use\s+)?([\w/.-]+)(?:\s+\w+)?\s*\.?\s*$",
    re.IGNORECASE,
)
_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
_WEIGHTS = {"lora": "lora", "adapter": "lora", "adapters": "lora", "full": "full", "full-weights": "full"}


@dataclass(frozen=True, slots=True)
class Broken:
    """A constraint that this recipe breaks, and in what."""

    constraint: str
    why: str


def broken(constraints: Sequence[str], recipe: Recipe) -> list[Broken]:
    """Every constraint that the recipe breaks; those that only people can judge are passed over."""
    found: list[Broken] = []
    for text in constraints:
        why = _why(text, recipe)
        if why:
            found.append(Broken(text, why))
    return found


def _why(text: str, recipe: Recipe) -> str:
    match = _COMPARISON.match(text)
    if match:
        return _compared(match[1], match[2], match[3], recipe)
    match = _ONLY.match(text)
    if match:
        return _only(
            [part.strip().lower() for part in re.split(r"[,/]| or | and ", match[1]) if part.strip()], recipe
        )
    match = _NO.match(text)
    return _forbidden(match[1].lower(), recipe) if match else ""


def _compared(name: str, op: str, wanted: str, recipe: Recipe) -> str:
    there, value = _value(name, recipe)
    if not there:
        return ""
    shown = f"{name} is {value}"
    if op in ("=", "==", "!="):
        among = [part.strip().strip("\"'").lower() for part in wanted.split(",")]
        same = str(value).lower() in among or any(
            _number(part) is not None and _number(part) == _number(value) for part in among
        )
        return "" if same is (op != "!=") else shown
    left, right = _number(value), _number(wanted)
    if left is None or right is None:
        return ""
    return "" if _OPS[op](left, right) else shown


def _value(name: str, recipe: Recipe) -> tuple[bool, Any]:
    if name == "hours":
        return recipe.budget.seconds is not None, (recipe.budget.seconds or 0) / 3600
    at: Any = recipe
    name = recipe_name(name, recipe.technique)
    if name in recipe.trainer:
        return True, recipe.trainer[name]
    for part in name.split("."):
        at = cast("dict[str, Any]", at).get(part) if isinstance(at, dict) else getattr(at, part, None)
        if at is None:
            return False, None
    return True, at


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return None


def _only(words: list[str], recipe: Recipe) -> str:
    weights = {_WEIGHTS[word] for word in words if word in _WEIGHTS}
    is_lora = "lora" if recipe.peft is not None else "full"
    if weights and is_lora not in weights:
        return "it trains an adapter" if is_lora == "lora" else "it trains all weights"
    techniques = [word for word in words if word in TECHNIQUES]
    if techniques and recipe.technique not in techniques:
        return f"its technique is {recipe.technique}"
    return ""


def _forbidden(word: str, recipe: Recipe) -> str:
    if word in TECHNIQUES:
        return f"its technique is {recipe.technique}" if recipe.technique == word else ""
    if word in _WEIGHTS:
        is_lora = recipe.peft is not None
        return (
            f"it trains {'an adapter' if is_lora else 'all weights'}"
            if (_WEIGHTS[word] == "lora") is is_lora
            else ""
        )
    if word in ("4-bit", "4bit", "qlora", "quantization"):
        return "its base weights are 4-bit" if recipe.model.load_in_4bit else ""
    for what, name in (("training data", recipe.data.train), ("model", recipe.model.name_or_path)):
        if name and word in name.lower() and len(word) > 2:
            return f"its {what} is {name}"
    return ""
