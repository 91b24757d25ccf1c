"""A warm vLLM server answers the evaluations, where the recipe says so.

The same token ids go in as for transformers, the same decoding settings hold, the same tokenizer reads the answer and
the same verifier judges it. What the server can't do right now, transformers does, and the run says so; the server is
asked again at the next evaluation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from cockpit.contract.serving import BASE, FOLDER_VARIABLE, why_not
from trainers.attempt.attempt import Attempt
from trainers.model.generate import Completion, Eye, end_tokens, input_ids
from trainers.model.loading import ADAPTER, base_of, locate
from trainers.scoring.engine import Engine, Load, Progress
from trainers.scoring.served import Server, Unserved, check_base


class ServedEngine(Engine):
    """Asks the server first, transformers where it can't answer."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt)
        self._said = ""
        self._server = self._find()

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
        if eye is not None:
            self._say("the items have images")
        elif self._server is not None:
            try:
                answers = self._served(self._server, tokenizer, prompts, weights, step, progress)
            except Unserved as error:
                self._say(str(error))
            else:
                self._say("")
                return answers
        return super().answer(
            load, tokenizer, prompts, weights=weights, step=step, progress=progress, eye=eye
        )

    def _find(self) -> Server | None:
        folder = os.environ.get(FOLDER_VARIABLE)
        why = why_not(self.attempt.recipe)
        if why or not folder:
            self._say(why or "this run was started without the cockpit, which would have named a server")
            return None
        bound = self.attempt.recipe.mid_eval.serve_wait_s
        server = Server(Path(folder), bound_s=bound, stop=self.attempt.stop)
        server.lease(f"{self.attempt.recipe.experiment_id}-{os.getpid()}")
        return server

    def _served(
        self,
        server: Server,
        tokenizer: Any,
        prompts: list[str],
        weights: Path | None,
        step: int,
        progress: Progress | None,
    ) -> list[Completion]:
        recipe = self.attempt.recipe
        facts = server.ready()
        base = self._base(weights)
        config = _generation_config(base)
        ends = sorted(end_tokens(config, tokenizer))
        asked: dict[str, Any] = {
            "ends": ends,
            "seed": recipe.seed,
            "repetition_penalty": config.repetition_penalty or 1.0,
            "progress": progress,
        }
        ids = input_ids(tokenizer, prompts)
        if weights is None:
            check_base(facts, base)
            answers = server.answer(facts, BASE, ids, recipe.generation, **asked)
        else:
            label = f"{recipe.experiment_id}-step{step}"
            with server.lend(facts, weights, base, label) as name:
                answers = server.answer(facts, name, ids, recipe.generation, **asked)
        self.last = "vllm"
        return [_completion(tokenizer, answer, set(ends)) for answer in answers]

    def _base(self, weights: Path | None) -> str:
        recipe = self.attempt.recipe
        if weights is None:
            return locate(recipe.model.warm_start or recipe.model.name_or_path)
        if not (weights / ADAPTER).is_file():
            raise Unserved("it serves adapters, and this checkpoint has full weights")
        try:
            return base_of(str(weights), recipe)
        except CockpitError as error:
            raise Unserved(error.title) from error

    def _say(self, why: str) -> None:
        """Once, when it changes: that transformers answers instead, and that the server does again."""
        if why == self._said:
            return
        if why:
            self.attempt.notice(f"Evaluations are answered by transformers: {why}.", "warning")
        else:
            self.attempt.notice("Evaluations are answered by the vLLM server again.")
        self._said = why


def _completion(tokenizer: Any, answer: Sequence[int], ends: set[int]) -> Completion:
    """The answer as `generate` would tell it: read by the same tokenizer, up to the first token that ends it."""
    length = next((at + 1 for at, token in enumerate(answer) if token in ends), len(answer))
    ended = length > 0 and answer[length - 1] in ends
    text = tokenizer.decode(list(answer[:length]), skip_special_tokens=True)
    return Completion(text, length, truncated=not ended)


def _generation_config(base: str) -> Any:
    """What the model's folder says of its answers: end tokens, repetition penalty."""
    from transformers import GenerationConfig

    try:
        return GenerationConfig.from_pretrained(base)
    except (OSError, ValueError):
        return GenerationConfig()
