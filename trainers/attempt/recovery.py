"""Where a resume goes on from: the newest checkpoint whose files are as they were written, and what must be rebuilt.

Two small files of a checkpoint can be rebuilt, so that their damage costs no step: the early-stop state from the
mini-evals in events.jsonl, and the trainer's state from the step and the plan. Each such case is said in a notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptLayout, CockpitError, stopping
from cockpit.contract.atomic import read_object
from cockpit.contract.bounded import manifest
from cockpit.contract.bounded.checkpoint import STATE, TRAINER_STATE, candidates, fault, step_of
from cockpit.contract.events import mini_evals
from cockpit.contract.layout import PASSED_OVER
from cockpit.contract.reader import read_rows
from cockpit.contract.values import mapping
from trainers.attempt.attempt import Attempt
from trainers.attempt.checkpoints import EvalState


def newest(layout: AttemptLayout) -> Path | None:
    """Return the newest checkpoint that a resume may go on from, whole or not; None where there is none."""
    return next(candidates(layout), None)


def choose(attempt: Attempt) -> Path | None:
    """Return the newest whole checkpoint, having said which are damaged; None where there is no checkpoint at all.

    Raises CockpitError where every one is damaged.
    """
    damaged: list[str] = []
    for folder in candidates(attempt.layout):
        why = fault(folder)
        if not why:
            if damaged:
                attempt.notice(
                    f"Damaged, and passed over: {'; '.join(damaged)}. {folder.name} is the newest whole checkpoint.",
                    "warning",
                )
            return folder
        damaged.append(f"{folder.name} ({why})")
    if damaged:
        raise CockpitError(
            f"no checkpoint of this run is whole: {'; '.join(damaged)}",
            "Bring their files back from a copy, or make a new experiment.",
            file=attempt.layout.checkpoints,
        )
    return None


def trainer_state_is_sound(folder: Path) -> bool:
    """Return True if transformers can go on from the trainer's state in `folder`."""
    state = read_object(folder / TRAINER_STATE) or {}
    steps = [state.get(name) for name in ("global_step", "max_steps")]
    epoch, history = state.get("epoch"), state.get("log_history")
    return (
        not manifest.fault(folder, of=lambda name: name == TRAINER_STATE)
        and all(type(step) is int for step in steps)
        and steps[0] == step_of(folder)
        and (epoch is None or type(epoch) in (int, float))
        and type(state.get("train_batch_size", 1)) in (int, type(None))
        and isinstance(history, list)
        and all(isinstance(row, dict) for row in history)
        and isinstance(state.get("stateful_callbacks", {}), dict)
    )


def finished(folder: Path) -> bool:
    """Return True if the run that wrote `folder` had done all its steps there: training on would add one too many."""
    state = read_object(folder / TRAINER_STATE) or {}
    return state.get("global_step", 0) >= state.get("max_steps", 1) > 0


def mend_trainer_state(attempt: Attempt, folder: Path, trainer: Any) -> None:
    """Where the trainer's state in `folder` is damaged, write it anew: that of `trainer`, at the folder's step.

    Raises CockpitError where it can't be written.
    """
    if trainer_state_is_sound(folder):
        return
    fresh = trainer.state
    fresh.global_step = step_of(folder) or 0
    plans = [row["steps"] for row in _rows(attempt.layout, "plan") if type(row.get("steps")) is int]
    fresh.max_steps = plans[-1] if plans else 0
    fresh.train_batch_size = trainer.args.train_batch_size
    fresh.compute_steps(trainer.args, fresh.max_steps)
    try:
        fresh.save_to_json(str(folder / TRAINER_STATE))
        manifest.renew(folder, TRAINER_STATE)
    except OSError as error:
        raise CockpitError(
            f"{TRAINER_STATE} is damaged and can't be rebuilt: {error.strerror or error}",
            "Make room, and resume again.",
            file=folder,
        ) from error
    attempt.notice(
        f"{folder.name}/{TRAINER_STATE} was damaged. It is rebuilt from the step and the plan; nothing of the training "
        "is lost by it.",
        "warning",
    )


def eval_state(attempt: Attempt, folder: Path) -> EvalState:
    """Return the early-stop state at `folder`, as it was written or rebuilt; its best checkpoint is whole."""
    step = step_of(folder) or 0
    state = EvalState.load(folder)
    if state is None:
        state = _rebuilt(attempt, step)
        best = (
            f"the best is step {state.best_step}, {state.best_score:.3g}"
            if state.best_score is not None
            else ""
        )
        attempt.notice(
            f"{folder.name}/{STATE} is missing or damaged. The early stop goes on from what events.jsonl says of "
            f"{len(state.scores)} mini-eval(s){': ' + best if best else ''}.",
            "warning",
        )
    _check_best(attempt, state, step)
    attempt.out.publish_best(state.best_step)
    return state


def _check_best(attempt: Attempt, state: EvalState, step: int) -> None:
    """Where the best checkpoint is gone or damaged, take the best of those that are whole, and say so."""
    if state.best_step is None:
        return
    best = attempt.layout.checkpoint(state.best_step)
    why = _unfit(best) if state.best_step != step else ""
    if not why:
        return
    scored = sorted(_mid_evals(attempt.layout, step).items(), key=lambda item: -item[1]["score"])
    was, state.best_step, state.best_score = f"{best.name} ({why})", None, None
    for at, row in scored:
        if not _unfit(attempt.layout.checkpoint(at)):
            state.best_step, state.best_score = at, float(row["score"])
            break
    now = (
        f"step {state.best_step} ({state.best_score:.3g}) stands for it"
        if state.best_step
        else "none is left"
    )
    attempt.notice(f"The best checkpoint so far can't be used: {was}. Of the whole ones {now}.", "warning")


def _unfit(folder: Path) -> str:
    """Why a checkpoint can't be the best one, in words; empty where it can."""
    if not folder.is_dir():
        return "it is gone"
    return "a resume went back to before it" if (folder / PASSED_OVER).exists() else fault(folder)


def _rebuilt(attempt: Attempt, step: int) -> EvalState:
    """The early-stop state at `step`, as `Progress.judge` would have left it."""
    state = EvalState()
    told = _mid_evals(attempt.layout, step)
    reasons = {row.get("step"): row.get("reason") for row in _rows(attempt.layout, "checkpoint")}
    items: list[list[float]] = []
    for at, row in sorted(told.items()):
        score, scheduled = float(row["score"]), reasons.get(at) != "request"
        best = state.best_score is None or score > state.best_score + attempt.recipe.mid_eval.min_delta
        if best:
            state.best_score, state.best_step, state.since_best = score, at, 0
        elif scheduled:
            state.since_best += 1
        if scheduled:
            state.scores.append(score)
            items.append(_items(attempt.layout, at))
    whole = next((i for i, scores in enumerate(reversed(items)) if not scores), len(items))
    state.history = items[len(items) - whole :][-stopping.LONGEST :]
    every = attempt.recipe.mid_eval.every_steps
    state.due = step not in told and (reasons.get(step) in (None, "periodic", "end") or step % every == 0)
    return state


def _items(layout: AttemptLayout, step: int) -> list[float]:
    """What each item scored in the mini-eval at `step`; empty where its file can't tell."""
    scores = [row.get("score") for row in read_rows(layout.sample_file("eval", step))]
    return [round(float(s), 4) for s in scores if isinstance(s, int | float)] if None not in scores else []


def _mid_evals(layout: AttemptLayout, step: int) -> dict[int, dict[str, Any]]:
    """The mini-evals up to `step` that count, by their step; of those made twice, across a resume, the later one."""
    return {
        at: mapping(row)
        for row in mini_evals(read_rows(layout.events))
        if type(at := row.get("step")) is int and at <= step and type(row.get("score")) in (int, float)
    }


def _rows(layout: AttemptLayout, kind: str) -> Iterator[dict[str, Any]]:
    return (dict(mapping(row)) for row in read_rows(layout.events) if row.get("kind") == kind)
