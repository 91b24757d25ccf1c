"""Will it fit here: the model's own sizes, the recipe's plan, the memory of this machine; nothing is loaded."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract import serving as servers
from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.core.recipe import serving
from cockpit.core.recipe.memory import (
    Change,
    Device,
    Estimate,
    Fit,
    Plan,
    Shape,
    changes,
    estimate,
    plan_of,
)
from cockpit.data.reading.files import iter_rows
from cockpit.services.dataset import measure
from cockpit.services.workspace import smoke_verdict
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.core.recipe.pace import Pace

_HEADER = 100 << 20  # a safetensors header beyond this is not one
_ROWS = 5_000
_TRL_UTILIZATION = 0.3  # TRL's default of vllm_gpu_memory_utilization


@dataclass(frozen=True, slots=True)
class Fitted:
    """The estimate, each device's verdict, the changes that would make it fit, and the time where it was measured."""

    plan: Plan
    estimate: Estimate
    fits: tuple[Fit, ...]
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    pace: Pace | None = None
    shares: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def best(self) -> Fit | None:
        """The device with the most room."""
        return min(self.fits, key=lambda fit: fit.share, default=None)


def of(ws: Workspace, experiment_id: str, *, hourly: float | None = None) -> Fitted:
    """The fit of an experiment's draft, with a time once a smoke run has measured a step. Raises CockpitError."""
    from cockpit.contract.recipe import Recipe

    recipe = Recipe.load(ws.layout.experiment(ws.experiment(experiment_id).id).draft)
    last = smoke_verdict.last(ws, experiment_id)
    if last is None or not last.current:
        return of_recipe(recipe, hourly=hourly)
    return of_recipe(recipe, step_time=last.step_time, batch_time=last.batch_time, hourly=hourly)


def of_recipe(
    recipe: Recipe,
    *,
    step_time: float | None = None,
    batch_time: float | None = None,
    hourly: float | None = None,
) -> Fitted:
    """The fit of a resolved recipe on this machine. Raises CockpitError where the model's sizes are unknown."""
    from cockpit.core.recipe.pace import pace

    shape, notes = shape_of(recipe.model.name_or_path)
    devices, gpu = here()
    longest, rows = _data(recipe, notes)
    devices = _beside(recipe, shape, devices, notes, gpu=gpu)
    plan = plan_of(recipe, gpu=gpu, longest=longest)
    whole = estimate(shape, plan)
    fits = tuple(Fit(device, whole.total) for device in devices)
    room = max((device.free for device in devices), default=0)
    fixes = changes(shape, plan, room) if room else []
    time = None
    if step_time and rows:
        evals, last = (
            _answering(recipe, path, batch_time) for path in (recipe.data.mini_eval, recipe.data.held_out)
        )
        time = pace(recipe, rows, step_time, eval_time=evals, pass_time=last, hourly=hourly)
    return Fitted(plan, whole, fits, tuple(fixes), tuple(notes), time)


def _beside(
    recipe: Recipe, shape: Shape, devices: list[Device], notes: list[str], *, gpu: bool
) -> list[Device]:
    """The devices without what vLLM takes there beside the run: rollouts in its process, or a server for mini-evals."""
    trainer = recipe.trainer
    if trainer.get("use_vllm") and trainer.get("vllm_mode", "colocate") == "colocate" and gpu:
        told = trainer.get("vllm_gpu_memory_utilization", _TRL_UTILIZATION)
        part = float(told) if isinstance(told, int | float) else _TRL_UTILIZATION
        notes.append(f"vLLM takes {part:.0%} of each GPU besides (vllm_gpu_memory_utilization).")
        return [replace(device, free=max(0, device.free - int(part * device.total))) for device in devices]
    if recipe.mid_eval.engine == "vllm" and devices and servers.why_not(recipe) is None:
        model = servers.model_of(recipe)
        if servers.kept(servers.layout_for(model, servers.model_digest(model))):
            return devices  # what it takes is not free already
        weights = shape.counted * (2 if gpu else 4)
        share = serving.share(weights, gpu_total=devices[0].total if gpu else None)
        notes.append(f"The server for mini-evals takes {share.description}, besides.")
        if len(devices) == 1:
            return [replace(devices[0], free=max(0, devices[0].free - share.bytes))]
    return devices


def here() -> tuple[list[Device], bool]:
    """The GPUs that are there, else this machine's memory; and whether they are GPUs."""
    from cockpit.services.system.hardware import Hardware

    machine = Hardware()
    try:
        seen = machine.sample()
    finally:
        machine.close()
    gpus = [
        Device(f"GPU {gpu.index} {gpu.name}", gpu.memory_total, gpu.memory_total - (gpu.memory_used or 0))
        for gpu in seen.gpus
        if gpu.memory_total
    ]
    if gpus:
        return gpus, True
    total, used = seen.memory_total or 0, seen.memory_used or 0
    return ([Device("this machine's memory", total, max(0, total - used))] if total else []), False


def shape_of(model: str) -> tuple[Shape, list[str]]:
    """The sizes of a local model, or one in the hub's cache. Raises CockpitError where they can't be read."""
    config = measure.model_file(model, "config.json")
    value = atomic.read_object(config) if config is not None else None
    if value is None or config is None:
        raise CockpitError(
            f"the sizes of {model} are not known here: its config.json is not on this machine",
            "Fetch the model first, or let the smoke run show whether it fits.",
        )
    counted = _counted(config.parent)
    shape = Shape.from_config(value, counted)
    if shape is None:
        raise CockpitError(
            "this config.json names no sizes of a decoder", "Let the smoke run show it.", file=config
        )
    return shape, [] if counted else ["The weights were counted by the shape, not in the files."]


def _counted(folder: Path) -> int | None:
    """Weights in the safetensors files, from their headers."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with untrusted.opened(path) as handle:
                (size,) = struct.unpack("<Q", handle.read(8))
                header: object = untrusted.parse(handle.read(size)) if size < _HEADER else None
        except (OSError, ValueError, struct.error):
            return None
        if not isinstance(header, dict):
            return None
        for name, entry in cast("dict[str, Any]", header).items():
            if name != "__metadata__":
                weights = 1
                for side in entry.get("shape", ()):
                    weights *= int(side)
                total += weights
    return total or None


def _data(recipe: Recipe, notes: list[str]) -> tuple[int | None, int]:
    """The longest row in tokens (estimated without a tokenizer) and the number of rows."""
    from cockpit.services.dataset.inspect import CHARACTERS_A_TOKEN, inspect

    if recipe.data.train is None:
        return None, 0
    local = Path(recipe.model.name_or_path) / "tokenizer.json"
    seen = inspect(recipe.data.train, tokenizer=str(local) if local.is_file() else None, limit=_ROWS)
    lengths = seen.profile.prompt_lengths if recipe.technique in ("grpo", "rloo") else seen.profile.lengths
    longest = lengths.longest
    if seen.measured.unit != "tokens":
        longest = -(-longest // CHARACTERS_A_TOKEN)
        notes.append("Lengths are estimated from characters: no tokenizer is at hand.")
    if seen.pictures.images:
        notes.append("Images are not counted: their tokens, and the part that sees them, come on top.")
    rows = seen.profile.rows if seen.complete else _count(recipe.data.train)
    return longest + 24 or None, rows  # a chat template adds a few tokens a turn


def longest_row(recipe: Recipe) -> int | None:
    """The longest row of the training data in tokens, as the estimate reads it. Raises CockpitError."""
    return _data(recipe, [])[0]


def _answering(recipe: Recipe, items: str, batch_time: float | None) -> float:
    """Seconds that it takes to answer a file of items; 0 where nobody measured it."""
    return (batch_time or 0.0) * math.ceil(_count(items) / recipe.generation.batch_size)


def _count(path: str) -> int:
    return sum(1 for _ in iter_rows(path))
