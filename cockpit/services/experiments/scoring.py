"""Score an experiment on what it never trained on: the full held-out pass, and several sampled answers an item."""

from __future__ import annotations

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID
from cockpit.contract.values import mapping
from cockpit.services.experiments import catch_up, lifecycle
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
