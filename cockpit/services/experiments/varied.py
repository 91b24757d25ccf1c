"""An experiment made anew but for a few settings: what it takes over from the one that it varies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.techniques import GROUPED
from cockpit.contract.values import mapping, whole
from cockpit.core.findings import Finding
from cockpit.core.recipe.settings import shown
from cockpit.services.experiments import lifecycle
from cockpit.services.rules import workspace_findings
from cockpit.services.workspace.workspace import ExperimentView, Workspace

_SECTIONS = ("model", "generation", "mid_eval", "budget", "resources", "slurm")
_ELSEWHERE = {
    "mid_eval.baseline",
    "model.name_or_path",
    "model.adapter",
    "model.warm_start",
    "model.warm_start_from",
}
"""Of the attempt, of the workspace, or of where it begins, which is said in words of its own."""


@dataclass(frozen=True, slots=True)
class Varied:
    """What stays as it was: data, settings as dotted overrides, and where it started (None: the base)."""

    technique: str
    train: Path | None
    lora: bool
    begun: str | None
    kept: Mapping[str, Any]

    def new(
        self, ws: Workspace, changed: Mapping[str, Any], *, parent: str | None, hypothesis: str
    ) -> ExperimentView:
        """Draft it with `changed` in place of what was. Raises CockpitError; nothing is left then."""
        return lifecycle.new(
            ws, self.technique, hypothesis=hypothesis, parent=parent, train=self.train, lora=self.lora,
            overrides={**self.kept, **changed}, warm_start=self.begun, fresh=self.begun is None,
        )  # fmt: skip


def of(ws: Workspace, view: ExperimentView, *, train: Path | None = None, lora: bool | None = None) -> Varied:
    """What an experiment made of `view` takes over, data or weights given otherwise. Raises CockpitError."""
    file = ws.layout.experiment(view.id).draft
    recipe = atomic.read_object(file)
    if recipe is None:
        raise CockpitError(f"the recipe of {view.id} can't be read", file=file)
    lora = view.lora if lora is None else lora
    kept: dict[str, Any] = dict(mapping(recipe.get("trainer")))
    for section in _SECTIONS:
        kept |= _other_than(ws.config.sections[section], recipe, section)
    kept |= _other_than({}, recipe, "peft") if lora else {}
    if not lora:
        kept.pop("model.load_in_4bit", None)  # is for an adapter on top
    if recipe.get("launcher"):
        kept["launcher"] = recipe["launcher"]
    data, own = mapping(recipe.get("data")), ws.config.sections["data"]
    for name in ("chat_template_kwargs", "system_prompt", *(() if train else ("columns",))):
        if (data.get(name) or None) != (own.get(name) or None):
            kept[f"data.{name}"] = data.get(name)
    kept["seed"] = recipe.get("seed", 0)
    if recipe.get("rewards"):
        kept["rewards"] = recipe["rewards"]
    model = mapping(recipe.get("model"))
    begun = model.get("warm_start_from") or model.get("warm_start")
    if begun and model.get("adapter") == "merge":
        kept["model.adapter"] = "merge"
    named = data.get("train")
    return Varied(view.technique, train or (Path(named) if named else None), lora, begun, kept)


def _other_than(own: Mapping[str, Any], recipe: Mapping[str, Any], section: str) -> dict[str, Any]:
    """The section's settings that are not the workspace's own anyway."""
    return {
        f"{section}.{name}": value
        for name, value in mapping(recipe.get(section)).items()
        if value != own.get(name) and f"{section}.{name}" not in _ELSEWHERE
    }


def from_finding(ws: Workspace, key: str) -> ExperimentView:
    """A child of the experiment that the finding of this key is about, with the finding's change. Raises CockpitError.

    It starts where that experiment started: what went wrong in its weights is not to be gone on with.
    """
    found = workspace_findings.workspace_findings(ws, _about(key), look=False)
    finding = next((finding for finding in found if finding.key == key), None)
    if finding is None:
        raise CockpitError(
            f"there is no finding {key!r} now", "`cockpit findings` lists them with their drafts."
        )
    return of_finding(ws, finding)


def of_finding(ws: Workspace, finding: Finding) -> ExperimentView:
    """The same, of the finding itself. Raises CockpitError where no setting is its cure."""
    if not finding.change or not finding.experiments:
        raise CockpitError(f"no setting is the cure of {finding.key!r}", finding.next_step)
    view = ws.experiment(finding.experiments[-1])
    varied = of(ws, view)
    changed = {**finding.change, **_whole_groups(varied, finding.change)}
    return varied.new(ws, changed, parent=view.id, hypothesis=hypothesis(finding))


def hypothesis(finding: Finding) -> str:
    """What is expected of the draft, in a line: that the change cures what was found."""
    settings = ", ".join(f"{name}={shown(value)}" for name, value in finding.change.items())
    return f"with {settings} no {finding.rule}, which {finding.experiments[-1]} had: {finding.headline}"


def _about(key: str) -> str | None:
    """The experiment that a finding's key names last; None where it names none."""
    return key.partition(":")[2].rpartition(",")[2] or None


def _whole_groups(varied: Varied, change: Mapping[str, Any]) -> dict[str, Any]:
    """More passes for a larger group, so that whole groups go into a batch (TRL asks for that)."""
    group = whole(change.get("num_generations"))
    batch = whole(varied.kept.get("per_device_train_batch_size"))
    passes = whole(varied.kept.get("gradient_accumulation_steps"))
    if varied.technique not in GROUPED or not group or not batch or not passes or batch * passes % group == 0:
        return {}
    each = group // math.gcd(group, batch)
    return {"gradient_accumulation_steps": -(-passes // each) * each}
