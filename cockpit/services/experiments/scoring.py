"""Score an experiment on what it never trained on: the full held-out pass, and several sampled answers an item."""

from __future__ import annotations

import math
from collections.abc import Iterable

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.values import mapping, number
from cockpit.data.reading.files import iter_rows
from cockpit.services.experiments import catch_up, lifecycle
from cockpit.services.workspace import smoke_verdict
from cockpit.services.workspace.workspace import ExperimentView, Workspace

MOST_SAMPLES, HOTTEST = 256, 2.0


def score(
    ws: Workspace, experiment_id: str, *, samples: int = 1, temperature: float | None = None
) -> ExperimentView:
    """The full held-out pass on the best checkpoint, as a process of its own. Raises CockpitError.

    With `samples` so many answers an item are sampled, for pass@k: beside the score that counts, which stays.
    """
    ws.refuse_moves()
    view = ws.experiment(experiment_id)
    arguments = _sampling(ws, view, samples, temperature)
    if view.id == BASELINE_ID and view.attempt is None:
        if arguments:
            raise CockpitError(
                f"{view.id} has no score yet to sample beside", "Score it once without --samples."
            )
        return lifecycle.launch(ws, view.id)
    catch_up.before_move(ws)
    attempt = lifecycle.settled(ws, experiment_id)
    if view.technique != "baseline" and not attempt.best.exists():
        raise CockpitError(f"{view.id} has no checkpoint to score", f"`cockpit logs {view.id}` may say why.")
    lifecycle.again(ws, view.id, attempt, module="trainers.evaluate", arguments=arguments)
    return ws.experiment(view.id)


def expected(ws: Workspace, experiment_id: str) -> float | None:
    """Seconds that the full held-out pass will take, from answers that were timed; None where none were.

    The pass that was made before counts first, then the smoke run's answers, then another experiment's pass.
    """
    items = sum(1 for _ in iter_rows(ws.config.held_out))
    views = ws.experiments()
    own = [view for view in views if view.id == experiment_id]
    smoke = smoke_verdict.last(ws, experiment_id)
    if (known := _timed(own, items)) is not None:
        return known
    if smoke is not None and smoke.batch_time:
        batch = mapping(ws.recipe_of(own[0]).get("generation")).get("batch_size") if own else None
        return smoke.batch_time * math.ceil(items / (batch if isinstance(batch, int) and batch > 0 else 16))
    return _timed([view for view in views if view.id != experiment_id], items)


def _timed(views: Iterable[ExperimentView], items: int) -> float | None:
    """What a pass over `items` takes by the newest of these whose pass was timed."""
    for view in reversed([view for view in views if view.attempt_dir is not None]):
        assert view.attempt_dir is not None
        told = atomic.read_object(AttemptLayout(view.attempt_dir).held_out / "score.json") or {}
        seconds, n = number(told.get("seconds")), number(told.get("n"))
        if seconds and n and not told.get("samples", 1) > 1:
            return seconds / n * items
    return None


def _sampling(
    ws: Workspace, view: ExperimentView, samples: int, temperature: float | None
) -> tuple[str, ...]:
    """The scorer's arguments for several answers an item. Raises CockpitError for what can't be sampled."""
    if samples == 1:
        if temperature is None:
            return ()
        raise CockpitError(
            "--temperature is how several answers are sampled",
            "Say how many with --samples, or set [generation] temperature in cockpit.toml for all scores.",
        )
    if not 2 <= samples <= MOST_SAMPLES:
        raise CockpitError(
            f"--samples {samples}: it is 2 to {MOST_SAMPLES} answers an item", "Say fewer or more."
        )
    if view.technique == "reward":
        raise CockpitError(
            f"{view.id} is a reward model: it ranks answers and gives none", "Score it without --samples."
        )
    own = mapping(ws.recipe_of(view).get("generation")).get("temperature")
    heat = own if temperature is None and isinstance(own, int | float) else temperature
    if not heat or not 0 < heat <= HOTTEST:
        raise CockpitError(
            f"sampled answers need a temperature above 0 and up to {HOTTEST:g}: greedy ones are all alike",
            "Say --temperature 0.8 (0.6 to 1 is usual), the same for the runs that you compare.",
        )
    return ("--samples", str(samples), "--temperature", f"{heat:g}")
