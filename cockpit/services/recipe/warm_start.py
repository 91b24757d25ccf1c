"""Where an experiment starts: from the base, from another experiment's best checkpoint, or from one in its middle.

`exp_0003` is its best checkpoint, `exp_0003@40` (or `@step_000040`) the one at that step, `exp_0003@base` the base
model in spite of that parent; a folder is a folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError, why
from cockpit.contract.layout import BASELINE_ID, PIN, AttemptLayout
from cockpit.services.workspace.workspace import ExperimentView, Workspace, latest_attempt

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

ADAPTER = "adapter_config.json"
OF_AN_ADAPTER = ("r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "use_dora")
NOT_A_POLICY = ("baseline", "custom", "reward")
_STEP = re.compile(r"(?:step_)?(\d{1,18})")
_BASE = "base"


@dataclass(frozen=True, slots=True)
class Start:
    """A checkpoint to go on from; `origin` is its experiment, and step, where it has one."""

    folder: Path
    origin: str | None

    @property
    def model(self) -> dict[str, str | None]:
        """What stands in the recipe's model section."""
        return {"warm_start": str(self.folder), "warm_start_from": self.origin}

    @property
    def adapter(self) -> dict[str, Any] | None:
        """The adapter's own settings; None for full weights."""
        return atomic.read_object(self.folder / ADAPTER)


def choose(
    ws: Workspace, parent: str | None, warm_start: str | None, *, fresh: bool, technique: str
) -> tuple[str | None, str | None]:
    """Return the parent's id and what to start from (None: the base). Raises CockpitError for contradictory requests.

    Training goes on from a committed parent unless `fresh`: training from the base what the parent has learned
    would do the same work twice (source text, "Warm-start").
    """
    name, _, at = (parent or "").partition("@")
    if at and warm_start:
        raise CockpitError(
            f"the parent says where to start (@{at}), and so does the warm start", "Give one of them."
        )
    fresh = fresh or at == _BASE
    if fresh and (warm_start or at not in ("", _BASE)):
        raise CockpitError("fresh from the base and a warm start exclude each other", "Give one of them.")
    if at and not fresh:
        warm_start = parent
    if warm_start and not name:
        name = warm_start.partition("@")[0] if not Path(warm_start).is_dir() else ""
    view = ws.experiment(name) if name else None
    if view is None:
        return (BASELINE_ID if BASELINE_ID in ws.experiment_ids() else None), warm_start
    if warm_start is None and not fresh and technique not in NOT_A_POLICY and _is_ground(ws, view):
        warm_start = view.id
    return view.id, warm_start


def _is_ground(ws: Workspace, view: ExperimentView) -> bool:
    attempt = latest_attempt(ws.layout.experiment(view.id))
    committed = view.decision is not None and view.decision.status == "committed"
    policy = view.technique not in NOT_A_POLICY
    return policy and committed and attempt is not None and attempt.best.exists()


def find(ws: Workspace, text: str) -> Start:
    """The checkpoint that `text` names. Raises CockpitError naming those that there are."""
    name, _, step = text.partition("@")
    if Path(text).expanduser().is_dir():
        folder = Path(text).expanduser().resolve()
        if not (folder / ADAPTER).is_file() and not (folder / "config.json").is_file():
            raise CockpitError("this folder holds neither a model nor an adapter", file=folder)
        return Start(folder, None)
    view = ws.experiment(name)
    attempt = latest_attempt(ws.layout.experiment(view.id))
    if attempt is None:
        raise CockpitError(f"{view.id} has not run, so it has no checkpoint", "Start from another one.")
    found = _STEP.fullmatch(step)
    folder = attempt.checkpoint(int(found[1])) if found else attempt.best
    if (step not in ("", "best") and not found) or not folder.exists():
        raise CockpitError(f"{view.id} has no checkpoint {step or 'best'}", f"There are: {_there(attempt)}.")
    folder = folder.resolve()
    at = _STEP.fullmatch(folder.name)
    return Start(folder, f"{view.id}@{int(at[1])}" if at else view.id)


def _there(attempt: AttemptLayout) -> str:
    return ", ".join(sorted(path.name for path in attempt.checkpoints.glob("step_*"))) or "none"


def settings(
    start: Start,
    model: str,
    overrides: Mapping[str, Any] | Sequence[str],
    lora: bool | None,
    experiments: Path,
) -> tuple[dict[str, Any], bool | None]:
    """Overrides and LoRA switch that go with `start`, the recipe to tell the truth of the adapter that is trained.

    An adapter is trained on as it is, unless `model.adapter=merge` begins a new one on top of it; with full weights it
    is merged. Raises CockpitError for settings that the adapter doesn't have, and for an adapter of another base.
    """
    from cockpit.core.recipe import recipes

    asked = dict(overrides) if isinstance(overrides, Mapping) else recipes.parse_overrides(overrides)
    adapter = start.adapter
    if adapter is None:
        if asked.get("model.adapter") is not None:
            raise CockpitError(
                "model.adapter is about a warm start that is an adapter, and this one is full weights",
                "Leave it out.",
                file=start.folder,
            )
        return asked, lora
    base = str(adapter.get("base_model_name_or_path") or model)
    if base != model and not Path(base).is_relative_to(experiments.resolve()):
        raise CockpitError(
            f"this adapter was trained on {base}, and the workspace's model is {model}",
            "Start from an adapter of the same base.",
            file=start.folder,
        )
    if lora is False or ("peft" in asked and asked["peft"] is None):
        return {**asked, "model.adapter": "merge"}, lora
    if asked.get("model.adapter") == "merge":
        return asked, lora
    for name in OF_AN_ADAPTER:
        own = adapter.get(name)
        if own is None:
            continue
        own = sorted(cast("list[str]", own)) if isinstance(own, list) else own
        if asked.get(f"peft.{name}", own) != own:
            raise CockpitError(
                f"peft.{name}={asked[f'peft.{name}']}, but the adapter that is trained on has {own}",
                "Leave it out, or say model.adapter=merge to begin a new adapter on top of it.",
                file=start.folder,
            )
        asked[f"peft.{name}"] = own
    return asked, True


def pin(recipe: Recipe) -> None:
    """Keep the recipe's start from being rotated away, for as long as the file stands there. Raises CockpitError."""
    if recipe.model.warm_start is None or recipe.model.warm_start_from is None:
        return
    folder = Path(recipe.model.warm_start)
    try:
        with (folder / PIN).open("a") as handle:
            handle.write(f"{recipe.experiment_id}\n")
    except OSError as error:
        raise CockpitError(
            f"the checkpoint to start from can't be kept: {why(error)}",
            "It may just have been rotated away: choose another one.",
            file=folder,
        ) from error


def check_there(recipe: Recipe) -> None:
    """Refuse a launch whose start is gone. Raises CockpitError."""
    place = recipe.model.warm_start
    if place and Path(place).is_absolute() and not Path(place).is_dir():
        raise CockpitError(
            f"the checkpoint that {recipe.experiment_id} starts from is gone",
            "Make a new experiment from another checkpoint.",
            file=place,
        )
