"""Drafts: a request, the workspace and the defaults become a recipe on the disk, checked against the guardrails."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, ExperimentLayout
from cockpit.contract.techniques import SAMPLING, rewards_by_verifier
from cockpit.core import group_signal
from cockpit.core.recipe.recipes import asked_for
from cockpit.data.reading.files import iter_rows
from cockpit.data.rows import value
from cockpit.services.dataset import datasets, gold
from cockpit.services.recipe import draft_secrets, groups, guardrail, template_switches, warm_start
from cockpit.services.system import stack
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.services.workspace.config import WorkspaceConfig


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """What somebody asked for; what is None is decided by the workspace and the defaults."""

    technique: str
    hypothesis: str = ""
    parent: str | None = None
    train: Path | None = None
    overrides: Mapping[str, Any] | Sequence[str] = field(default_factory=dict[str, Any])
    lora: bool | None = None
    warm_start: str | None = None
    command: str | None = None


def resolve(ws: Workspace, request: DraftRequest) -> Recipe:
    """The recipe that `request` makes in this workspace. Raises CockpitError naming the field that is wrong."""
    from cockpit.core.recipe import recipes

    draft_secrets.refuse_typed(request.overrides)
    config = ws.config
    training = request.technique != "baseline"
    model: dict[str, Any] = {**config.sections["model"], "name_or_path": config.model}
    overrides, lora = recipes.named_overrides(request.overrides, request.technique).settings, request.lora
    if request.warm_start:
        begun = warm_start.find(ws, request.warm_start)
        model.update(begun.model)
        overrides, lora = warm_start.settings(begun, config.model, overrides, lora, ws.layout.experiments)
    sections = {
        name: dict(config.sections[name])
        for name in ("generation", "mid_eval", "budget", "resources", "slurm")
    }
    if request.command:
        sections["resources"]["command"] = _words(request.command)
    data = _data(config, request, training=training)

    def resolved(settings: Mapping[str, Any]) -> Recipe:
        return recipes.resolve(
            request.technique,
            experiment_id=BASELINE_ID,
            model=model,
            verifier=config.verifier,
            data=data,
            lora=lora,
            overrides=settings,
            sections=sections,
            recipes=config.recipes,
            parent=request.parent,
            hypothesis=request.hypothesis,
            report_to=tracker(os.environ),
        )

    recipe = resolved(overrides)
    draft_secrets.refuse_secrets(recipe)
    if not request.warm_start:
        larger, why = groups.that_differ(ws, recipe, overrides)
        overrides = {**overrides, group_signal.SETTING: larger} if larger else overrides
        recipe = resolved(overrides) if larger else recipe
        reasons = {**recipe.reasons, f"trainer.{group_signal.SETTING}": why} if why else recipe.reasons
        recipe = recipe.model_copy(update={"reasons": reasons})
    recipe = groups.filtered(recipe)
    recipe = with_environment([ws.root], template_switches.noted(_with_reward_model(ws, recipe)))
    if training and recipe.data.train:
        rows, items = guardrail.refuse_leak(recipe)
        guardrail.refuse_leaks(ws, recipe)
        from cockpit.core.recipe import mini_eval
        from cockpit.services.recipe import fit_batch

        recipe = fit_batch.lowered(_of_pairs(_with_gold(recipe)), overrides, config.recipes)
        asked = asked_for(request.technique, overrides, config.recipes)
        asked |= {f"mid_eval.{name}": value for name, value in config.sections["mid_eval"].items()}
        recipe = mini_eval.fitted(recipe, items=items, rows=rows, asked=asked)
    return recipe


def _with_gold(recipe: Recipe) -> Recipe:
    """Says which of the training rows' own gold answers the verifier refuses, where they are what is rewarded.

    Raises CockpitError where it takes none of them.
    """
    from cockpit.verifiers import load

    if recipe.technique not in SAMPLING or recipe.data.train is None or not rewards_by_verifier(recipe):
        return recipe
    try:
        verifier = load(recipe.verifier)
    except ValueError:
        return recipe  # the launch says what is wrong with it
    check = gold.training_check(
        (row for _, row in iter_rows(recipe.data.train)), verifier, recipe.data.columns
    )
    said = gold.careful(check, recipe.verifier) if check is not None else ""
    if check is not None and said and check.share == 0.0:
        raise CockpitError(
            said,
            "Choose the verifier that fits the answers: nothing could ever be rewarded.",
            file=recipe.data.train,
        )
    return recipe.model_copy(update={"reasons": {**recipe.reasons, "verifier": said}}) if said else recipe


def _of_pairs(recipe: Recipe) -> Recipe:
    """Says so where SFT learns from preference pairs: half of what is in them."""
    assert recipe.data.train is not None
    _, row = next(iter_rows(recipe.data.train))
    sides = [value(row, side, recipe.data.columns) for side in ("chosen", "rejected")]
    if recipe.technique != "sft" or None in sides:
        return recipe
    why = "the better answer of each pair is learnt, the worse one is not used; dpo learns from both"
    return recipe.model_copy(update={"reasons": {**recipe.reasons, "data.train": why}})


def with_environment(roots: Sequence[Path], recipe: Recipe) -> Recipe:
    """The interpreter of the environment that the recipe needs, unless it names one: the first that is ready of those
    that belong to the workspaces at `roots`. Raises CockpitError where none is."""
    from cockpit.services.system import environments

    if recipe.resources.python or recipe.resources.command:
        return recipe
    needed = [environments.for_technique(root, recipe.technique) for root in roots]
    what, otherwise = recipe.technique.upper(), "With a verifier, GRPO and RLOO need none."
    if recipe.trainer.get("use_vllm") and importlib.util.find_spec("vllm") is None:
        needed = [environments.look(root, "vllm") for root in roots]
        what, otherwise = "use_vllm", "Without use_vllm, transformers generates."
    known = [environment for environment in needed if environment is not None]
    if not known:
        return recipe
    ready = next((environment for environment in known if environment.ready), None)
    if ready is None:
        raise CockpitError(
            f"{what} needs an environment of its own: {known[0].description}",
            f"Make it, once: cockpit env add {known[0].name}. {otherwise}",
        )
    resources = recipe.resources.model_copy(update={"python": str(ready.python)})
    return recipe.model_copy(update={"resources": resources})


def _with_reward_model(ws: Workspace, recipe: Recipe) -> Recipe:
    """Experiments named as reward models become their best checkpoints' folders. Raises CockpitError."""
    trainer = dict(recipe.trainer)
    named = trainer.get("reward_model_path")
    if recipe.technique == "ppo" and not named:
        raise CockpitError(
            "PPO needs a reward model",
            "Train one (cockpit new reward --data PAIRS …), then say reward_model_path=exp_NNNN.",
        )
    if isinstance(named, str):
        trainer["reward_model_path"] = _reward_model(ws, named)
    rewards = [
        part.model_copy(update={"source": "model:" + _reward_model(ws, part.source.removeprefix("model:"))})
        if part.source.startswith("model:")
        else part
        for part in recipe.rewards
    ]
    return recipe.model_copy(update={"trainer": trainer, "rewards": rewards})


def _reward_model(ws: Workspace, named: str) -> str:
    if Path(named).expanduser().is_dir():
        return str(Path(named).expanduser().resolve())
    view = ws.experiment(named.partition("@")[0])
    if view.technique != "reward":
        raise CockpitError(
            f"{view.id} is {view.technique}, not a reward model", "Name an experiment of technique reward."
        )
    return str(warm_start.find(ws, named).folder)


def _data(config: WorkspaceConfig, request: DraftRequest, *, training: bool) -> dict[str, Any]:
    """The recipe's data section: files with the hash of their content, and what their columns are read as."""
    data: dict[str, Any] = dict(config.sections["data"])
    for name, path in (("held_out", config.held_out), ("mini_eval", config.mini_eval)):
        data[name] = str(path)
        data[f"{name}_hash"] = datasets.content_hash(path)
    train = (request.train.resolve() if request.train else config.train) if training else None
    data["train"] = str(train) if train else None
    if train is not None:
        if request.technique != "custom":
            data["columns"] = datasets.read_as(train, request.technique, data.get("columns"))
        data["train_hash"] = datasets.content_hash(train)
    return data


def tracker(environment: Mapping[str, str]) -> str:
    """The tracker that the environment asks for, first match; none is never invented (source text)."""
    return next((name for variable, name in stack.TRACKERS if environment.get(variable)), "none")


def write(ws: Workspace, recipe: Recipe, *, now: float) -> Recipe:
    """Give the recipe an id of its own and put the draft on the disk; two who draft at once get two ids.

    Nothing is left of a draft that can't be written.
    """
    ws.refuse_moves()
    taken = ws.experiment_ids()
    number = max((int(id_[4:]) for id_ in taken), default=0) + 1
    if recipe.technique == "baseline" and BASELINE_ID not in taken:
        number = int(BASELINE_ID[4:])  # its id is its own, also where experiments were drafted before it
    ws.layout.experiments.mkdir(parents=True, exist_ok=True)
    while True:
        layout = ws.layout.experiment(f"exp_{number:04d}")
        try:
            layout.root.mkdir()
            break
        except FileExistsError:
            number += 1
    recipe = recipe.model_copy(update={"experiment_id": layout.root.name})
    recipe = draft_secrets.without_secrets(recipe, ws)
    try:
        _fill(layout, recipe, now)
    except BaseException:
        shutil.rmtree(layout.root, ignore_errors=True)
        raise
    return recipe


def _words(command: str) -> list[str]:
    """A command's words as a shell would split them; variables that are set before the program are set by `env`."""
    words = shlex.split(command)
    return ["env", *words] if words and re.fullmatch(r"(?s)[A-Za-z_]\w*=.*", words[0]) else words


def _fill(layout: ExperimentLayout, recipe: Recipe, now: float) -> None:
    warm_start.pin(recipe)
    recipe.dump(layout.draft)
    atomic.write_json(
        layout.record,
        {
            "v": 1,
            "id": recipe.experiment_id,
            "parent": recipe.parent,
            "technique": recipe.technique,
            "lora": recipe.peft is not None,
            "hypothesis": recipe.hypothesis,
            "model": recipe.model.name_or_path,
            "verifier": recipe.verifier,
            "warm_start_from": recipe.model.warm_start_from or recipe.model.warm_start,
            "created": now,
            "decision": None,
            "smoke": None,
        },
    )


@contextmanager
def written(ws: Workspace, recipe: Recipe, *, now: float) -> Generator[Recipe]:
    """Write the draft for a block that ends the move; if that raises, the draft is taken away again."""
    recipe = write(ws, recipe, now=now)
    try:
        yield recipe
    except BaseException:
        layout = ws.layout.experiment(recipe.experiment_id)
        if not layout.attempt(1).root.exists():  # somebody saw it, and launched it
            shutil.rmtree(layout.root, ignore_errors=True)
        raise
