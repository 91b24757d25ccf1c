"""How long a run will take and what it will cost, from a step that was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cockpit.contract.techniques import GROUPED

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe


MOST_SHARE = 0.2  # of a run's time, for its mini-evals


@dataclass(frozen=True, slots=True)
class Pace:
    """`steps` of the whole run, seconds each as measured, mid-evals in between; `cost` where a price was given."""

    steps: int
    step_time: float
    mid_evals: int
    seconds: float
    cost: float | None = None
    eval_share: float = 0.0
    """The mini-evals' share of the time, where one was measured."""
    pass_time: float = 0.0
    """Seconds of the full held-out pass at the end, where a batch of answers was measured."""

    @property
    def sentence(self) -> str:
        """`About 3.1 h: 1,240 steps of 9 s and 8 mid-evals.`"""
        price = f", about {self.cost:.2f} at that price" if self.cost is not None else ""
        parts = [f"{self.steps:,} steps of {self.step_time:.2g} s"]
        parts += [f"{self.mid_evals} mid-evals"] if self.mid_evals else []
        parts += [f"the held-out pass of {duration(self.pass_time)}"] if self.pass_time else []
        what = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
        return f"About {duration(self.seconds)}{price}: {what}, if not stopped early.{self._too_often}"

    @property
    def _too_often(self) -> str:
        """What to set where the mini-evals take more of the time than they are worth."""
        if self.eval_share <= MOST_SHARE or self.mid_evals < 2:
            return ""
        training = self.steps * self.step_time
        one = (self.seconds - training - self.pass_time) / self.mid_evals
        fewer = max(1, int(MOST_SHARE / (1 - MOST_SHARE) * training / one))
        every = math.ceil(self.steps / fewer)
        return (
            f" The mini-evals take {self.eval_share:.0%} of it: mid_eval.every_steps={every} with "
            f"mid_eval.every_epochs={self.steps} (so that the steps decide) makes it at most {MOST_SHARE:.0%}."
        )


def steps_of(recipe: Recipe, rows: int) -> int:
    """Optimizer steps of the whole run on `rows` training rows."""
    trainer = recipe.trainer
    most = trainer.get("max_steps")
    if isinstance(most, int) and most > 0:
        return most
    epochs = float(trainer.get("num_train_epochs") or 3)  # pyright: ignore[reportArgumentType]
    batch = _whole(trainer.get("per_device_train_batch_size"), 8)
    batch *= _whole(trainer.get("gradient_accumulation_steps"), 1)
    if recipe.technique in GROUPED:
        rows *= _whole(trainer.get("num_generations"), 8)
    return max(1, math.ceil(rows / batch * epochs))


def _whole(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, int | float) and value else otherwise


def pace(
    recipe: Recipe,
    rows: int,
    step_time: float,
    *,
    eval_time: float = 0.0,
    pass_time: float = 0.0,
    hourly: float | None = None,
) -> Pace:
    """The whole run: seconds a step, a mid-eval, and of the held-out pass at its end; `hourly` is a price."""
    steps = steps_of(recipe, rows)
    evals = evals_of(recipe, steps)
    seconds = steps * step_time + evals * eval_time + pass_time
    cost = None if hourly is None else hourly * seconds / 3600
    return Pace(steps, step_time, evals, seconds, cost, evals * eval_time / max(seconds, 1e-9), pass_time)


def evals_of(recipe: Recipe, steps: int) -> int:
    """Mini-evals of a run of so many steps: every `every_steps` or `every_epochs`, whichever comes first."""
    epochs = float(recipe.trainer.get("num_train_epochs") or 1)  # pyright: ignore[reportArgumentType]
    epoch = max(1, round(steps / max(1e-9, epochs)))
    every = max(1, min(recipe.mid_eval.every_steps, round(recipe.mid_eval.every_epochs * epoch)))
    return math.ceil(steps / every)


def duration(seconds: float) -> str:
    """Seconds for a person."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
