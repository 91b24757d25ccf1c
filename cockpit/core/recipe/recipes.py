"""From a technique and a few overrides to a whole recipe, each setting validated and with its reason.

Precedence, low to high: the defaults of the technique, the sections of `cockpit.toml`, its `[recipes.X]`, and
the overrides of this experiment. Overrides are dotted (`peft.r=16`, `mid_eval.patience=3`) or TRL's own field
names without a dot (`learning_rate=1e-4`); the short names that people use (`lr`) become those (see aliases).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract.errors import CockpitError
from cockpit.contract.setting_names import DECIDED, GONE, SECTION_ALIASES
from cockpit.contract.techniques import GROUPED, TECHNIQUES
from cockpit.core.recipe import presets, serving, settings, trl_fields
from cockpit.core.recipe.aliases import Named, named
from cockpit.core.recipe.settings import SETTINGS, defaults, shown

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

SECTIONS = ("model", "peft", "data", "generation", "mid_eval", "budget", "resources", "slurm", "trainer")
TOP = ("seed", "hypothesis", "verifier", "rewards", "report_to", "launcher")


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting of a recipe and why it has its value; `allowed` is the range with its unit."""

    field: str
    value: Any
    source: str
    allowed: str
    description: str
    default: Any


def parse_overrides(given: Mapping[str, Any] | Iterable[str] | None, technique: str = "") -> dict[str, Any]:
    """Read `name=value` texts, or a mapping whose sections may be nested, as dotted names with values.

    Values are JSON where they parse (`1e-4`, `true`, `null`, `["q_proj"]`), else text; a setting of `technique`
    that takes text alone keeps it. Raises CockpitError for a text without `=`.
    """
    made: dict[str, Any] = {}
    if isinstance(given, Mapping):
        for name, value in cast("Mapping[str, Any]", given).items():
            if (name in SECTIONS or name in SECTION_ALIASES) and isinstance(value, Mapping):
                nested = cast("Mapping[str, Any]", value)
                made |= {f"{name}.{key}": part for key, part in nested.items()}
            else:
                made[name] = trl_fields.read(name, value, technique) if isinstance(value, str) else value
        return made
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise CockpitError(
                f"{text!r} is not an override", "Write NAME=VALUE, e.g. learning_rate=1e-4 or peft.r=16."
            )
        made[name.strip()] = trl_fields.read(name, value.strip(), technique)
    return made


def named_overrides(given: Mapping[str, Any] | Iterable[str] | None, technique: str) -> Named:
    """Read overrides as `parse_overrides` does, each under the recipe's name for it. Raises CockpitError."""
    return named(parse_overrides(given, technique), technique)


def named_defaults(recipes: Mapping[str, Mapping[str, Any]] | None, technique: str) -> Named:
    """Read `[recipes.X]` of cockpit.toml in the same way. Raises CockpitError saying where the wrong one stands."""
    given = parse_overrides((recipes or {}).get(technique), technique)
    return named(given, technique, where=f"[recipes.{technique}]")


def asked_for(
    technique: str,
    overrides: Mapping[str, Any] | Iterable[str] | None,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what somebody asked for, by name: the overrides on top of `[recipes.X]`, a preset beneath both.

    Raises CockpitError.
    """
    return _asked(technique, overrides, recipes)[0]


def _asked(
    technique: str,
    overrides: Mapping[str, Any] | Iterable[str] | None,
    recipes: Mapping[str, Mapping[str, Any]] | None,
) -> tuple[dict[str, Any], dict[str, str]]:
    given = {**named_defaults(recipes, technique).settings, **named_overrides(overrides, technique).settings}
    return presets.take(given, technique)


def resolve(
    technique: str,
    *,
    experiment_id: str,
    model: str | Mapping[str, Any],
    verifier: str,
    data: Mapping[str, Any],
    lora: bool | None = None,
    overrides: Mapping[str, Any] | Iterable[str] | None = None,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    parent: str | None = None,
    hypothesis: str = "",
    attempt: int = 1,
    seed: int = 0,
    mid_eval_baseline: float | None = None,
    report_to: str = "none",
) -> Recipe:
    """Resolve every setting of one attempt and validate it.

    `sections` and `recipes` are those of `cockpit.toml`. `lora=None` takes LoRA unless an override says
    `peft=null`. Raises CockpitError naming the field, its value and what is allowed.
    """
    technique = technique.strip().lower()
    if technique not in (*TECHNIQUES, "baseline", "custom"):
        raise CockpitError(f"there is no technique {technique!r}", f"There are: {', '.join(TECHNIQUES)}.")
    asked, why = _asked(technique, overrides, recipes)
    trained = technique not in ("baseline", "custom")
    with_lora = _wants_lora(asked, lora) if trained else any(name.startswith("peft.") for name in asked)
    raw = _layers(sections or {}, model, data, with_lora)
    raw["trainer"] = {name: default.value for name, default in defaults(technique, lora=with_lora).items()}
    raw |= {"experiment_id": experiment_id, "attempt": attempt, "parent": parent, "technique": technique}
    raw |= {"hypothesis": hypothesis, "verifier": verifier, "seed": seed, "report_to": report_to}
    if mid_eval_baseline is not None:
        raw["mid_eval"]["baseline"] = mid_eval_baseline
    for name, value in asked.items():
        _set(raw, name, value, technique)
    _finish(raw, technique, asked)
    raw["reasons"] = {**why, **raw.get("reasons", {})}
    from cockpit.contract.recipe import Recipe

    return Recipe.parse(raw)


def _wants_lora(asked: Mapping[str, Any], lora: bool | None) -> bool:
    if "peft" in asked:
        if asked["peft"] is not None and not isinstance(asked["peft"], Mapping):
            raise CockpitError(
                f"peft={shown(asked['peft'])} is not understood",
                "Write peft=null for full weights, or peft.r=32.",
            )
        return asked["peft"] is not None
    named = next((name for name in asked if name.startswith("peft.")), None)
    if lora is False and named:
        raise CockpitError(
            f"{named} is a LoRA setting, but full weights were asked for", "Drop one of the two."
        )
    return lora is not False


def _layers(
    sections: Mapping[str, Mapping[str, Any]],
    model: str | Mapping[str, Any],
    data: Mapping[str, Any],
    lora: bool,
) -> dict[str, Any]:
    raw: dict[str, Any] = {
        name: dict(sections.get(name, {}))
        for name in ("model", "generation", "mid_eval", "budget", "resources", "slurm")
    }
    raw["model"] |= {"name_or_path": model} if isinstance(model, str) else dict(model)
    raw["data"] = dict(data)
    raw["peft"] = {"r": settings.LORA_RANK} if lora else None
    return raw


def _set(raw: dict[str, Any], name: str, value: Any, technique: str) -> None:
    if name in TOP:
        raw[name] = reward_parts(value) if name == "rewards" else value
        return
    if name == "peft":
        raw["peft"] = dict(cast("Mapping[str, Any]", value)) if value is not None else None
        return
    section, dot, key = name.partition(".")
    if not dot or (section not in SECTIONS and section in trl_fields.fields(technique)):
        section, key = "trainer", name
    if section not in SECTIONS:
        close = difflib.get_close_matches(section, SECTIONS, n=1)
        raise CockpitError(
            f"{name}={shown(value)}: a recipe has no section {section!r}",
            f"Did you mean {close[0]}.{key}?" if close else f"It has: {', '.join(SECTIONS)}.",
        )
    if section == "trainer":
        value = trl_fields.meant(key, value, technique)
        _check_trainer(key, value, technique)
    if raw.get(section) is None:
        raise CockpitError(
            f"{name}={shown(value)}: this recipe has no {section} section (full weights)", "Drop it."
        )
    key, dot, inner = key.partition(".")
    if not dot:
        raw[section][key] = value
        return
    held: object = raw[section].get(key) or {}
    if not isinstance(held, Mapping):
        raise CockpitError(f"{name}={shown(value)}: {section}.{key} holds no settings", "Drop it.")
    raw[section][key] = {**cast("Mapping[str, Any]", held), inner: value}


def reward_parts(value: Any) -> Any:
    """Read `verifier,0.2*format,my_rewards:short` as the recipe's list of rewards; anything else is as it stands.

    Raises CockpitError for a weight that is no number.
    """
    if not isinstance(value, str):
        return value
    made: list[dict[str, Any]] = []
    for part in value.split(","):
        weight, star, source = part.rpartition("*")
        try:
            made.append({"source": source.strip(), "weight": float(weight) if star else 1.0})
        except ValueError:
            raise CockpitError(
                f"rewards={value}: {weight.strip()!r} is no weight", "Write WEIGHT*SOURCE, e.g. 0.2*format."
            ) from None
    return made


def _check_trainer(name: str, value: Any, technique: str) -> None:
    shown_as = f"{name}={shown(value)}"
    if technique != "custom":
        _refuse_others_words(name, shown_as)
    if name == "use_cache" and value:
        raise CockpitError(f"{shown_as} keeps a key-value cache, which training never reads",
                           "Leave it out: it is for inference.")  # fmt: skip
    setting = SETTINGS.get(name)
    if setting is None:
        trl_fields.check(name, value, technique)
        return
    if setting.only and technique not in setting.only and technique != "custom":
        other = "generation." + name if name in ("temperature", "top_p") else ""
        raise CockpitError(f"{shown_as}: {technique.upper()} has no such setting, only {', '.join(setting.only)}",
                           f"For scoring it is {other}." if other else "Drop it.")  # fmt: skip
    problem = setting.problem(value)
    if problem and not (value is None and name == "max_length"):
        raise CockpitError(
            f"{shown_as} {problem}: allowed is {setting.allowed()}", f"{name}: {setting.description}."
        )
    if name == "max_steps" and value == 0:
        raise CockpitError(
            "max_steps=0 would train nothing", "Give at least 1, or -1 to let the epochs decide."
        )


def _refuse_others_words(name: str, shown_as: str) -> None:
    """Refuse what TRL once called so, and what another part of the recipe decides."""
    if name in DECIDED:
        raise CockpitError(f"{shown_as} is not set here: it follows {DECIDED[name]}", "Leave it out.")
    if name in GONE:
        raise CockpitError(f"{shown_as}: there is no such setting any more", f"It is now {GONE[name]}.")


def _finish(raw: dict[str, Any], technique: str, asked: Mapping[str, Any]) -> None:
    peft = raw["peft"]
    if peft is not None and "lora_alpha" not in peft and isinstance(peft.get("r"), int):
        peft["lora_alpha"] = 2 * peft["r"]  # keeps the update's scale when the rank changes
    trainer = raw["trainer"]
    if trainer.get("bf16") and trainer.get("fp16"):
        raise CockpitError(
            "bf16=true and fp16=true exclude each other", "Keep one of the two: bf16 where there is one."
        )
    _refuse_inference(trainer, peft is not None)
    if technique in GROUPED:
        _check_groups(raw, technique, {*asked, *(name.partition(".")[2] for name in asked)})


def _refuse_inference(trainer: Mapping[str, Any], lora: bool) -> None:
    """Refuse inference conveniences (source text: "Configure for training, not inference")."""
    given = trainer.get("model_init_kwargs")
    kwargs: Mapping[str, Any] = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}
    quantised = next(
        (k for k in ("load_in_4bit", "load_in_8bit", "quantization_config") if kwargs.get(k)), None
    )
    if quantised and not lora:
        raise CockpitError(
            f"model_init_kwargs.{quantised} quantizes for inference: frozen low-bit weights learn nothing",
            "Train an adapter on them (peft, model.load_in_4bit), or load full weights.",
        )
    if kwargs.get("use_cache"):
        raise CockpitError("model_init_kwargs.use_cache=true is for inference", "Leave it out.")


def _check_groups(raw: dict[str, Any], technique: str, asked: set[str]) -> None:
    """Whole groups in every batch: (batch x accumulation) must divide by num_generations (TRL)."""
    trainer = raw["trainer"]
    group, before = trainer["num_generations"], trainer["per_device_train_batch_size"]
    if trainer.get("generation_batch_size") is not None:
        batch, named = trainer["generation_batch_size"], "generation_batch_size"
    else:
        passes = trainer.get("steps_per_generation") or trainer["gradient_accumulation_steps"]
        batch, named = trainer["per_device_train_batch_size"] * passes, "batch x accumulation"
    if batch % group == 0:
        return
    if not asked & {"per_device_train_batch_size", "gradient_accumulation_steps", "steps_per_generation"} \
            and trainer.get("generation_batch_size") is None:  # fmt: skip
        trainer["per_device_train_batch_size"] = group  # only the group was chosen: the batch follows
        raw["reasons"] = {
            "trainer.per_device_train_batch_size": f"follows num_generations={group}, as a batch holds whole groups: "
            f"{group} in place of {before}"
        }
        return
    raise CockpitError(
        f"{named} is {batch}, which does not divide by num_generations={group}: {technique.upper()} needs whole groups",
        f"Take a multiple of {group}, or another num_generations.",
    )


def _rank(name: str) -> int:
    """Where a setting stands among those of a recipe: first what changes a run most."""
    return settings.FIRST.index(name) if name in settings.FIRST else len(settings.FIRST)


def choices(recipe: Recipe) -> list[Choice]:
    """Return the settings that matter with their reasons, the chosen ones told from the defaults."""
    known = defaults(recipe.technique, lora=recipe.peft is not None)
    made: list[Choice] = []
    for name, value in sorted(recipe.trainer.items(), key=lambda entry: _rank(entry[0])):
        setting, default = SETTINGS.get(name), known.get(name)
        same = default is not None and default.value == value
        source = default.source if default is not None and same else "chosen"
        source = recipe.reasons.get(f"trainer.{name}", source)
        made.append(Choice(f"trainer.{name}", value, source, setting.allowed() if setting else "",
                           setting.description if setting else "", default.value if default else None))  # fmt: skip
    if recipe.peft is not None:
        rank = recipe.peft.r
        source = "source text: rank 32 is a fine default" if rank == settings.LORA_RANK else "chosen"
        made.append(
            Choice(
                "peft.r",
                rank,
                source,
                "a whole number, 1 to 1,024",
                "rank of the adapter",
                settings.LORA_RANK,
            )
        )
        made.sort(key=lambda choice: _rank(choice.field.removeprefix("trainer.")))
    given = recipe.data.chat_template_kwargs
    for name in dict.fromkeys(("enable_thinking", *given)):
        made.append(Choice(f"data.chat_template_kwargs.{name}", given.get(name),
                           "chosen" if name in given else "the template's own", "true, false or another value",
                           "told to the chat template in training, rollouts, scoring and serving", None))  # fmt: skip
    return made


def advice(recipe: Recipe) -> list[str]:
    """Return what looks unusual about a valid recipe, one sentence each; priors, which a reason overrides."""
    said: list[str] = []
    rate = recipe.trainer.get("learning_rate")
    lora = recipe.peft is not None
    usual, other = (defaults(recipe.technique, lora=kind).get("learning_rate") for kind in (lora, not lora))
    if isinstance(rate, int | float) and usual is not None and other is not None:
        kind, others = ("LoRA", "full weights") if lora else ("full weights", "LoRA")
        if abs(rate / other.value - 1) < 1e-9:
            said.append(
                f"learning_rate={rate:g} is usual for {others}; for {kind} it is about {usual.value:g}."
            )
        elif not usual.value / 100 <= rate <= usual.value * 100:
            said.append(
                f"learning_rate={rate:g} is far from the usual {usual.value:g} for {recipe.technique.upper()}."
            )
    if recipe.trainer.get("num_iterations", 1) not in (1, None):
        said.append("num_iterations above 1 trains on stale samples; on-policy freshness matters in RL.")
    if recipe.technique in GROUPED and recipe.trainer.get("beta") == 0:
        said.append("beta=0: the KL is not measured, so reward hacking shows later.")
    said += serving.biased(recipe)
    if recipe.budget.attempts > 1:
        said.append(
            f"budget.attempts={recipe.budget.attempts}: at training scale one attempt, then another hypothesis."
        )
    return said
