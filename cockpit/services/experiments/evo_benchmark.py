"""evo's benchmark: a recipe and evo's variables become an attempt's folder, and this process its trainer.

    python -m trainers.run RECIPE [--technique sft …]     (starts this module; evo starts that)

The attempt lies in EVO_CHECKPOINT_DIR/cockpit, which outlives the worktree and which the cockpit finds. Settings, low
to high: the technique's defaults, `cockpit.toml` of the worktree, the recipe file, the options.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout, WorkspaceLayout
from cockpit.core import methodlog
from cockpit.core.recipe import recipes
from cockpit.core.runs.evidence import Pid
from cockpit.services.dataset import datasets
from cockpit.services.experiments import lifecycle
from cockpit.services.recipe import drafts, guardrail
from cockpit.services.runs.record import ProcessFile
from cockpit.services.system import spawn
from cockpit.services.system.processes import start_time
from cockpit.services.workspace import config, evo
from cockpit.verifiers.catalogue import LISTED

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

_DATA = ("train", "mini_eval", "held_out")


@dataclass(frozen=True, slots=True)
class Given:
    """What evo hands to a benchmark (its variables, as evo 0.8.0 sets them)."""

    experiment: str
    attempt: int
    folder: Path
    """Where the attempt's files go."""
    worktree: Path
    seed: Path | None = None
    """A checkpoint to warm-start from."""
    dataset: Path | None = None
    """Scored trajectories to train on."""
    result: Path | None = None

    @classmethod
    def read(cls, env: Mapping[str, str], folder: Path | None) -> Given:
        """From the environment; `folder` wins over EVO_CHECKPOINT_DIR. Raises CockpitError where neither is there."""
        place = env.get("EVO_CHECKPOINT_DIR")
        if folder is None and not place:
            raise CockpitError(
                "neither EVO_CHECKPOINT_DIR nor --attempt-dir says where the attempt's files go",
                "evo sets the first; without evo give the second, or use `cockpit new`.",
            )
        seed = env.get("EVO_SEED_ARTIFACT") or env.get("EVO_PARENT_POLICY")
        digits = "".join(c for c in env.get("EVO_ATTEMPT", "1") if c.isdigit())
        return cls(
            experiment=env.get("EVO_EXPERIMENT_ID") or "exp_0000",
            attempt=max(1, int(digits or 1)),
            folder=(folder or Path(str(place)) / evo.SEAM).resolve(),
            worktree=Path(env.get("EVO_WORKTREE") or ".").resolve(),
            seed=Path(seed) if seed else None,
            dataset=Path(env["EVO_DATASET"]) if env.get("EVO_DATASET") else None,
            result=Path(env["EVO_RESULT_PATH"]) if env.get("EVO_RESULT_PATH") else None,
        )


@dataclass(slots=True)
class Wanted:
    """What the recipe file and the options say, in one; `base` is the folder that the file's paths are relative to."""

    base: Path
    technique: str = ""
    hypothesis: str = ""
    verifier: str = ""
    fresh: bool = False
    lora: bool | None = None
    model: dict[str, Any] = field(default_factory=dict[str, Any])
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    overrides: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: list[str] = field(default_factory=list[str])
    """What became of short names: `lr is learning_rate`."""

    def override(self, given: Mapping[str, Any] | Sequence[str]) -> None:
        """Put settings on top of those there, whatever either calls them. Raises CockpitError."""
        asked = recipes.named_overrides(given, self.technique or "sft")
        self.overrides |= asked.settings
        self.notes += asked.notes


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the attempt and become its trainer; 2 where the recipe can't be used, with the sentence on stderr."""
    try:
        options = _parser().parse_args(argv)
        given = Given.read(os.environ, options.attempt_dir)
        recipe = drafts.with_environment(_homes(given), resolve(options, given))
        prepare(recipe, given)
        become_trainer(recipe, given)
    except CockpitError as error:
        print(f"trainers.run: {error}", file=sys.stderr, flush=True)
    return 2


def _homes(given: Given) -> list[Path]:
    """Where `cockpit env add` may have been called for this run: evo's workspace, the worktree, here."""
    above = [folder for folder in given.folder.parents if (folder / ".evo" / "meta.json").is_file()]
    return list(dict.fromkeys([*above, given.worktree, Path.cwd()]))


def resolve(options: argparse.Namespace, given: Given) -> Recipe:
    """Every setting of the attempt. Raises CockpitError naming the field or the file that is wrong."""
    node = evo.node_of(given.folder, given.experiment)
    whole = _whole_recipe(options.recipe) if options.recipe else None
    if whole is not None:
        return _adopted(whole, given, node)
    wanted = _wanted(options)
    target = _target(given)
    defaults = recipes.named_defaults(target.recipes if target else None, wanted.technique or "sft")
    for note in [*(f"in cockpit.toml {note}" for note in defaults.notes), *wanted.notes]:
        print(f"trainers.run: {note}.", file=sys.stderr, flush=True)
    sections: Mapping[str, Mapping[str, Any]] = target.sections if target else {}
    technique = wanted.technique or "sft"
    model = {**sections.get("model", {}), **wanted.model} | _warm_start(given, wanted.fresh)
    name = str(model.get("name_or_path") or "")
    if not name:
        raise CockpitError("no model is named", "Give --model, [model] name_or_path, or a cockpit.toml.")
    bases = (wanted.base, given.worktree, Path.cwd())
    model["name_or_path"] = _folder_or_id(name, bases)
    return recipes.resolve(
        technique,
        experiment_id=given.experiment,
        attempt=given.attempt,
        model=model,
        verifier=wanted.verifier or (target.verifier if target else "") or _missing("verifier"),
        data=_data(wanted, target, technique, given, bases),
        lora=wanted.lora,
        overrides=wanted.overrides,
        sections={n: sections.get(n, {}) for n in ("generation", "mid_eval", "budget", "resources")},
        recipes=target.recipes if target else None,
        parent=evo.parent_of(node),
        hypothesis=wanted.hypothesis or str(node.get("hypothesis") or ""),
        report_to=drafts.tracker(os.environ),
    )


def prepare(recipe: Recipe, given: Given) -> AttemptLayout:
    """Write the attempt's folder: recipe, record of the process, link to evo's log. Raises CockpitError."""
    layout = AttemptLayout(given.folder)
    if layout.events.exists():
        raise CockpitError("this attempt has run already", "Start another one.", file=layout.root)
    try:
        recipe.dump(layout.recipe)
        layout.log.parent.mkdir(parents=True, exist_ok=True)
        if given.result is not None and not layout.log.is_symlink():
            log = given.result.parent / "benchmark.log"
            layout.log.symlink_to(os.path.relpath(log, layout.log.parent))
        _note(recipe, given)
    except OSError as error:
        raise CockpitError(f"the attempt can't be written: {error.strerror}", file=layout.root) from error
    return layout


def become_trainer(recipe: Recipe, given: Given) -> None:
    """Replace this process by the trainer: what evo signals, and waits for, is what trains. Does not return."""
    layout = AttemptLayout(given.folder)
    token = uuid.uuid4().hex[:16]
    raw = recipe.model_dump(mode="json")
    try:
        command = spawn.command(layout.root, raw, os.environ, token=token)
    except ValueError as error:
        raise CockpitError(str(error), file=layout.recipe) from error
    parent = Pid(os.getppid(), start_time(os.getppid()) or 0.0)
    record = ProcessFile.begin(layout.process, launch=token, now=time.time(), supervisor=parent)
    record.update(trainer={"pid": os.getpid(), "start_time": start_time(os.getpid()) or 0.0})
    record.update(argv=command.shown, cwd=str(given.worktree), python=command.python)
    if (problem := record.write()) is not None:
        raise CockpitError(f"the record can't be written: {problem.strerror}", file=layout.process)
    print(f"== {recipe.technique} of {recipe.experiment_id} in {layout.root}", flush=True)
    try:
        os.chdir(given.worktree)
        os.execvpe(command.argv[0], list(command.argv), dict(command.env))
    except OSError as error:
        raise CockpitError(f"{command.argv[0]} can't be started: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainers.run", description=__doc__)
    parser.add_argument(
        "recipe", nargs="?", type=Path, help="TOML or JSON: the same sections as cockpit.toml"
    )
    parser.add_argument("--technique", help="sft, grpo, …; `baseline` scores the base model")
    parser.add_argument("--model", help="a folder, or a hub id")
    parser.add_argument("--train", "--data", help="training data; EVO_DATASET wins over it")
    parser.add_argument("--mini-eval", help="5-10 items, never trained on")
    parser.add_argument("--held-out", help="never trained on; its score is the result")
    parser.add_argument("--verifier", metavar="NAME[:ARG]", help=f"what scores an answer: {LISTED}")
    parser.add_argument("--hypothesis", help="default: what evo knows the experiment by")
    parser.add_argument("--full", action="store_true", help="full weights instead of LoRA")
    parser.add_argument("--fresh", action="store_true", help="start from the base although evo gives a seed")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting")
    parser.add_argument("--attempt-dir", type=Path, help="where its files go, outside evo")
    return parser


def _wanted(options: argparse.Namespace) -> Wanted:
    wanted = Wanted(base=Path.cwd())
    if options.recipe:
        wanted = _from_file(options.recipe, options.technique)
    wanted.technique = options.technique or wanted.technique
    wanted.hypothesis = options.hypothesis or wanted.hypothesis
    wanted.verifier = options.verifier or wanted.verifier
    wanted.fresh = options.fresh or wanted.fresh
    wanted.lora = False if options.full else wanted.lora
    if options.model:
        wanted.model["name_or_path"] = options.model
    for name in _DATA:
        if getattr(options, name):
            wanted.data[name] = getattr(options, name)
    wanted.override(options.set)
    return wanted


def _from_file(path: Path, technique: str | None) -> Wanted:
    """A recipe of a few lines; whatever isn't named there is an override, by TRL's names. Raises CockpitError."""
    given = _read(path)
    verifier, named = given.pop("verifier", ""), str(given.pop("technique", ""))
    if isinstance(verifier, dict):
        verifier = cast("dict[str, Any]", verifier).get("spec", "")
    wanted = Wanted(
        base=path.resolve().parent,
        technique=technique or named,
        hypothesis=str(given.pop("hypothesis", "")),
        verifier=str(verifier),
        fresh=given.pop("fresh", False) is True,
        lora=False if given.pop("full", False) is True else None,
        model=_table(given, "model", path),
        data=_table(given, "data", path),
    )
    wanted.override(given)
    return wanted


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        value = untrusted.parse(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise CockpitError("there is no such recipe", "Correct the path.", file=path) from error
    except (OSError, ValueError) as error:  # TOML's and JSON's errors are ValueErrors that name the line
        raise CockpitError(f"the recipe can't be read: {error}", "Mend it.", file=path) from error
    if not isinstance(value, dict):
        raise CockpitError("a recipe is a table of settings", "Mend it.", file=path)
    return cast("dict[str, Any]", value)


def _table(given: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    value = given.pop(name, {})
    if not isinstance(value, dict):
        raise CockpitError(f"{name} must be a section, [{name}]", "Write it as a table.", file=path)
    return dict(cast("dict[str, Any]", value))


def _whole_recipe(path: Path) -> dict[str, Any] | None:
    """A resolved recipe.json of another attempt, to be run again; None for a recipe of a few lines."""
    if path.suffix != ".json":
        return None
    value = _read(path)
    return value if "experiment_id" in value and "v" in value else None


def _adopted(whole: dict[str, Any], given: Given, node: Mapping[str, Any]) -> Recipe:
    from cockpit.contract.recipe import Recipe

    whole |= {"experiment_id": given.experiment, "attempt": given.attempt, "parent": evo.parent_of(node)}
    whole["report_to"] = drafts.tracker(os.environ)
    whole["model"] = {**whole["model"], **_warm_start(given, fresh=False)}
    recipe = Recipe.parse(whole)
    guardrail.check_data_unchanged(recipe)
    return recipe


def _target(given: Given) -> config.WorkspaceConfig | None:
    """`cockpit.toml` of the worktree, else of where evo runs us; None where there is none."""
    for folder in (given.worktree, Path.cwd()):
        path = WorkspaceLayout(folder).config
        if path.is_file():
            return config.load(path)
    return None


def _data(
    wanted: Wanted,
    target: config.WorkspaceConfig | None,
    technique: str,
    given: Given,
    bases: Sequence[Path],
) -> dict[str, Any]:
    data: dict[str, Any] = {**(target.sections["data"] if target else {}), **wanted.data}
    training = technique not in ("baseline", "custom")
    for name in _DATA:
        if name == "train" and not training:
            data[name] = None
            continue
        if name == "train" and given.dataset is not None:
            place = _file(str(given.dataset), (Path.cwd(),))
        else:
            # cockpit.toml's paths are relative to its own folder; data that is not in git lies in the main checkout.
            near = bases if target is None or name in wanted.data else (target.root, Path.cwd())
            place = _file(str(data.get(name) or _missing(name)), near)
        data[name] = str(place)
        data[f"{name}_hash"] = datasets.content_hash(place)
    if training:
        data["columns"] = datasets.read_as(data["train"], technique, data.get("columns"))
    return data


def _file(text: str, bases: Sequence[Path]) -> Path:
    """A data file: the recipe's folder first, then the worktree, then the main checkout (data is rarely in git)."""
    for base in bases:
        place = (base / Path(text).expanduser()).resolve()
        if place.is_file():
            return place
    raise CockpitError("there is no such data file", "Correct the path.", file=text)


def _folder_or_id(name: str, bases: Sequence[Path]) -> str:
    for base in bases:
        place = (base / Path(name).expanduser()).resolve()
        if place.is_dir():
            return str(place)
    return name


def _warm_start(given: Given, fresh: bool) -> dict[str, str]:
    """The seed that evo gives. Raises CockpitError where it is gone: training from base instead would say nothing."""
    if given.seed is None or fresh:
        return {}
    if not given.seed.exists():
        raise CockpitError(
            "evo seeds this experiment from an artifact that is not there",
            "Restore it, or say --fresh to start from the base.",
            file=given.seed,
        )
    return {"warm_start": str(given.seed.resolve())}


def _missing(name: str) -> str:
    shown = name.replace("_", "-")
    raise CockpitError(f"no {shown} is named", f"Give --{shown}, or a cockpit.toml with it.")


def _note(recipe: Recipe, given: Given) -> None:
    """Dataset, method and settings into the worktree's methodlog.md, which evo commits with the experiment."""
    path = given.worktree / "methodlog.md"
    if given.result is None or not given.worktree.is_dir():
        return
    text = path.read_text("utf-8") if path.exists() else ""
    longer = text
    for entry in lifecycle.draft_entries(recipe):
        longer = methodlog.append(longer, replace(entry, date=date.today().isoformat()))
    if longer != text:
        atomic.write_text(path, longer)


if __name__ == "__main__":
    sys.exit(main())
