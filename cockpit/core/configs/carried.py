"""What becomes of another trainer's settings: carried under the recipe's names, or left out with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from cockpit.contract.setting_names import DECIDED, GONE, recipe_name
from cockpit.core.recipe import trl_fields
from cockpit.core.recipe.settings import shown

OURS = "the cockpit decides it"
ELSEWHERE = "no counterpart"
_SECTIONS = ("peft", "generation", "mid_eval")
"""Sections of a recipe that others' files may set by name. The rest say what is run, read and used up here."""
_SPELT = frozenset({"model.dtype", "model.load_in_4bit", "data.chat_template_kwargs.enable_thinking"})
"""What other trainers have a bare name for, and a recipe has in one of the rest."""
_REMOTE_CODE = "trust_remote_code"


@dataclass(slots=True)
class Carried:
    """A configuration as it was understood. `settings` stand under the recipe's names."""

    tool: str
    technique: str
    model: str = ""
    lora: bool = True
    data: list[str] = field(default_factory=list[str])
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    origin: dict[str, str] = field(default_factory=dict[str, str])
    """The recipe's name -> what the configuration calls it."""
    left: dict[str, str] = field(default_factory=dict[str, str])
    """What was not carried -> why."""
    doubts: list[str] = field(default_factory=list[str])
    """What looks wrong in the configuration, a sentence each."""

    def take(self, theirs: str, ours: str, value: Any) -> None:
        """Carry a setting over."""
        if ours in self.settings and self.settings[ours] != value:
            self.doubts.append(
                f"{self.origin[ours]} and {theirs} both set {ours}, to {shown(self.settings[ours])} and {shown(value)}"
            )
        self.settings[ours] = value
        self.origin[ours] = theirs

    def leave(self, theirs: str, why: str = ELSEWHERE) -> None:
        """Leave a setting out."""
        self.left[theirs] = why


Special = Callable[[Carried, str, Any], None]
Rules = Mapping[str, "str | Special"]
"""A tool's name for a setting -> ours, or what carries it over."""


def leaving(why: str) -> Special:
    """Make the rule of a setting that is left out."""
    return lambda made, name, _: made.leave(name, why)


def told_elsewhere(made: Carried, name: str, value: Any) -> None:
    """Nothing: what this setting says was read before the others."""


def model(made: Carried, name: str, value: Any) -> None:
    """The base model's name."""
    made.model = str(value)


def carry(made: Carried, given: Mapping[str, Any], rules: Rules) -> Carried:
    """Carry over every setting of `given`: by the tool's rules, else where a recipe knows the name."""
    known = trl_fields.fields(made.technique)
    for name, value in given.items():
        if value is None or value == "":
            continue
        rule = rules.get(name)
        ours = rule if isinstance(rule, str) else recipe_name(name, made.technique)
        value = _meant(ours, value, made.technique)
        if isinstance(value, Mapping):
            value = _without_code(made, name, cast("Mapping[str, Any]", value))
        if _runs_code(name):
            _remote_code(made, name, value)
        elif callable(rule):
            rule(made, name, value)
        elif rule is not None:
            made.take(name, ours, value)
        else:
            _by_name(made, name, ours, value, known)
    _join(made)
    return made


def _join(made: Carried) -> None:
    """Put what was given apart (`attn_implementation`) into the settings that it belongs to, where those were given."""
    for name in list(made.settings):
        base, dot, key = name.partition(".")
        held = made.settings.get(base)
        if dot and isinstance(held, Mapping):
            whole = dict(cast("Mapping[str, Any]", held))
            value, theirs = made.settings.pop(name), made.origin.pop(name)
            if whole.setdefault(key, value) != value:
                both = f"{made.origin[base]} and {theirs} both set {name}"
                made.doubts.append(f"{both}, to {shown(whole[key])} and {shown(value)}: the first is taken")
            made.settings[base] = whole


def _by_name(
    made: Carried, name: str, ours: str, value: Any, known: Mapping[str, trl_fields.TrlField]
) -> None:
    section, dot, _ = ours.partition(".")
    within = section in _SECTIONS or (section in known and "dict" in known[section].kinds)
    may = ours in known or (dot and within) or (ours in _SPELT and "." not in name)
    decided = next((one for one in (name, ours, section) if one in DECIDED), None)
    if decided is not None:
        made.leave(name, f"it follows {DECIDED[decided]}")
    elif name in GONE:
        made.leave(name, f"it is now {GONE[name]}")
    elif may:
        made.take(name, ours, value)
    elif dot:
        made.leave(name, f"a file of others doesn't decide it: give {ours}=VALUE yourself")
    elif others := trl_fields.having(ours):
        made.doubts.append(
            f"{name} is a setting of {', '.join(others)}, and this is {made.technique.upper()}"
        )
        made.leave(name, f"{made.technique.upper()} has no such setting")
    else:
        made.leave(name)


def _meant(ours: str, value: Any, technique: str) -> Any:
    """The value as the kind that the setting takes; a recipe's sections and its seed take a text's number."""
    if isinstance(value, str) and (ours == "seed" or ours.partition(".")[0] in _SECTIONS):
        return trl_fields.number_of(value)
    return trl_fields.meant(ours, value, technique)


def _runs_code(name: str) -> bool:
    return name.rpartition(".")[2].lower().replace("-", "_") == _REMOTE_CODE


def _remote_code(made: Carried, name: str, value: Any) -> None:
    if value is False or value == "false":
        made.leave(name, "as here: no code that comes with a model is run")
    else:
        made.leave(
            name, "it runs code that comes with the model: read that, then give model.trust_remote_code=true"
        )


def _without_code(made: Carried, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings without leave to run a model's code, however deep it stands."""
    kept: dict[str, Any] = {}
    for key, value in given.items():
        if _runs_code(str(key)):
            _remote_code(made, f"{name}.{key}", value)
        elif isinstance(value, Mapping):
            kept[key] = _without_code(made, f"{name}.{key}", cast("Mapping[str, Any]", value))
        else:
            kept[key] = value
    return kept


def words(value: Any) -> list[str]:
    """Return a list of names as one, whether it was written as a list or with commas."""
    parts = cast("list[Any]", value) if isinstance(value, list) else str(value).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def modules(made: Carried, name: str, value: Any) -> None:
    """Carry over which modules get an adapter; every tool has its word for all."""
    named = words(value)
    every = named in (["all"], ["all-linear"])
    made.take(name, "peft.target_modules", "all-linear" if every else named)


def checkpointing(made: Carried, name: str, value: Any) -> None:
    """Carry over activation checkpointing, whose values are also names of ways to do it."""
    made.take(name, "activation_checkpointing", bool(value) and value != "false")
    if isinstance(value, str) and value not in ("true", "false"):
        made.left[f"{name}={value}"] = "plain activation checkpointing stands in for it"


def automatic(made: Carried, name: str, value: Any) -> None:
    """Carry over a precision unless it is left to the trainer, as it is here."""
    if value == "auto" or value == "full":
        made.leave(name, "left to the trainer, as here")
    else:
        made.take(name, name, value)


def attention(made: Carried, name: str, value: Any) -> None:
    """Carry over an implementation of attention that is named; what only switches one on is left to transformers."""
    if isinstance(value, str) and value not in ("auto", "disabled", "fa2"):
        made.take(name, "model_init_kwargs.attn_implementation", value)
    else:
        made.leave(
            name,
            "transformers chooses; model_init_kwargs.attn_implementation=flash_attention_2 asks for that one",
        )


def inputs(made: Carried, name: str, value: Any) -> None:
    """Carry over that prompts are learnt, too; that they aren't is how it is here."""
    if value:
        made.take(name, "completion_only_loss", False)
    else:
        made.leave(name, "as here: the answers alone are learnt")


def eight_bit(made: Carried, name: str, value: Any) -> None:
    """Leave 8-bit loading out: the cockpit trains adapters on 4-bit or on whole weights."""
    if value:
        made.leave(name, "adapters are trained on 4-bit or whole weights here: load_in_4bit comes nearest")


TEMPLATE = leaving("the model's own chat template is used; the spot check shows what it makes of a row")
SAVES = leaving("mid_eval.every_steps and mid_eval.every_epochs decide when a checkpoint is kept and scored")
TRACKING = leaving("report_to follows what the environment asks for")
SPLIT = leaving("the workspace's held-out set stands for it")
CACHES = leaving("the cockpit keeps prepared data itself")
PLACES = leaving("the attempt's folder")
HUB = leaving("nothing is pushed: checkpoints stay in the attempt's folder")
