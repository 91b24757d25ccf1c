"""Keep count of a run's mid-evals: the best score so far, when to stop early, the cockpit's control. No torch."""

from __future__ import annotations

from typing import Any

from cockpit.contract import control, stopping
from trainers.attempt.attempt import Attempt
from trainers.attempt.checkpoints import EvalState
from trainers.scoring.scoring import Scored


class Progress:
    """The early-stop state of an attempt and its reports; `asked`: requests of the cockpit not answered yet."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.state = EvalState()
        self.asked: list[control.Request] = []

    def judge(self, scored: Scored, step: int, *, scheduled: bool) -> bool:
        """Fold a mid-eval into the early-stop state; return True if it is the best so far."""
        settings, state, score = self.attempt.recipe.mid_eval, self.state, scored.score
        best = state.best_score is None or score > state.best_score + settings.min_delta
        if best:
            state.best_score, state.best_step, state.since_best = score, step, 0
        elif scheduled:
            state.since_best += 1
        if scheduled:
            state.scores.append(score)
            items = [round(float(row["score"]), 4) for row in scored.rows]
            state.history = [*state.history, items][-stopping.LONGEST :]
        if settings.early_stop and scheduled and not best:
            self._stop_where_resolved(scored)
        return best

    def _stop_where_resolved(self, scored: Scored) -> None:
        """Set the early stop where the items can tell that the run falls, or gains nothing that is worth its steps."""
        settings, state = self.attempt.recipe.mid_eval, self.state
        standing = (
            f"The mini-eval has not improved in {state.since_best} checkpoint(s): best {state.best_score:.3g} "
            f"at step {state.best_step}, now {scored.score:.3g}"
        )
        reading = stopping.to_stop(state.history, patience=settings.patience, planned=state.planned)
        if reading is not None:
            state.early_stopped = True
            state.stop_reason = (
                f"{standing}. Over the newest {reading.window} mini-evals of {scored.n} items the change is "
                f"{reading.gain:+.2g}, by its noise at most {reading.bound:+.2g}."
            )
        elif stopping.below(state.scores, scored.n, settings.baseline):
            state.early_stopped = True
            state.stop_reason = (
                f"{standing}, below the base model's {settings.baseline:.3g} out of the noise of its {scored.n} "
                "items."
            )

    def report(self, step: int, epoch: float | None, best: bool, scored: Scored) -> None:
        """Write the answers, the event and the metrics of a mid-eval."""
        out, state = self.attempt.out, self.state
        path = out.samples(step, "eval", scored.rows)
        out.mid_eval(
            step=step,
            epoch=epoch,
            best=best,
            best_score=state.best_score,
            best_step=state.best_step,
            since_best=state.since_best,
            baseline=self.attempt.recipe.mid_eval.baseline,
            items=path,
            score=scored.score,
            passed=scored.passed,
            parsed=scored.parsed,
            n=scored.n,
            truncated=scored.truncated,
            engine=scored.engine,
        )
        shares = {"score": scored.score, "parsed_share": scored.parsed / max(1, scored.n)}
        out.metrics(step, {f"eval/{name}": value for name, value in shares.items()})
        print(f"mini-eval at step {step}: {scored.score:.3g}{' (best)' if best else ''}", flush=True)

    def poll(self) -> None:
        """Read the cockpit's new requests into `asked`; a request to stop sets the stop flag, as a signal does."""
        self.asked = control.pending(self.attempt.layout)
        if any(request.name == "stop" for request in self.asked):
            self.attempt.stop.set("asked by the cockpit")


def interval(settings: Any, steps_per_epoch: int) -> int:
    """Optimizer steps between checkpoints: `every_steps` or `every_epochs`, whichever comes first."""
    return max(1, min(settings.every_steps, round(settings.every_epochs * steps_per_epoch)))
