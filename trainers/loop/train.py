"""Train with the mid-eval, resume where asked, and say how it ended: the same for every technique."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from trainers.distributed import ranks, sharded
from trainers.loop import checkpoints
from trainers.loop.attempt import Attempt
from trainers.loop.checkpoints import EvalState
from trainers.loop.ending import Ending
from trainers.loop.mid_eval import MidEval
from trainers.loop.signals import Stopped
from trainers.report import evo
from trainers.report.telemetry import Telemetry
from trainers.scoring import slices


def fly(trainer: Any, attempt: Attempt, tokenizer: Any, *, use_cache: bool = True) -> Ending:
    """Run `trainer` to its end. Raises what training raises; a stop, early or asked for, is an `Ending`."""
    sharded.prepare(trainer, attempt)
    # One answer for all: a node whose file system lags behind must not begin anew beside one that goes on.
    start = ranks.from_first(resume_point(attempt) if ranks.RANK == 0 else None)
    items, verifier = slices.load(attempt, "mini_eval")
    mid_eval = MidEval(attempt, tokenizer, items, verifier, use_cache)
    mid_eval.trainer = trainer
    _replace_printer(trainer, Telemetry(attempt), mid_eval)
    _survive_full_disks(trainer, mid_eval)
    if ranks.RANK == 0:
        checkpoints.clear_unfinished(attempt.layout)
    if attempt.told_to_stop():
        raise Stopped
    where = f"from {start.name}" if start else ""
    attempt.enter("training", where)
    if ranks.RANK:  # the log of another node than the first has nothing else that says so
        print(f"== training in process {ranks.RANK} {where}".rstrip(), flush=True)
    try:
        if start is None or not _settled(trainer, attempt, mid_eval, start):
            trainer.train(resume_from_checkpoint=str(start) if start else None)
    finally:
        if ranks.RANK == 0:
            checkpoints.clear_unfinished(attempt.layout)
    ranks.part()
    return ending(attempt, mid_eval.state, trainer.state.global_step)


def resume_point(attempt: Attempt) -> Path | None:
    """The checkpoint to go on from. Raises CockpitError for a fresh start over an earlier run's checkpoints."""
    newest = checkpoints.newest(attempt.layout)
    if not attempt.resume:
        if newest is not None:
            raise CockpitError(
                f"this attempt already has checkpoints, up to {newest.name}",
                "Resume it, or make a new experiment.",
                file=attempt.layout.checkpoints,
            )
        return None
    if newest is None:
        attempt.notice("There is no checkpoint to resume from: training begins anew.", "warning")
        return None
    attempt.notice(f"Resumed from {newest.name}.")
    return newest


def _settled(trainer: Any, attempt: Attempt, mid_eval: MidEval, start: Path) -> bool:
    """Whether nothing is left to train at `start`: then not even `train()` may run, for it does one step more.

    A mini-eval that the earlier process did not get to is done first; it may be the one that stops the run.
    """
    mid_eval.state = EvalState.load(start)
    step = checkpoints.step_of(start) or 0
    trainer.state.global_step = step
    if mid_eval.state.due:
        trainer._load_from_checkpoint(str(start))
        if ranks.RANK == 0 and mid_eval.evaluate(trainer.model, start, step, None):
            attempt.out.publish_best(step)
        mid_eval.state = ranks.from_first(mid_eval.state)
    stop = attempt.told_to_stop()
    return checkpoints.finished(start) or mid_eval.state.early_stopped or stop


def ending(attempt: Attempt, state: EvalState, step: int) -> Ending:
    """Outcome and reason; and whether the full held-out pass is worth running (source: mini-eval >= baseline)."""
    facts: dict[str, Any] = {"step": step, "best_step": state.best_step, "best_score": state.best_score}
    if attempt.stop and not state.early_stopped:
        reason = f"Stopped at step {step}: {attempt.stop.reason}. It can be resumed."
        return Ending("stopped", reason, **facts, score_checkpoint=_for_evo(attempt, state))
    outcome, reason = "finished", f"All {step} steps are done."
    if state.early_stopped:
        outcome, reason = "early_stopped", state.stop_reason
    if state.best_score is None or state.best_step is None:
        attempt.notice(
            "No checkpoint was scored, so the full held-out pass is skipped.", "warning", "held_out"
        )
        return Ending(outcome, reason, **facts)
    baseline = attempt.recipe.mid_eval.baseline
    if baseline is not None and state.best_score < baseline and not evo.inside(attempt.layout):
        attempt.notice(
            f"The full held-out pass is skipped: the best mini-eval, {state.best_score:.3g} at step "
            f"{state.best_step}, is below the baseline's {baseline:.3g} on the same items.",
            about="held_out",
        )
        return Ending(outcome, reason, **facts)
    return Ending(outcome, reason, **facts, score_checkpoint=attempt.layout.checkpoint(state.best_step).name)


def _for_evo(attempt: Attempt, state: EvalState) -> str | None:
    """A stop that evo asked for is answered with a score, of the best checkpoint or else the newest; else None."""
    if not evo.inside(attempt.layout):
        return None
    if state.best_step is not None:
        return attempt.layout.checkpoint(state.best_step).name
    newest = checkpoints.newest(attempt.layout)
    return newest.name if newest else None


def _replace_printer(trainer: Any, *callbacks: Any) -> None:
    """Our callbacks; and no dictionaries printed a step, since Telemetry prints a short line."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    for callback in callbacks:
        trainer.add_callback(callback)


def _survive_full_disks(trainer: Any, mid_eval: MidEval) -> None:
    """A checkpoint that can't be written costs a warning, not the run: transformers has no hook around the save."""
    save = trainer._save_checkpoint
    # TRL's model card is thrown away with each checkpoint, after it had trackio imported. And rank 0 alone writes it,
    # before all processes meet: a disk that is full at that moment would leave the others waiting for ever.
    trainer.create_model_card = lambda *args, **kwargs: None

    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            save(*args, **kwargs)
        except Exception as error:
            # OSError, torch's RuntimeError and safetensors' own exception all mean the same here.
            if isinstance(error, MemoryError) or "out of memory" in str(error):
                raise
            mid_eval.save_error = f"{type(error).__name__}: {error}"
            if ranks.RANK:  # rank 0 reports its own, and of another's only that there was one
                print(f"In process {ranks.RANK}: {mid_eval.save_error}", flush=True)

    trainer._save_checkpoint = guarded
