"""Whether an experiment may be run once more, and what to do where it may not."""

from __future__ import annotations

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.core.runs import attempt_limit
from cockpit.core.runs.evidence import ProcessFacts
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def refuse_more(ws: Workspace, view: ExperimentView) -> None:
    """One attempt at training scale; core/runs/attempt_limit says what may be tried again. Raises CockpitError."""
    from cockpit.contract.recipe import Recipe  # pydantic: only where somebody launches

    if view.attempt is None or view.attempt.state == "queued":
        return
    if view.status == "running":
        raise CockpitError(f"{view.id} runs already", f"`cockpit stop {view.id}` ends it.")
    attempt = ws.attempt_dir(view.id)
    why = attempt_limit.refusal(
        view.attempt.state,
        step=view.attempt.step,
        lasted=_lasted(attempt) if attempt else None,
        attempts=view.attempts,
        allowed=Recipe.load(ws.layout.experiment(view.id).draft).budget.attempts,
        decided=view.decision is not None,
    )
    if why:
        over = view.decision is not None or view.attempt.state in ("finished", "early_stopped")
        resume = "" if over else f"Resume it (`cockpit resume {view.id}`), or drop it. "
        raise CockpitError(
            f"{view.id} has had its attempt ({view.attempt.state}): {why}", f"{resume}{next_move(view)}"
        )


def next_move(view: ExperimentView) -> str:
    """What comes after a result that did not hold: another hypothesis, from where this one branched."""
    if view.id == BASELINE_ID:
        return f"`cockpit score {view.id}` scores it again; `cockpit new TECHNIQUE` is the next move."
    again = f"`cockpit new TECHNIQUE --parent {view.parent or BASELINE_ID} -m …`"
    if view.decision is not None:
        return f"Another hypothesis from its parent: {again}."
    return f"Discard it (`cockpit discard {view.id} -m …`), then another hypothesis from its parent: {again}."


def _lasted(attempt: AttemptLayout) -> float | None:
    """Seconds from the attempt's first sign of life to its last; None where there was none."""
    facts = ProcessFacts.from_json(atomic.read_json(attempt.process))
    times = [row.get("time") for row in read_rows(attempt.events)]
    times += [facts.started, facts.ended] if facts else []
    known = [float(time) for time in times if isinstance(time, int | float)]
    return max(known) - min(known) if len(known) > 1 else None
