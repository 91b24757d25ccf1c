"""Turn the way a run ended into the words of the `end` event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cockpit.contract import CockpitError, Recipe
from cockpit.contract.events import Outcome, Part
from trainers.attempt.signals import StopFlag, Stopped

_PART = "cockpit_part"


@dataclass(frozen=True)
class Ending:
    """`score_checkpoint`: name of the checkpoint that the full held-out pass shall score, None for no pass."""

    outcome: Outcome
    reason: str = ""
    step: int | None = None
    best_step: int | None = None
    best_score: float | None = None
    score_checkpoint: str | None = None
    part: Part | None = None
    """What a failure is about, where the stage in which it came up does not say it."""

    def fields(self) -> dict[str, object]:
        kept = {"step": self.step, "best_step": self.best_step, "best_score": self.best_score}
        return kept if self.part is None else {**kept, "part": self.part}


@contextmanager
def blame(part: Part) -> Iterator[None]:
    """Leave on record that what breaks in this block (or function) breaks for its data, reward or settings."""
    try:
        yield
    except Exception as error:
        vars(error).setdefault(_PART, part)  # the innermost says it best
        raise


def explain(error: BaseException, stop: StopFlag, recipe: Recipe | None) -> Ending:
    """Return the ending that `error` makes: what a person reads instead of a traceback."""
    if isinstance(error, Stopped | KeyboardInterrupt):
        at_once = " at once, without a checkpoint" if isinstance(error, KeyboardInterrupt) else ""
        return Ending("stopped", f"{stop.reason or 'interrupted'}{at_once}")
    part: Part | None = vars(error).get(_PART)
    if isinstance(error, CockpitError):
        return Ending("failed", str(error), part=part)
    if out_of_memory(error):
        return Ending("out_of_memory", advice(recipe))
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    sentence = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
    return Ending("failed", f"{sentence[:400]} (the log has the traceback)", part=part)


def out_of_memory(error: BaseException) -> bool:
    """Return True if `error` is how CUDA, Python or the CPU allocator says that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def advice(recipe: Recipe | None) -> str:
    """Return what to change so that it fits, cheapest first, with the recipe's own numbers.

    Whoever shows it says before it that memory ran out: the status of a run, the gate of a smoke run.
    """
    steps: list[str] = []
    trainer = recipe.trainer if recipe else {}
    batch = trainer.get("per_device_train_batch_size")
    accumulation = trainer.get("gradient_accumulation_steps") or 1
    if isinstance(batch, int) and batch > 1 and isinstance(accumulation, int):
        steps.append(
            f"per_device_train_batch_size {batch} -> {batch // 2} with gradient_accumulation_steps "
            f"{accumulation} -> {accumulation * 2}"
        )
    else:
        steps.append("a smaller per_device_train_batch_size with more gradient_accumulation_steps")
    for name in ("max_length", "max_completion_length"):
        if isinstance(trainer.get(name), int):
            steps.append(f"a smaller {name} (now {trainer[name]})")
    if not trainer.get("activation_checkpointing"):
        steps.append("activation_checkpointing=true")
    if recipe and recipe.peft is None:
        steps.append("LoRA instead of full weights (peft)")
    elif recipe and not recipe.model.load_in_4bit:
        steps.append("model.load_in_4bit=true")
    return f"To make it fit, try in this order: {'; '.join(steps)}."
