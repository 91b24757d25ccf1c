"""The mid-eval: checkpoint, mini-eval, early stop, best kept; one callback for every technique.

Source: "Long training: checkpoint, mid-eval, early-stop in-script". A checkpoint every N steps or every quarter of
an epoch, whichever comes first; after each the real scorer on 5-10 items; stop when `patience` checkpoints brought
nothing better; keep the best checkpoint, not the last.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from cockpit.contract.events import CheckpointReason
from trainers.data.prompts import prompt_text
from trainers.data.rows import Item
from trainers.distributed import ranks, sharded
from trainers.distributed.ranks import RANK
from trainers.loop import checkpoints
from trainers.loop.attempt import Attempt
from trainers.loop.progress import Progress, interval
from trainers.loop.signals import Stopped
from trainers.model.generate import generate
from trainers.scoring.engine import Engine
from trainers.scoring.pair_scoring import score_pairs
from trainers.scoring.scoring import score_items


class MidEval(Progress, TrainerCallback):
    """Asks transformers to save at the right steps, and does the rest when the files are written.

    The order is checkpoint first, then mini-eval: a run that is killed in the middle keeps the checkpoint, and a
    resume does the mini-eval that is `due`. `trainer` is set by whoever adds the callback.
    """

    def __init__(
        self, attempt: Attempt, tokenizer: Any, items: list[Item], verifier: Any, use_cache: bool
    ) -> None:
        super().__init__(attempt)
        self.tokenizer = tokenizer
        self.items = items
        self.verifier = verifier
        self.use_cache = use_cache
        self.engine = Engine(attempt)
        self.every = attempt.recipe.mid_eval.every_steps
        self.reason: CheckpointReason = "periodic"
        self.trainer: Any = None
        self.save_error: str | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        batches = len(kwargs["train_dataloader"])
        epoch = max(1, math.ceil(batches / args.gradient_accumulation_steps))
        self.every = interval(self.attempt.recipe.mid_eval, epoch)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        wanted = self._poll()
        last = state.global_step >= state.max_steps
        due = last or state.global_step % self.every == 0
        self.state.due = due or "evaluate" in wanted
        if "stop" in wanted:  # `attempt.stop` may have been set since they agreed, and here alone
            self.reason = "stop"
            # A mini-eval that the schedule asks for waits for the resume; one that was only asked for does not.
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
        if ranks.agree(self.save_error is not None)[0] and self.save_error is None:
            self.save_error = "another process could not write its part"
        folder = self._publish(written, step) if state.is_world_process_zero else None
        best = False
        model = getattr(kwargs["model"], "policy", kwargs["model"])  # PPO's holds the value model as well
        if folder is not None and self.state.due and not self.attempt.stop:
            best = self.evaluate(model, folder, step, state.epoch, scheduled=self.reason != "request")
        if sharded.is_sharded(model):
            self._take_part(model, step)
        if folder is not None:
            self.attempt.out.checkpoint(step, best=best, reason=self.reason)
            keep = self.attempt.recipe.mid_eval.keep_last
            checkpoints.rotate(self.attempt.layout, keep_last=keep, best_step=self.state.best_step)
            if not self.attempt.stop:
                self.attempt.out.stage("training", f"step {step}")
        for request in self.asked:
            request.done()
        self.asked, self.save_error = [], None
        self.state = ranks.from_first(self.state)
        if self.state.early_stopped or self.attempt.told_to_stop():
            control.should_training_stop = True

    def evaluate(
        self, model: Any, folder: Path, step: int, epoch: float | None, *, scheduled: bool = True
    ) -> bool:
        """Run the mini-eval on `folder`'s weights, which `model` holds; whether it is the best so far.

        A stop in the middle leaves it due. Only scheduled mini-evals count towards `patience`.
        """
        self.attempt.out.stage("evaluating", f"mini-eval at step {step}")
        spread = sharded.is_sharded(model)
        try:
            scored = score_items(
                self.engine,
                sharded.calls(model) if spread else lambda: model,
                self.tokenizer,
                self.items,
                self.verifier,
                self.attempt.recipe,
                weights=folder,
                step=step,
                split="eval",
                stop=sharded.TogetherStop(self.attempt.stop) if spread else self.attempt.stop,
            )
        except Stopped:
            return False
        best = self.judge(scored.score, step, scheduled=scheduled)
        self.state.due = False
        self.state.save(folder)
        self.report(step, epoch, best, scored)
        return best

    def _take_part(self, model: Any, step: int) -> None:
        """Where no process holds the whole model: ask it what rank 0 asks it, when rank 0 does."""
        if RANK == 0:
            sharded.release()
            return
        recipe, stop = self.attempt.recipe, sharded.TogetherStop(self.attempt.stop)

        def ask() -> None:
            if recipe.technique == "reward":
                pairs: list[Any] = self.items
                score_pairs(model, self.tokenizer, pairs, recipe, step=step, split="eval", stop=stop)
            else:
                prompts = [prompt_text(self.tokenizer, item.prompt, recipe) for item in self.items]
                generate(model, self.tokenizer, prompts, recipe.generation, seed=recipe.seed, stop=stop)

        sharded.follow(ask)

    def _publish(self, written: Path, step: int) -> Path | None:
        """The checkpoint under its final name; None, with a notice, where the disk would not take it."""
        error = self.save_error
        self.save_error = None
        if error is None:
            try:
                return checkpoints.publish(
                    self.attempt.layout, written, step, self.state, use_cache=self.use_cache
                )
            except OSError as caught:
                error = str(caught)
        checkpoints.clear_unfinished(self.attempt.layout)
        self.attempt.notice(f"The checkpoint at step {step} could not be written: {error}.", "warning")
        return None

    def _poll(self) -> set[str]:
        """Take up requests from the cockpit, the same ones in every process; a stop is answered like a signal."""
        if RANK == 0:
            self.poll()
        names = {request.name for request in self.asked}
        agreed = ranks.agree(bool(self.attempt.stop), "evaluate" in names, "checkpoint" in names)
        if agreed[0]:
            self.attempt.stop.follow()
        return {
            name for name, is_set in zip(("stop", "evaluate", "checkpoint"), agreed, strict=True) if is_set
        }
