"""Run the mid-evals: save a checkpoint, score it, stop early, keep the best; one callback for every technique.

Source: "Long training: checkpoint, mid-eval, early-stop in-script". A checkpoint every N steps or every quarter of
an epoch, whichever comes first; after each the real scorer on the mini-eval's items; stop where they can tell that
nothing better comes (cockpit/contract/stopping.py); keep the best checkpoint, not the last.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from cockpit.contract.bounded.checkpoint import all_of, step_of
from cockpit.contract.errors import free, sized
from cockpit.contract.events import CheckpointReason
from trainers.attempt import checkpoints, recovery
from trainers.attempt.attempt import Attempt
from trainers.attempt.signals import Stopped
from trainers.loop.progress import Progress, interval
from trainers.scoring.scoring import Scorer


class MidEval(Progress, TrainerCallback):
    """Asks transformers to save at the right steps, and does the rest when the files are written.

    The order is checkpoint first, then mid-eval: a run that is killed in the middle keeps the checkpoint, and a
    resume does the mid-eval that is `due`.
    """

    def __init__(self, attempt: Attempt, trainer: Any, scorer: Scorer) -> None:
        super().__init__(attempt)
        self.trainer = trainer
        self.scorer = scorer
        self.processes = attempt.processes
        self.every = attempt.recipe.mid_eval.every_steps
        self.reason: CheckpointReason = "periodic"

    def settled(self, start: Path | None) -> bool:
        """Return True if nothing is left to train after `start`; don't call `train()` then, for it adds a step.

        If the earlier process was stopped before its last mid-eval, do that first: it may be what ends the run.
        """
        if start is None:
            return False
        if self.processes.first:
            recovery.mend_trainer_state(self.attempt, start, self.trainer)
            self.state = recovery.eval_state(self.attempt, start)
        self.state = self.processes.from_first(self.state)
        step = step_of(start) or 0
        self.trainer.state.global_step = step
        if self.state.due:
            self.trainer._load_from_checkpoint(str(start))
            if self.processes.first and self.evaluate(_policy(self.trainer.model), start, step, None):
                self.attempt.out.publish_best(step)
            self.state = self.processes.from_first(self.state)
        stop = self.attempt.told_to_stop()
        over = recovery.finished(start) or self.state.early_stopped or stop
        if self.processes.first and not over:
            self.attempt.out.stage("training", f"from {start.name}")  # what was due is done
        return over

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        batches = len(kwargs["train_dataloader"])
        epoch = max(1, math.ceil(batches / args.gradient_accumulation_steps))
        self.every = interval(self.attempt.recipe.mid_eval, epoch)
        self.state.planned = math.ceil(max(0, state.max_steps) / self.every)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        wanted = self._poll()
        last = state.global_step >= state.max_steps
        due = last or state.global_step % self.every == 0
        self.state.due = due or "evaluate" in wanted
        if "stop" in wanted:  # not `attempt.stop`: it may have been set since, and in this process alone
            self.reason = "stop"
            # The resume does a mid-eval that the schedule asks for; one that only the user asked for is dropped.
            self.state.due = due
            control.should_training_stop = True
        elif due:
            self.reason = "end" if last else "periodic"
        elif wanted:
            self.reason = "request"
        else:
            return
        control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = state.global_step
        written = Path(args.output_dir) / f"checkpoint-{step}"
        failed = self.trainer.save_error is not None
        if self.processes.agree(failed)[0] and not failed:
            self.trainer.save_error = "another process could not write its part"
        folder = self._publish(written, step) if state.is_world_process_zero else None
        best = False
        model = _policy(kwargs["model"])
        if folder is not None and self.state.due and not self.attempt.stop:
            best = self.evaluate(model, folder, step, state.epoch, scheduled=self.reason != "request")
        self.processes.take_part(model, self.scorer.ask, self.attempt.stop)
        if folder is not None:
            self.attempt.out.checkpoint(step, best=best, reason=self.reason)
            keep = self.attempt.recipe.mid_eval.keep_last
            checkpoints.rotate(self.attempt.layout, keep_last=keep, best_step=self.state.best_step)
            if not self.attempt.stop:
                self.attempt.out.stage("training", f"step {step}")
        for request in self.asked:
            request.done()
        self.asked, self.trainer.save_error = [], None
        self.state = self.processes.from_first(self.state)
        if self.state.early_stopped or self.attempt.told_to_stop():
            control.should_training_stop = True

    def evaluate(
        self, model: Any, folder: Path, step: int, epoch: float | None, *, scheduled: bool = True
    ) -> bool:
        """Score `folder`'s weights, which `model` holds; return True if they are the best so far.

        A stop in the middle leaves it due. Only scheduled mid-evals count towards `patience`.
        """
        self.attempt.out.stage("evaluating", f"mini-eval at step {step}")
        try:
            scored = self.scorer.score(self.processes.lend(model), weights=folder, step=step, split="eval")
        except Stopped:
            return False
        best = self.judge(scored, step, scheduled=scheduled)
        self.state.due = False
        try:
            self.state.save(folder)
        except (
            OSError
        ) as error:  # it is in the next checkpoint; a resume from this one does the mid-eval again
            self.attempt.notice(
                f"{folder.name}: the early-stop state was not kept ({error.strerror}).", "warning"
            )
        self.report(step, epoch, best, scored)
        return best

    def _publish(self, written: Path, step: int) -> Path | None:
        """Return the checkpoint under its final name; None, with a notice, where the disk would not take it."""
        error = self.trainer.save_error
        self.trainer.save_error = None
        if error is None:
            try:
                return checkpoints.publish(self.attempt.layout, written, step, self.state)
            except OSError as caught:
                error = str(caught)
        left = free(self.attempt.layout.checkpoints)
        checkpoints.clear_unfinished(self.attempt.layout)
        self.attempt.notice(
            f"The checkpoint at step {step} could not be written: {error}. It needs about {sized(self._need())}, and "
            f"{left or 'nobody knows how much'} is left at {self.attempt.layout.checkpoints}. "
            "Training goes on; the next one is tried when its time comes.",
            "warning",
        )
        return None

    def _need(self) -> float:
        """Bytes that a checkpoint takes: as many as the newest, else what is trained and what the optimizer keeps."""
        newest = next(iter(reversed(all_of(self.attempt.layout))), None)
        if newest is not None:
            return sum(path.stat().st_size for path in newest.rglob("*") if path.is_file())
        held = [p for p in self.trainer.model.parameters() if p.requires_grad]
        kept = getattr(getattr(self.trainer, "optimizer", None), "state", {})
        held += [
            value for state in kept.values() for value in state.values() if hasattr(value, "element_size")
        ]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    def _poll(self) -> set[str]:
        """Return the cockpit's new requests, the same in every process; a request to stop acts like a signal."""
        if self.processes.first:
            self.poll()
        names = {request.name for request in self.asked}
        agreed = self.processes.agree(bool(self.attempt.stop), "evaluate" in names, "checkpoint" in names)
        if agreed[0]:
            self.attempt.stop.follow()
        return {
            name for name, is_set in zip(("stop", "evaluate", "checkpoint"), agreed, strict=True) if is_set
        }


def _policy(model: Any) -> Any:
    """Return the model that answers: PPO's wrapper holds the value model as well, and can't generate."""
    return getattr(model, "policy", model)
