"""What each script does around `trainer.train(…)`: find where training begins, and say how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, stopping
from trainers.attempt import checkpoints, recovery
from trainers.attempt.attempt import Attempt
from trainers.attempt.checkpoints import EvalState
from trainers.attempt.ending import Ending
from trainers.attempt.signals import Stopped


def resume_point(attempt: Attempt) -> Path | None:
    """Return the checkpoint to go on from, the same in every process; None begins anew. Reports the stage.

    Raises Stopped where any process was asked to stop, CockpitError for a fresh start over earlier checkpoints.
    """
    # One answer for all: a node whose file system lags behind must not begin anew beside one that goes on.
    start = attempt.processes.from_first(_start(attempt) if attempt.processes.first else None)
    if attempt.processes.first:
        checkpoints.clear_unfinished(attempt.layout)
    if attempt.told_to_stop():
        raise Stopped
    where = f"from {start.name}" if start else ""
    attempt.enter("training", where)
    if not attempt.processes.first:  # the log of another node than the first has nothing else that says so
        print(f"== training in process {attempt.processes.rank} {where}".rstrip(), flush=True)
    return start


def _start(attempt: Attempt) -> Path | None:
    if not attempt.resume:
        newest = recovery.newest(attempt.layout)
        if newest is not None:
            raise CockpitError(
                f"this attempt already has checkpoints, up to {newest.name}",
                "Resume it, or make a new experiment.",
                file=attempt.layout.checkpoints,
            )
        return None
    if attempt.start is None:
        attempt.notice("There is no checkpoint to resume from: training begins anew.", "warning")
        return None
    attempt.notice(f"Resumed from {attempt.start.name}.")
    return attempt.start


def ending(attempt: Attempt, state: EvalState, step: int) -> Ending:
    """Return outcome and reason; and whether the full held-out pass is worth running (mid-eval >= baseline)."""
    facts: dict[str, Any] = {"step": step, "best_step": state.best_step, "best_score": state.best_score}
    if attempt.stop and not state.early_stopped:
        return Ending(
            "stopped", attempt.stop.reason or "", **facts, score_checkpoint=_answer_to_a_stop(attempt, state)
        )
    outcome, reason = "finished", f"All {step} steps are done."
    if state.early_stopped:
        outcome, reason = "early_stopped", state.stop_reason
    if state.best_score is None or state.best_step is None:
        attempt.notice(
            "No checkpoint was scored, so the full held-out pass is skipped.", "warning", "held_out"
        )
        return Ending(outcome, reason, **facts)
    baseline = attempt.recipe.mid_eval.baseline
    n = len(state.history[-1]) if state.history else 0
    lost = stopping.best_is_below(state.scores, n, baseline)
    if baseline is not None and lost and not attempt.orchestrator.wants_score:
        attempt.notice(
            f"The full held-out pass is skipped: the best mini-eval, {state.best_score:.3g} at step "
            f"{state.best_step}, is below the baseline's {baseline:.3g} out of the noise of {n} items.",
            about="held_out",
        )
        return Ending(outcome, reason, **facts)
    return Ending(outcome, reason, **facts, score_checkpoint=attempt.layout.checkpoint(state.best_step).name)


def _answer_to_a_stop(attempt: Attempt, state: EvalState) -> str | None:
    """Return the best checkpoint, or else the newest, where a stop must be answered with a score; else None."""
    if not attempt.orchestrator.wants_score:
        return None
    if state.best_step is not None:
        return attempt.layout.checkpoint(state.best_step).name
    newest = recovery.newest(attempt.layout)
    return newest.name if newest else None
