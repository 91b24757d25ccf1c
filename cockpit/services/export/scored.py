"""Score what was exported, loaded by the runtime that it is for, on the items that the checkpoint was scored on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import last_event
from cockpit.core.scores import Score
from cockpit.services.export import parts, steps
from cockpit.services.runs import attempts, gpu_leases
from cockpit.services.system import hidden

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

FACTS = "runtime.json"


@dataclass(frozen=True, slots=True)
class Rescored:
    """The score, and what the runtime read otherwise."""

    score: Score
    read: Mapping[str, Any] = field(default_factory=dict[str, Any])


def rescored(
    recipe: Recipe, folder: Path, scratch: Path, *, python: str, say: steps.Say, gguf: Path | None = None
) -> Rescored:
    """Score `folder` (by llama.cpp from `gguf`, where there is one) in an attempt of its own. Raises CockpitError.

    Its GPU is held meanwhile, as that of a run.

    The experiment's own attempt stays as it is: a score of an export is no score of the experiment.
    """
    attempt = AttemptLayout(scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    mid_eval = recipe.mid_eval.model_copy(update={"engine": "transformers"})
    recipe = recipe.model_copy(update={"mid_eval": mid_eval, "report_to": "none"})
    env = {
        name: value
        for name, value in (recipe.resources.env or {}).items()
        if hidden.masked([value]) == [value]
    }
    with gpu_leases.hold(gpu_leases.need_of(recipe)) as held:
        recipe = held.pinned(recipe)
        parts.sign(scratch)  # the claim counts for as long as this process lives and the signature lies there
        held.record(scratch, f"the export of {recipe.experiment_id}")
    recipe.dump(attempt.recipe)
    if recipe.resources.cuda_visible_devices is not None:
        env["CUDA_VISIBLE_DEVICES"] = recipe.resources.cuda_visible_devices
    arguments = ["--checkpoint", str(folder), *(["--gguf", str(gguf)] if gguf else [])]
    try:
        ran = steps.evaluate(scratch, arguments, python=python, say=say, env=env)
    finally:
        attempt.process.unlink(missing_ok=True)
    score = attempts.read_score(attempt)
    if score is None or ran.code != 0:
        end = last_event(attempt.events, "end") or {}
        raise CockpitError(
            f"the export could not be scored: {(ran.code >= 0 and end.get('reason')) or ran.why}",
            "Mend that, or export it unscored with --no-score.",
        )
    return Rescored(score, atomic.read_object(scratch / FACTS) or {})


def of_checkpoint(attempt: AttemptLayout, checkpoint: Path) -> Score | None:
    """The held-out score that the checkpoint has; None where another one was scored."""
    named = (atomic.read_object(attempt.held_out / "score.json") or {}).get("checkpoint")
    if not isinstance(named, str) or (attempt.root / named).resolve() != checkpoint.resolve():
        return None
    return attempts.read_score(attempt)
