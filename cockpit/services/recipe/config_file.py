"""Another trainer's configuration file, read within bounds: which tool's it is, what it holds, which data it names."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cockpit.contract.bounded import untrusted, yaml_text
from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import TECHNIQUES
from cockpit.core.configs import axolotl, llamafactory, trl, unsloth
from cockpit.core.configs.carried import Carried
from cockpit.core.recipe import recipes, trl_fields
from cockpit.core.recipe.settings import shown
from cockpit.services.system import hidden

TOOLS = ("trl", "axolotl", "llamafactory", "unsloth")
_GROUPS = frozenset({
    "per_device_train_batch_size", "gradient_accumulation_steps", "num_generations", "generation_batch_size",
    "steps_per_generation",
})  # fmt: skip
"""Settings that are right or wrong together."""


def read(path: Path, tool: str | None = None, technique: str | None = None) -> Carried:
    """Read a configuration and carry over what can be.

    Raises CockpitError for what is no configuration, for a technique that the cockpit doesn't have, and where the file
    doesn't say which technique it is for.
    """
    raw, named = _settings(path)
    secret: list[str] = []
    given = _without_secrets(raw, secret)
    tool = tool or tool_of(given, path)
    made = _carried(given, tool, technique or named or _technique(given, tool, path), path)
    for name in secret:
        made.leave(
            name,
            "it holds a secret: set a variable before the launch, HF_TOKEN for the hub",
        )
    return _sound(made)


def _without_secrets(given: Mapping[str, Any], found: list[str], where: str = "") -> dict[str, Any]:
    """The same settings without those that hold a secret, however deep; their names are added to `found`."""
    made: dict[str, Any] = {}
    for key, value in given.items():
        before = len(found)
        kept = _public(value, found, f"{where}{key}")
        if hidden.setting_with_secret({str(key): kept}) is not None:
            found.append(f"{where}{key}")
        elif kept or len(found) == before:
            made[str(key)] = kept
    return made


def _public(value: Any, found: list[str], name: str) -> Any:
    if isinstance(value, Mapping):
        return _without_secrets(cast("Mapping[str, Any]", value), found, f"{name}.")
    if isinstance(value, list):
        return [_public(part, found, name) for part in cast("list[Any]", value)]
    if isinstance(value, str) and value.lstrip().startswith(
        "{"
    ):  # settings as JSON, as a command line has them
        before, inner = len(found), trl_fields.object_of(value)
        kept = _public(inner, found, name) if isinstance(inner, Mapping) else inner
        return json.dumps(kept) if len(found) > before else value
    return value


def tool_of(given: Mapping[str, Any], path: Path) -> str:
    """Tell whose configuration it is by its own names. Raises CockpitError."""
    if "base_model" in given:
        return "axolotl"
    if "finetuning_type" in given or {"stage", "template"} <= given.keys():
        return "llamafactory"
    sections = [name for name in unsloth.SECTIONS if isinstance(given.get(name), Mapping)]
    if {"model_name", "max_seq_length"} <= given.keys() or len(sections) > 1:
        return "unsloth"
    if "model_name_or_path" in given or any(trl_fields.having(name) for name in given):
        return "trl"
    raise CockpitError(
        f"it holds no setting of {', '.join(TOOLS)}",
        "Name whose it is with --from, or give a training configuration.",
        file=path,
    )


def _settings(path: Path) -> tuple[dict[str, Any], str | None]:
    """The file's settings, and the technique that a command in it names."""
    try:
        text = untrusted.read_bytes(path, yaml_text.MOST).decode("utf-8", "replace")
    except OSError as error:
        raise CockpitError(
            f"it can't be read: {error.strerror or error}", "Check the name.", file=path
        ) from error
    if path.suffix in (".sh", ".bash", ".txt", ".cmd") or text.startswith("#!"):
        return _command(text, path)
    try:
        value = yaml_text.parse(text)
    except ValueError as error:
        raise CockpitError(f"it is no YAML that can be read: {error}", "Mend it there.", file=path) from error
    if not isinstance(value, Mapping) or not value:
        raise CockpitError("it holds no settings", "Give a training configuration (YAML).", file=path)
    return {str(name): part for name, part in cast("Mapping[object, Any]", value).items()}, None


def _command(text: str, path: Path) -> tuple[dict[str, Any], str | None]:
    """Settings given as `--name value`, from the first command of a script that has some."""
    for entry in text.replace("\\\n", " ").splitlines():
        try:
            parts = shlex.split(entry, comments=True)
        except ValueError:
            continue
        if any(part.startswith("--") for part in parts):
            return _arguments(parts), next((part for part in parts if part in TECHNIQUES), None)
    raise CockpitError(
        "no command with --settings is in it", "Give the script that starts the training.", file=path
    )


def _arguments(parts: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    name = ""
    for part in parts:
        if part.startswith("--"):
            name, equals, value = part[2:].partition("=")
            made[name] = yaml_value(value) if equals else True
        elif name:
            before = made[name]
            now = yaml_value(part)
            made[name] = now if before is True else [*(before if isinstance(before, list) else [before]), now]
    return made


def yaml_value(text: str) -> Any:
    """Return a word of a command line as YAML would read it; the word itself where it is none."""
    try:
        return yaml_text.parse(text)
    except ValueError:
        return text


def _technique(given: Mapping[str, Any], tool: str, path: Path) -> str:
    if tool == "trl":
        fit = trl.techniques_of(given)
        if len(fit) == 1:
            return fit[0]
        may = f"it may be for {', '.join(fit)}" if fit else "its settings belong to no one technique"
        raise CockpitError(
            f"the file doesn't say which of TRL's trainers it is for: {may}",
            "Say it: --technique sft.",
            file=path,
        )
    if tool == "unsloth":
        return "sft"
    found = (axolotl if tool == "axolotl" else llamafactory).technique_of(given)
    if found is None:
        word = given.get("rl") if tool == "axolotl" else given.get("pref_loss") or given.get("stage")
        raise CockpitError(
            f"it is for {shown(word)}, which the cockpit doesn't train",
            f"It trains {', '.join(TECHNIQUES)}.",
            file=path,
        )
    return found


def _carried(given: Mapping[str, Any], tool: str, technique: str, path: Path) -> Carried:
    readers = {
        "trl": trl.read,
        "axolotl": axolotl.read,
        "llamafactory": llamafactory.read,
        "unsloth": unsloth.read,
    }
    made = readers[tool](given, technique)
    if tool == "llamafactory":
        folder = _near(path, str(given.get("dataset_dir") or "data"))
        made.data = [_file_of(folder, name) for name in made.data]
    if not made.lora:
        for name in [name for name in made.settings if name.startswith("peft.")]:
            made.leave(made.origin[name], "full weights are trained")
            del made.settings[name]
    return made


def _file_of(folder: Path, name: str) -> str:
    """The file of a name in dataset_info.json; the name itself where it isn't there."""
    try:
        info = untrusted.parse(untrusted.read_bytes(folder / "dataset_info.json", yaml_text.MOST))
        return str(folder / str(info[name]["file_name"]))
    except (OSError, ValueError, KeyError, TypeError):
        return name


def _near(path: Path, name: str) -> Path:
    """A path that a configuration names: from where one stands, else from beside it."""
    return next((p for p in (Path(name).expanduser(), path.parent / name) if p.exists()), Path(name))


def data_file(made: Carried, path: Path) -> Path | None:
    """The first data file of the configuration that is on this machine; what else it names is said in `left`."""
    found = [_near(path, name) for name in made.data]
    there = [file for file in found if file.is_file()]
    for name, file in zip(made.data, found, strict=True):
        if file not in there[:1]:
            why = "one training file an experiment" if file in there else "no file of this name is here"
            made.leave(f"data: {name}", f"{why}; give yours with --data")
    return there[0] if there else None


def _sound(made: Carried) -> Carried:
    """The same without what a recipe refuses, which is said among the doubts."""
    together = {name: value for name, value in made.settings.items() if name in _GROUPS}
    alone = [{name: value} for name, value in made.settings.items() if name not in _GROUPS]
    for part in [*([together] if together else []), *alone]:
        try:
            recipes.resolve(
                made.technique, experiment_id="exp_0000", model="model", verifier="exact", overrides=part,
                lora=made.lora or None if any(name.startswith("peft.") for name in part) else made.lora,
                data={"train": "train.jsonl", "mini_eval": "mini.jsonl", "held_out": "held_out.jsonl"},
            )  # fmt: skip
        except CockpitError as error:
            for name in part:
                made.leave(made.origin[name], "it was refused")
                del made.settings[name]
            made.doubts.append(str(error))
    return made
