"""Write `cockpit/core/recipe/trl_fields.json`: every field of TRL's configs, as the installed TRL declares it.

    python -m scripts.trl_fields                  # after a change of the pinned TRL or transformers
    python -m scripts.trl_fields --ppo SITE       # PPO's too: the site-packages of `cockpit env add ppo`

The light core can't import TRL (it brings torch), so what a field takes is kept as a file. Types come from the
annotations, choices from enums, Literals, the fields' own `choices`, and from docstrings that list them.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import types
import typing
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parent.parent / "cockpit" / "core" / "recipe" / "trl_fields.json"
CONFIGS = {
    "sft": "trl:SFTConfig",
    "rft": "trainers.rollouts.rft_config:RftConfig",
    "dpo": "trl:DPOConfig",
    "kto": "trl:KTOConfig",
    "orpo": "trl.experimental.orpo:ORPOConfig",
    "grpo": "trl:GRPOConfig",
    "rloo": "trl:RLOOConfig",
    "reward": "trl:RewardConfig",
}
PPO = {"ppo": "trl.experimental.ppo:PPOConfig"}
LISTED = re.compile(r"(?:Supported (?:values|options) are|Possible values are|Must be one of|Options)\b")
LISTING = (
    "loss_type", "f_divergence_type", "vllm_mode", "vllm_model_impl", "importance_sampling_level", "scale_rewards",
    "multi_objective_aggregation", "vllm_importance_sampling_mode", "include_num_input_tokens_seen",
)  # fmt: skip
"""Fields of type `str` whose docstring lists all that they take, one word in quotes each."""

LISTS = ("fsdp",)
"""Fields that transformers takes a list for as well, whatever their annotations say."""

Field = dict[str, Any]


def fields_of(where: str) -> dict[str, Field]:
    """Return the fields of the config class `module:name`, each as the file has it."""
    module, _, name = where.partition(":")
    config = getattr(importlib.import_module(module), name)
    hints = typing.get_type_hints(config)
    return {f.name: _field(f, hints[f.name]) for f in dataclasses.fields(config) if f.init}


def _field(field: dataclasses.Field[Any], hint: Any) -> Field:
    kinds, choices = _kinds(hint)
    about = " ".join(str(field.metadata.get("help", "")).replace("%%", "%").split())
    about = re.sub(r"\[([^][]+)\]\(([^()]+)\)", r"\1 (\2)", about)
    choices = list(field.metadata.get("choices") or choices)
    if not choices and field.name in LISTING and ("str" in kinds or "list" in kinds):
        choices = _listed(about)
    if "bool" not in kinds and re.search(rf"`True` or|{field.name}=True", about):
        kinds = [*kinds, "bool"]  # wider than its annotation
    if field.name in LISTS:
        kinds = [*kinds, "list"]
    default = field.default if field.default is not dataclasses.MISSING else None
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return {"kinds": kinds, "default": _plain(default), "about": about} | (
        {"choices": choices} if choices else {}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _kinds(hint: Any) -> tuple[list[str], list[Any]]:
    """What JSON kinds a type takes, and the values that an enum or a Literal names."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        kinds, choices = list[str](), list[Any]()
        for part in typing.get_args(hint):
            more, named = _kinds(part)
            kinds += [kind for kind in more if kind not in kinds]
            choices += named
        return kinds, choices
    if origin is typing.Literal:
        values = list(typing.get_args(hint))
        return list(dict.fromkeys(type(value).__name__ for value in values)), values if len(
            values
        ) > 1 else []
    kind = origin or hint
    if kind is type(None):
        return ["null"], []
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return ["str"], [part.value for part in kind]
    if kind in (list, tuple):
        return ["list"], []
    return [kind.__name__ if kind in (bool, int, float, str, dict) else "object"], []


def _listed(about: str) -> list[str]:
    """The words in quotes of the sentence that lists what a field takes, or those that head an explanation."""
    start = LISTED.search(about)
    listing = about[start.end() :] if start else about
    words = re.findall(r"[`']+([a-z]\w*)['`]+", listing.partition(". ")[0])
    if not re.match(r"[^.:]*:? *[`'\[][^:.]*[`'],", listing):  # each has its explanation behind it
        headed = re.findall(r"[`']+(\w+)['`]+ *(?:\(default\))?:", listing)
        words = headed if len(headed) > 1 else words
    return list(dict.fromkeys(words))


def table() -> dict[str, Any]:
    """Return the whole table but PPO's: for each technique, its fields."""
    made = {technique: fields_of(where) for technique, where in CONFIGS.items()}
    versions = {name: importlib.metadata.version(name) for name in ("trl", "transformers")}
    return {"versions": versions, "techniques": made}


def shared(techniques: dict[str, dict[str, Field]]) -> list[Field]:
    """Return one entry for each field and each way that it is declared, with the techniques that declare it so."""
    entries: dict[str, Field] = {}
    for technique, fields in techniques.items():
        for name, field in fields.items():
            key = json.dumps([name, field], sort_keys=True)
            entries.setdefault(key, {"name": name, "techniques": [], **field})["techniques"].append(technique)
    return sorted(entries.values(), key=lambda entry: (entry["name"], entry["techniques"]))


def apart(entries: list[Field]) -> dict[str, dict[str, Field]]:
    """Return what `shared` made of it as it was: for each technique, its fields."""
    made: dict[str, dict[str, Field]] = {}
    for entry in entries:
        field = {name: value for name, value in entry.items() if name not in ("name", "techniques")}
        for technique in entry["techniques"]:
            made.setdefault(technique, {})[entry["name"]] = field
    return made


def main() -> None:
    """Write the file."""
    if sys.argv[1:2] == ["ppo"]:
        print(json.dumps({"ppo": fields_of(PPO["ppo"])}))
        return
    made = table()
    kept = json.loads(PLACE.read_text("utf-8")) if PLACE.exists() else {"fields": []}
    if sys.argv[1:2] == ["--ppo"]:
        code = f"import sys; sys.path.insert(0, {sys.argv[2]!r}); sys.argv[1:] = ['ppo']; " \
               "from scripts.trl_fields import main; main()"  # fmt: skip
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
        made["techniques"] |= json.loads(said.splitlines()[-1])
    else:
        made["techniques"] |= {"ppo": apart(kept["fields"]).get("ppo", {})}
    entries = shared(made["techniques"])
    lines = ",\n".join(" " + json.dumps(entry, ensure_ascii=False) for entry in entries)
    text = f'{{"versions": {json.dumps(made["versions"])}, "fields": [\n{lines}\n]}}\n'
    PLACE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
