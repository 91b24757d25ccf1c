"""Generate the answers for an evaluation, with transformers in this process; `served_engine.py` tries vLLM first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainers.attempt.attempt import Attempt
from trainers.model.generate import Completion, Eye, generate

Load = Callable[[], Any]
Progress = Callable[[int, int], None]


class Engine:
    """Answers the evaluations of one run. `last`: the name of what answered the last one."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.last = "transformers"

    def answer(
        self,
        load: Load,
        tokenizer: Any,
        prompts: list[str],
        *,
        weights: Path | None,
        step: int,
        progress: Progress | None = None,
        eye: Eye | None = None,
    ) -> list[Completion]:
        """Continue each rendered prompt with the weights of the folder `weights` (None: the base). Raises Stopped.

        `load` gives the model that holds the same weights, `eye` the prompts' images where they have some.
        """
        model, recipe, processes = load(), self.attempt.recipe, self.attempt.processes
        self.last = "transformers"
        return generate(
            model,
            tokenizer,
            prompts,
            recipe.generation,
            seed=recipe.seed,
            synced=processes.holds_part(model),
            stop=processes.stop_of(model, self.attempt.stop),
            progress=progress,
            eye=eye,
        )
