"""Batch and accumulation from memory: smaller passes where the default's don't fit, the same batch a step.

Only ever lowered, and only where nobody chose either of the two. The product stays what the technique's default
makes it, so groups stay whole (GRPO, RLOO) and the learning rate keeps its meaning; it costs time, not quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cockpit.core.recipe.memory import ERROR, HEADROOM, Device, Plan, Shape, estimate, shown

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

BATCH, PASSES = "per_device_train_batch_size", "gradient_accumulation_steps"
_FIXED = (BATCH, PASSES, "steps_per_generation", "generation_batch_size", "auto_find_batch_size")


@dataclass(frozen=True, slots=True)
class Lowered:
    """Rows a pass and passes a step, whose product is the default's, and why."""

    batch: int
    passes: int
    reason: str


def lowered(shape: Shape, plan: Plan, device: Device) -> Lowered | None:
    """The largest batch that fits into what is free of `device`; None where the plan fits, or can't be lowered.

    Within the estimate's error counts as not fitting: a smaller pass costs little, an OOM the run. Where even the
    smallest doesn't fit, the smallest: it is part of whatever else has to change.
    """
    room = device.free * HEADROOM / (1 + ERROR)
    needed = estimate(shape, plan).total
    if needed <= room:
        return None
    floor = 2 if plan.technique == "kto" else 1  # KTO's loss compares rows with their neighbours in the pass
    smaller = [n for n in range(plan.batch - 1, floor - 1, -1) if plan.batch % n == 0]
    if not smaller:
        return None
    made = [replace(plan, batch=n, accumulation=plan.batch // n * plan.accumulation) for n in smaller]
    best = next((p for p in made if estimate(shape, p).total <= room), made[-1])
    then = estimate(shape, best).total
    where = f"{device.name}, {shown(device.free)}"
    needs = "needs" if best.batch == 1 else "need"
    reason = f"from memory: {plan.batch} rows a pass would need about {shown(needed)} ({where}), "
    reason += f"{best.batch} {needs} {shown(then)}"
    reason += f"; the batch of a step stays {plan.batch * plan.accumulation}"
    if then > room:
        reason += "; that is still tight or too large, see `cockpit fit`"
    return Lowered(best.batch, best.accumulation, reason)


def chosen(recipe: Recipe, asked: Mapping[str, object]) -> bool:
    """Whether somebody chose a setting that decides the batch: then it is theirs."""
    names = {name.removeprefix("trainer.") for name in asked}
    return bool(names & set(_FIXED)) or BATCH not in recipe.trainer


def with_batch(recipe: Recipe, found: Lowered) -> Recipe:
    """The recipe with smaller passes, and the reason beside both settings."""
    trainer = {**recipe.trainer, BATCH: found.batch, PASSES: found.passes}
    reasons = {**recipe.reasons, f"trainer.{BATCH}": found.reason, f"trainer.{PASSES}": found.reason}
    return recipe.model_copy(update={"trainer": trainer, "reasons": reasons})
