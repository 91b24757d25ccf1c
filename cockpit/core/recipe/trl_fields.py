"""Every field of TRL's configs: what it takes, its default, and what TRL says about it.

The table is made from the pinned TRL by `scripts/trl_fields.py`, since the light core can't import TRL.
"""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.contract.setting_names import ALIASES, DECIDED, recipe_name
from cockpit.core.recipe.settings import SETTINGS, shown

_LIMITS: Mapping[str, tuple[float, float | None]] = {
    **dict.fromkeys(
        ("adam_beta1", "adam_beta2", "min_p", "vllm_gpu_memory_utilization", "top_entropy_quantile", "ld_alpha",
         "ref_model_mixup_alpha", "label_smoothing", "gamma", "lam"),
        (0, 1),
    ),
    **dict.fromkeys(
        ("dataset_num_proc", "generation_batch_size", "num_generations_eval", "pad_to_multiple_of",
         "per_device_eval_batch_size", "precompute_ref_batch_size", "ref_model_sync_steps", "steps_per_generation",
         "torch_empty_cache_steps", "vllm_tensor_parallel_size"),
        (1, None),
    ),
    "logging_steps": (1e-9, None),
    "top_k": (-1, None),  # -1 is vLLM's word for all
}  # fmt: skip
_SIGNED = frozenset({"entropy_coef", "padding_value", "stop_token_id", "local_rank"})
"""Numbers that may be negative although their default isn't."""
_KINDS: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "list": (list, tuple),
    "dict": (dict,),
    "null": (type(None),),
}
_WORDS: Mapping[str, str] = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": 'a list (["a", "b"])',
    "dict": 'settings ({"name": value})',
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class TrlField:
    """A field of a TRL config: the kinds of value it takes, TRL's default, its docstring, and its choices."""

    name: str
    kinds: tuple[str, ...]
    default: Any
    about: str
    choices: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """What it does in a line: the first sentence of TRL's docstring."""
        first = self.about.partition(". ")[0].rstrip(".")
        return f"{first}." if first else ""

    @property
    def low(self) -> float | None:
        """The least number it takes; None for any. TRL counts and weighs with it: never below zero but for a few."""
        if self.name in _LIMITS:
            return _LIMITS[self.name][0]
        if self.name in _SIGNED:
            return None
        return self.default if isinstance(self.default, int | float) and self.default < 0 else 0

    @property
    def high(self) -> float | None:
        """The greatest number it takes; None for any."""
        return _LIMITS.get(self.name, (0, None))[1]

    def allowed(self) -> str:
        """Return what it takes, as shown: `one of token, sequence`."""
        setting = SETTINGS.get(self.name)
        if setting is not None:
            return setting.allowed()
        if self.choices:
            others = [_WORDS[kind] for kind in self.kinds if kind in ("bool", "null")]
            several = "one or several of " if "list" in self.kinds else "one of "
            return " or ".join([several + ", ".join(self.choices), *others])
        span = self._span() if {"int", "float"} & set(self.kinds) else ""
        number = [_WORDS[kind] + span for kind in self.kinds if kind in ("int", "float")]
        return " or ".join(
            [*number, *(_WORDS[k] for k in self.kinds if k in _WORDS and k not in ("int", "float"))]
        )

    def _span(self) -> str:
        low, high = self.low, self.high
        if low is None:
            return ""
        if high is not None:
            return f" from {low:g} to {high:g}"
        return " above 0" if 0 < low < 1 else f" from {low:g} on"

    def problem(self, value: Any) -> str:
        """Say what is wrong with `value`; empty where it is allowed."""
        if "object" in self.kinds:
            return ""
        if value is None:
            return "" if "null" in self.kinds or self.default is None else "is not given"
        if isinstance(value, bool):
            return "" if "bool" in self.kinds else f"is not {self._kind()}"
        if self.choices and (isinstance(value, str) or "list" in self.kinds):
            parts = cast("list[Any]", value if isinstance(value, list | tuple) else [value])
            unknown = [part for part in parts if part not in self.choices]
            return f"is not known{f' ({shown(unknown[0])})' if len(parts) > 1 else ''}" if unknown else ""
        if isinstance(value, int | float) and {"int", "float"} & set(self.kinds):
            return self._number(value)
        if not any(isinstance(value, _KINDS[kind]) for kind in self.kinds if kind != "bool"):
            return f"is not {self._kind()}"
        return ""

    @property
    def is_text(self) -> bool:
        """Whether it takes text alone, be it all digits."""
        return "str" in self.kinds and set(self.kinds) <= {"str", "null"}

    def meant(self, value: Any) -> Any:
        """Return `value` as the kind that the field takes: `1e3` as 1000 for a whole number, "0" as text for a text."""
        kinds = set(self.kinds)
        if isinstance(value, str) and "str" not in kinds and kinds & {"int", "float"}:
            value = number_of(value)
        if isinstance(value, str) and "dict" in kinds and value.lstrip().startswith("{"):
            return object_of(value)
        if isinstance(value, float) and "int" in kinds and "float" not in kinds and value.is_integer():
            return int(value)
        return value

    def _kind(self) -> str:
        kinds = [_WORDS[kind] for kind in self.kinds if kind != "null"]
        return "known" if self.choices else " or ".join(kinds)

    def _number(self, value: float) -> str:
        if value - value != 0:
            return "is not a number"
        if "float" not in self.kinds and value != int(value):
            return "is not a whole number"
        low, high = self.low, self.high
        out = (low is not None and value < low) or (high is not None and value > high)
        return "is out of range" if out else ""


def number_of(text: str) -> Any:
    """Return the number that a text is; the text itself where it is none."""
    try:
        number = float(text)
        return number if number - number == 0 and any(sign.isdigit() for sign in text) else text
    except ValueError:
        return text


def object_of(text: str) -> Any:
    """Return the settings that a JSON text holds; the text itself (a template, a path) where it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return cast("dict[str, Any]", value) if isinstance(value, dict) else text


def fields(technique: str) -> Mapping[str, TrlField]:
    """Return every field of the technique's config by name; empty for one that has no trainer of TRL's."""
    return _table().get(technique, {})


def meant(name: str, value: Any, technique: str) -> Any:
    """Return `value` as the kind that the technique's field takes; as it is where there is no field of this name."""
    field = fields(technique).get(name)
    return value if field is None else field.meant(value)


def read(name: str, text: str, technique: str) -> Any:
    """Return what is meant by `text`: JSON where it parses (`1e-4`, `true`), else text; a field of text keeps it."""
    value = _parsed(text)
    field = fields(technique).get(recipe_name(name, technique))
    return text if field is not None and field.is_text and isinstance(value, int | float) else value


def _parsed(text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number - number == 0 else text


def check(name: str, value: Any, technique: str) -> None:
    """Refuse what the technique's config has no field for, or what that field can't take. Raises CockpitError.

    `name` may go on into a field that holds settings: `model_init_kwargs.attn_implementation`.
    """
    known = fields(technique)
    if not known:
        return  # custom: its own trainer's
    shown_as = f"{name}={shown(value)}"
    base, dot, _ = name.partition(".")
    field = known.get(base)
    if field is None:
        others = having(base)
        if others:
            only = f"{technique.upper()} has no such setting, only {', '.join(others)}"
            raise CockpitError(f"{shown_as}: {only}", "Drop it.")
        close = difflib.get_close_matches(base, [*known, *ALIASES], n=1, cutoff=0.75)
        meant = f"Did you mean {recipe_name(close[0], technique)}?" if close else ""
        raise CockpitError(
            f"{shown_as}: there is no such setting",
            meant or f"`cockpit settings {technique}` lists them all.",
        )
    problem = "" if dot and "dict" in field.kinds else "holds no settings" if dot else field.problem(value)
    if problem:
        raise CockpitError(f"{shown_as} {problem}: allowed is {field.allowed()}", f"{base}: {field.line}")


def settable(technique: str) -> list[TrlField]:
    """Return the fields that a recipe may set, by name: all but those that another part of it decides."""
    return [field for name, field in sorted(fields(technique).items()) if name not in DECIDED]


def search(technique: str, words: str) -> list[TrlField]:
    """Return the settable fields that hold every word of `words`, those whose names do before those that tell of it."""
    wanted = words.lower().replace("-", "_").split()
    found = [f for f in settable(technique) if all(w in f"{f.name} {f.about}".lower() for w in wanted)]
    return sorted(
        found, key=lambda field: (not all(word in field.name for word in wanted), _rank(field.name))
    )


def having(name: str) -> list[str]:
    """Return the techniques whose config has the field."""
    return [technique for technique, known in _table().items() if name in known]


def _rank(name: str) -> tuple[int, str]:
    from cockpit.core.recipe.settings import FIRST

    return (FIRST.index(name) if name in FIRST else len(FIRST) + (name not in SETTINGS), name)


@functools.cache
def _table() -> Mapping[str, Mapping[str, TrlField]]:
    raw = json.loads(resources.files("cockpit.core.recipe").joinpath("trl_fields.json").read_text("utf-8"))
    made: dict[str, dict[str, TrlField]] = {}
    for entry in cast("list[dict[str, Any]]", raw["fields"]):
        field = TrlField(
            entry["name"],
            tuple(entry["kinds"]),
            entry["default"],
            entry["about"],
            tuple(entry.get("choices", ())),
        )
        for technique in cast("list[str]", entry["techniques"]):
            made.setdefault(technique, {})[field.name] = field
    return made
