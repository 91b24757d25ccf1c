"""Rewards for GRPO, RLOO and RFT: the verifier first, and what else the recipe names, each with its weight.

`rewards` of the recipe: `verifier` (format included), `format` (1 where an answer parsed), `module:function` (a TRL
reward function of the user's), `model:FOLDER` (a reward model: the last resort, for it gets hacked). TRL logs
`rewards/<name>/mean` and `/std` of each.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cockpit import verifiers
from cockpit.contract import CockpitError
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame
from trainers.data.items import Item
from trainers.data.prompts import prompt_text
from trainers.scoring.scoring import judged


@dataclass(frozen=True)
class Rewards:
    """The recipe's reward functions for TRL, with their weights, over one verifier that looks once at an answer."""

    functions: list[Any]
    names: list[str]
    weights: list[float]
    judge: Judge


@blame("reward")
def reward_functions(attempt: Attempt, items: Sequence[Item], tokenizer: Any) -> Rewards:
    """Load them. Raises CockpitError naming the one that can't be loaded."""
    parts = [(part.source, part.weight) for part in attempt.recipe.rewards] or [("verifier", 1.0)]
    judge = Judge(attempt, items, tokenizer)
    made = [_function(source, tokenizer, judge) for source, _ in parts]
    return Rewards(made, [f.__name__ for f in made], [weight for _, weight in parts], judge)


def _function(source: str, tokenizer: Any, judge: Judge) -> _Reward:
    if source == "verifier":
        return VerifierReward(judge)
    if source == "format":
        return FormatReward(judge)
    if source.startswith("model:"):
        return ModelReward(source.removeprefix("model:"), judge, tokenizer)
    return UserReward(source, judge)


def text_of(completion: Any) -> str:
    """A completion's text: TRL gives messages where the prompt was one."""
    return completion if isinstance(completion, str) else completion[-1]["content"]


class Judge:
    """The verifier's view of a batch, once for all the reward functions that ask. `born`: the step that sampled it."""

    def __init__(self, attempt: Attempt, items: Sequence[Item], tokenizer: Any) -> None:
        self.attempt = attempt
        self.items = items
        prompt = prompt_text(tokenizer, items[0].prompt, attempt.recipe) if tokenizer and items else ""
        self.verifier = verifiers.load(attempt.recipe.verifier).after(prompt)
        self.born = 0
        self.found: list[dict[str, Any]] = []
        self._key: object = None

    def see(self, given: dict[str, Any]) -> None:
        """Judge the batch, unless it was seen already; leave on record whose answers these are (see `rollouts`)."""
        state, item = given.get("trainer_state"), given["item"]
        texts = [text_of(said) for said in given["completions"]]
        key = (state.global_step if state is not None else None, tuple(item), tuple(texts))
        if key == self._key:
            return
        self._key = key
        verdicts = self.verifier.many(
            [(text, self.items[i].row) for i, text in zip(item, texts, strict=True)]
        )
        self.found = [
            judged(self.verifier, self.items[i], text, verdict)
            for verdict, i, text in zip(verdicts, item, texts, strict=True)
        ]
        if state is not None:
            self.born = int(state.global_step)
        if log_extra := given.get("log_extra"):
            log_extra("item", list(item))
        if log := given.get("log_metric"):
            count = max(1, len(self.found))
            log("parsed", sum(row["parsed"] is not None for row in self.found) / count)
            log("verifier", sum(row["score"] for row in self.found) / count)


class _Reward:
    """A reward function: the judge sees each batch first, so that its verdicts and the items are on record."""

    __name__ = ""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def __call__(self, **given: Any) -> list[float | None]:
        self.judge.see(given)
        return self.score(given)

    def score(self, given: dict[str, Any]) -> list[float | None]:
        raise NotImplementedError


class VerifierReward(_Reward):
    """0..1 a completion, exactly what the verifier says of it: what scores the held-out set is what is trained for."""

    __name__ = "verifier"  # TRL logs rewards/verifier/mean by it

    def score(self, given: dict[str, Any]) -> list[float | None]:
        return [row["score"] for row in self.judge.found]


class FormatReward(_Reward):
    """1 where the verifier found an answer to judge, else 0: a first step for a model that never gets it all right."""

    __name__ = "format"

    def score(self, given: dict[str, Any]) -> list[float | None]:
        return [float(row["parsed"] is not None) for row in self.judge.found]


class UserReward(_Reward):
    """A TRL reward function of the user's, `module:function`, found beside the workspace or installed."""

    def __init__(self, source: str, judge: Judge) -> None:
        super().__init__(judge)
        self.source = source
        module, _, name = source.partition(":")
        self.__name__ = name or source
        here = os.getcwd()
        if here not in sys.path:
            sys.path.append(here)  # last, so that nothing there shadows a library
        try:
            self.function: Any = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise CockpitError(
                f"the reward {source!r} can't be loaded: {error}",
                "Write it as module:function; the module lies in the workspace's folder or is installed.",
            ) from error

    @blame("reward")
    def score(self, given: dict[str, Any]) -> list[float | None]:
        try:
            rewards = list(self.function(**given))
        except Exception as error:
            raise CockpitError(
                f"the reward {self.source!r} failed: {type(error).__name__}: {error}"
            ) from error
        wanted = len(given["completions"])
        odd = next((r for r in rewards if r is not None and not _finite(r)), None)
        if len(rewards) != wanted or odd is not None:
            what = f"{odd!r}" if odd is not None else f"{len(rewards)} values"
            raise CockpitError(
                f"the reward {self.source!r} gave {what} for {wanted} completions",
                "It must give one finite number (or None) for each.",
            )
        return rewards


class ModelReward(_Reward):
    """A reward model's number. Flagged: a learnt reward gets hacked, so it is the last resort."""

    __name__ = "reward_model"

    def __init__(self, place: str, judge: Judge, tokenizer: Any) -> None:
        super().__init__(judge)
        from trainers.model import loading

        self.tokenizer = tokenizer
        self.model: Any = loading.load_scorer(
            judge.attempt.recipe, tokenizer, training=False, checkpoint=place
        )
        flag_learnt(judge.attempt, f"reward model:{place}")

    def score(self, given: dict[str, Any]) -> list[float | None]:
        from trainers.data.prompts import answer_ids
        from trainers.scoring.pair_scoring import rewards

        recipe, items = self.judge.attempt.recipe, self.judge.items
        ids: list[list[int]] = []
        for index, said in zip(given["item"], given["completions"], strict=True):
            item = items[index]
            head, tail = answer_ids(self.tokenizer, item.prompt, text_of(said), recipe, item.tools)
            ids.append(head + tail)
        return list(rewards(self.model, self.tokenizer, ids, recipe.generation.batch_size))


def flag_learnt(attempt: Attempt, what: str) -> None:
    """Say once that the reward is a model and what to watch instead of it."""
    attempt.out.finding(
        "learnt-reward",
        "info",
        "The reward is a learnt model, which gets hacked",
        [what, "the verifier's mean is logged beside it where the items have answers"],
        "Watch the verifier's score and the mini-eval, not the reward; where a verifier can be written, train on it.",
    )


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
