"""What a smoke run said of an experiment, as it is kept: the newest verdict, and whether it is about this recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout, ExperimentLayout
from cockpit.contract.values import mapping, number
from cockpit.core.group_signal import BaseRate
from cockpit.core.smoke.verdict import SmokeVerdict
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

VERDICT = "verdict.json"


@dataclass(frozen=True, slots=True)
class Smoke:
    """One finished smoke run: its verdict, what was measured, where it lies, and whether it is about this recipe."""

    verdict: SmokeVerdict
    folder: Path
    step_time: float | None
    batch_time: float | None
    seconds: float | None
    peak_bytes: int | None
    current: bool

    @property
    def opens(self) -> bool:
        """Whether the gate is open: green, and for the recipe as it stands."""
        return self.verdict.green and self.current


def last(ws: Workspace, experiment_id: str) -> Smoke | None:
    """The newest smoke run that was judged, or None; `current` says whether the recipe is still the same."""
    from cockpit.contract.recipe import Recipe

    layout = ws.layout.experiment(experiment_id)
    attempt = latest(layout)
    fields = atomic.read_object(attempt.root / VERDICT) if attempt is not None else None
    if attempt is None or fields is None:
        return None
    try:
        current = fields.get("recipe") == fingerprint(Recipe.load(layout.draft))
    except CockpitError:
        current = False
    verdict = SmokeVerdict.from_dict(fields)
    return Smoke(
        verdict,
        attempt.root,
        number(fields.get("step_time")),
        number(fields.get("batch_time")),
        number(fields.get("seconds")),
        int(fields["peak_bytes"]) if fields.get("peak_bytes") else None,
        current,
    )


def base_rate(ws: Workspace, recipe: Recipe | None = None) -> BaseRate | None:
    """How often the untouched base passed when the newest RL smoke run sampled it (asked as `recipe` asks), or None."""
    wanted = _asked(recipe.model_dump(mode="json")) if recipe is not None else None
    for id_ in sorted(ws.experiment_ids(), reverse=True):
        layout = ws.layout.experiment(id_)
        attempt = latest(layout)
        kept = mapping(atomic.read_json(attempt.root / VERDICT)) if attempt is not None else {}
        rate, answers = number(kept.get("base_pass_rate")), number(kept.get("rollouts"))
        draft = mapping(atomic.read_json(layout.draft)) if answers else {}
        same = wanted is None or _asked(draft) == wanted
        if rate is not None and answers and same and not mapping(draft.get("model")).get("warm_start"):
            return BaseRate(rate, int(answers), "sampled")
    return None


def _asked(recipe: Mapping[str, object]) -> list[object]:
    """What a pass rate depends on besides the model: the rows, how they are shown, room for an answer, the judge."""
    data, trainer = mapping(recipe.get("data")), mapping(recipe.get("trainer"))
    shown = [data.get(name) for name in ("train_hash", "columns", "system_prompt", "chat_template_kwargs")]
    room = [mapping(recipe.get("generation")).get("max_new_tokens"), trainer.get("max_completion_length")]
    return [recipe.get("verifier"), *shown, *room]


def folder(layout: ExperimentLayout) -> Path:
    """Where an experiment's smoke runs lie, numbered."""
    return layout.root / "smoke"


def latest(layout: ExperimentLayout) -> AttemptLayout | None:
    """The newest smoke run of the experiment, or None."""
    made = numbers(layout)
    return AttemptLayout(folder(layout) / f"{made[-1]:03d}") if made else None


def numbers(layout: ExperimentLayout) -> list[int]:
    """Return the numbers of its smoke runs, in order."""
    try:
        return sorted(int(path.name) for path in folder(layout).iterdir() if path.name.isdigit())
    except OSError:
        return []


def fingerprint(recipe: Recipe) -> str:
    """What a verdict is about: everything of the recipe but its words and the attempt's number."""
    kept = recipe.model_dump(
        mode="json", exclude={"attempt", "hypothesis", "parent", "experiment_id", "report_to", "reasons"}
    )
    kept["mid_eval"].pop("baseline", None)
    kept["resources"].pop("cuda_visible_devices", None)  # which GPU was free says nothing of the recipe
    for name in ("filter_samples", "filter_band"):  # settings that older recipes don't know
        if kept["data"].get(name) is None:
            kept["data"].pop(name, None)
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
