"""The verifier as the reward, format included; and rollouts with their rewards, written to samples/ now and then."""

from __future__ import annotations

from typing import Any

from cockpit import verifiers
from cockpit.contract import CockpitError
from trainers.common.attempt import RANK, Attempt
from trainers.common.data import Item, read_items, read_rows
from trainers.common.overlap import refuse_overlap
from trainers.common.render import prompt_text, training_prompt
from trainers.common.scoring import judged

SAMPLE_ROWS = 64
"""At most so many rollouts a file: whole groups, the first ones."""


def rl_dataset(attempt: Attempt, tokenizer: Any) -> tuple[list[dict[str, Any]], list[Item]]:
    """TRL rows (prompt, and the item's place in the list beside it), after the guardrail. Raises CockpitError."""
    recipe = attempt.recipe
    if recipe.data.train is None:
        raise CockpitError("the recipe names no training file", "Set data.train.")
    refuse_overlap(recipe, read_rows(recipe.data.train))
    items = read_items(recipe.data.train, recipe.data.columns, name="training data")
    rows = [
        {"prompt": training_prompt(tokenizer, item.prompt, recipe), "item": index}
        for index, item in enumerate(items)
    ]
    return rows, items


class VerifierReward:
    """A reward function for TRL: 0..1 a completion, exactly what the verifier says of it."""

    __name__ = "verifier"  # TRL logs rewards/verifier/mean by it

    def __init__(self, attempt: Attempt, items: list[Item], tokenizer: Any) -> None:
        self.attempt = attempt
        self.items = items
        self.tokenizer = tokenizer
        self.verifier = verifiers.load(attempt.recipe.verifier)
        self._sampled = 0

    def __call__(
        self, *, prompts: list[Any], completions: list[Any], item: list[int], **columns: Any
    ) -> list[float | None]:
        texts = [said if isinstance(said, str) else said[-1]["content"] for said in completions]
        found = [judged(self.verifier, self.items[i], text) for i, text in zip(item, texts, strict=True)]
        if log := columns.get("log_metric"):
            log("parsed", sum(row["parsed"] is not None for row in found) / max(1, len(found)))
        if columns.get("trainer_state") is not None:
            self._sample(columns["trainer_state"], item, found)
        return [row["score"] for row in found]

    def _sample(self, state: Any, item: list[int], found: list[dict[str, Any]]) -> None:
        """Write this step's rollouts: at the first step, then at every tenth, or every hundredth of a long run."""
        step = state.global_step + 1
        every = max(10, state.max_steps // 100)
        if RANK or step == self._sampled or (step != 1 and step % every):
            return
        self._sampled = step
        rows = [
            {
                "item": self.items[i].id,
                "split": "train",
                "step": step,
                "prompt": prompt_text(self.tokenizer, self.items[i].prompt, self.attempt.recipe),
                "rewards": {self.__name__: row["score"]},
                "group": self.items[i].id,
            }
            | row
            for i, row in zip(item[:SAMPLE_ROWS], found[:SAMPLE_ROWS], strict=True)
        ]
        self.attempt.out.samples(step, "train", rows)
