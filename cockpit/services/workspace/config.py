"""`cockpit.toml`: the target of a workspace (base model x held-out set x verifier) and its defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.core import alerts as alerting
from cockpit.services.system import hidden

_SECTIONS: dict[str, tuple[str, ...]] = {
    "model": ("name_or_path", "revision", "dtype", "load_in_4bit", "trust_remote_code"),
    "data": (
        "train",
        "mini_eval",
        "held_out",
        "system_prompt",
        "columns",
        "chat_template_kwargs",
        "cluster",
        "sealed",
    ),
    "verifier": ("spec", "random_score", "knowledge_heavy"),
    "generation": ("max_new_tokens", "temperature", "top_p", "batch_size", "enable_thinking"),
    "mid_eval": (
        "every_steps",
        "every_epochs",
        "patience",
        "min_delta",
        "early_stop",
        "keep_last",
        "engine",
        "serve_wait_s",
    ),
    "serve": (
        "python",
        "max_model_len",
        "max_lora_rank",
        "max_loras",
        "gpu",
        "kv_cache_gib",
        "idle_min",
        "dtype",
    ),
    "budget": ("seconds", "attempts", "grace_s"),
    "slurm": (
        "partition",
        "time_min",
        "nodes",
        "gpus_per_node",
        "cpus_per_task",
        "mem_gb",
        "account",
        "qos",
        "constraint",
        "grace_s",
        "setup",
    ),
    "resources": (
        "cuda_visible_devices",
        "gpus",
        "gpu_memory_gib",
        "share_gpu",
        "omp_num_threads",
        "python",
        "processes",
        "accelerate_config",
        "env",
    ),
    "alerts": alerting.KEYS,
}
_REQUIRED = (
    ("model", "name_or_path"),
    ("data", "held_out"),
    ("data", "mini_eval"),
    ("verifier", "spec"),
)
_OF_TARGET = {("data", "cluster"), ("data", "sealed")}
"""Keys that say how the target is judged: no recipe has them."""


@dataclass(frozen=True, slots=True)
class WorkspaceConfig:
    """What `cockpit.toml` says, checked for names; paths are resolved against its folder."""

    root: Path
    name: str
    model: str
    verifier: str
    held_out: Path
    mini_eval: Path
    train: Path | None
    random_score: float | None
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    constraints: tuple[str, ...] = ()
    cluster: str | None = None
    """The held-out set's column whose values group items that share something; empty for none, None to look for one."""
    sealed: Path | None = None
    """A second held-out set, which no score is made on until it is opened, once."""
    alerts: alerting.Settings = field(default_factory=alerting.Settings)
    """Who is told of ends and findings."""

    def resolve(self, path: str) -> Path:
        """A path of the file, against the workspace's folder."""
        return (self.root / Path(path).expanduser()).resolve()


def load(path: Path) -> WorkspaceConfig:
    """Read `cockpit.toml`. Raises CockpitError naming the file, the line or the key, and the mend."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CockpitError(
            "there is no workspace here", "Make one with `cockpit init`.", file=path
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise CockpitError(f"this is not valid TOML: {error}", "Mend that line.", file=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CockpitError(
            f"it can't be read: {error}", "Check its rights and encoding.", file=path
        ) from error
    return _checked(raw, path)


def _checked(raw: dict[str, Any], path: Path) -> WorkspaceConfig:
    known = {*_SECTIONS, "name", "recipes", "constraints"}
    for key in raw:
        if key not in known:
            raise CockpitError(
                f"[{key}] is no section of cockpit.toml", f"There are: {', '.join(sorted(known))}.", file=path
            )
    sections: dict[str, Mapping[str, Any]] = {}
    for name, keys in _SECTIONS.items():
        section = raw.get(name, {})
        if not isinstance(section, dict):
            raise CockpitError(f"{name} must be a section, [{name}]", "Write it as a TOML table.", file=path)
        section = cast("dict[str, Any]", section)
        for key in section:
            if key not in keys:
                raise CockpitError(f"[{name}] has no key {key!r}", f"It has: {', '.join(keys)}.", file=path)
        sections[name] = {key: value for key, value in section.items() if (name, key) not in _OF_TARGET}
    for section_name, key in _REQUIRED:
        if not isinstance(sections[section_name].get(key), str):
            raise CockpitError(f"[{section_name}] {key} is missing", "Add it, as a string.", file=path)
    root = path.parent.resolve()
    data = sections["data"]
    given = cast("dict[str, Any]", raw.get("data", {}))
    cluster, sealed = given.get("cluster"), given.get("sealed")
    if sealed is not None and (not isinstance(sealed, str) or not sealed):
        raise CockpitError(
            "[data] sealed must be a file's name", 'Write `sealed = "sealed.jsonl"`.', file=path
        )
    if cluster is not None and not isinstance(cluster, str):
        raise CockpitError(
            "[data] cluster must be a column's name",
            'Write `cluster = "source"`, or `cluster = ""` for none.',
            file=path,
        )
    if sealed is not None and sealed in (data["held_out"], data["mini_eval"]):
        raise CockpitError(
            "[data] sealed is a set that every experiment is scored on", "Name another file.", file=path
        )

    def file(key: str) -> Path:
        return (root / Path(str(data[key])).expanduser()).resolve()

    random_score = sections["verifier"].get("random_score")
    return WorkspaceConfig(
        root=root,
        name=str(raw.get("name", root.name)),
        model=_model(root, str(sections["model"]["name_or_path"])),
        verifier=str(sections["verifier"]["spec"]),
        held_out=file("held_out"),
        mini_eval=file("mini_eval"),
        train=file("train") if data.get("train") else None,
        random_score=float(random_score) if isinstance(random_score, int | float) else None,
        sections=sections,
        recipes=cast("dict[str, dict[str, Any]]", raw.get("recipes", {})),
        constraints=tuple(str(line) for line in cast("list[object]", raw.get("constraints", []))),
        cluster=cluster,
        sealed=(root / Path(sealed).expanduser()).resolve() if sealed else None,
        alerts=_alerts(sections["alerts"], path),
    )


def _alerts(section: Mapping[str, Any], path: Path) -> alerting.Settings:
    settings = alerting.parse(section, file=path)
    if hidden.masked(settings.command) != list(settings.command):
        raise CockpitError(
            "[alerts] command holds what looks like a secret, which everybody on this machine could read",
            "Have the command read it from its environment.",
            file=path,
        )
    return settings


def _model(root: Path, name: str) -> str:
    """A folder becomes absolute (an adapter records its base's path as given); a hub id stays as it is."""
    local = (root / Path(name).expanduser()).resolve()
    return str(local) if local.is_dir() else name


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write a new `cockpit.toml` with a comment for each section; later edits keep the user's own."""
    import tomlkit

    comments = {
        "model": "The base model: a folder, or a hub id.",
        "data": "Never train on held_out or mini_eval. Paths are relative to this file.",
        "verifier": "Scores one completion against one item, and is the reward of GRPO.",
        "generation": "How the model answers when it is scored. temperature 0 is greedy.",
        "mid_eval": "Checkpoint, mini-eval and early stop inside a run.",
        "budget": "What one attempt may use up.",
        "serve": "The warm vLLM server that answers where mid_eval.engine is vllm.",
        "slurm": "What a job asks of Slurm, where the launcher is slurm.",
        "resources": "Where runs run.",
        "alerts": "Who is told of ends and findings. Addresses are secrets: name where they are kept.",
        "recipes": "Defaults of a technique, under TRL's names.",
    }
    document = tomlkit.document()
    document.add(tomlkit.comment("One target: this base model, this held-out set, this verifier."))
    document.add("name", values["name"])
    document.add("constraints", tomlkit.item(list(values.get("constraints", []))))
    for name in (*_SECTIONS, "recipes"):
        section = values.get(name)
        if not section:
            continue
        table = tomlkit.table()
        if name in comments:
            table.comment(comments[name])
        for key, value in section.items():
            if value is not None:
                table.add(key, value)
        document.add(name, table)
    atomic.write_text(path, tomlkit.dumps(document))
