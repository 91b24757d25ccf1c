"""What PPO needs beside the loop: tokenized prompts, the reward model's folder, and its rollouts written down."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from cockpit import verifiers
from cockpit.contract import CockpitError
from cockpit.data.rows import Row, checked_answer, prompt_of
from cockpit.data.rows import value as column
from cockpit.data.tools import tools_of
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame
from trainers.data.freshness import policy_id
from trainers.data.items import Item, as_text, refuse_tools
from trainers.data.overlap import training_rows
from trainers.data.prompts import prompt_text
from trainers.rollouts.rewards import flag_learnt
from trainers.rollouts.sampling import SAMPLE_ROWS, due
from trainers.scoring.scoring import judged

TRL = "1.12"


def needs_old_trl() -> None:
    """Raise CockpitError where this interpreter's TRL has no PPO."""
    found = importlib.metadata.version("trl")
    if not found.startswith(TRL + "."):
        raise CockpitError(
            f"TRL {found} has no PPO: {TRL}.0 was the last that had it",
            "Make its environment (cockpit env add ppo); or take GRPO or RLOO, which need no reward model.",
        )


@blame("reward")
def reward_model_path(attempt: Attempt) -> str:
    """The folder of the reward model. Raises CockpitError; says that a learnt reward gets hacked."""
    given = attempt.recipe.trainer.get("reward_model_path")
    if not isinstance(given, str) or not given:
        raise CockpitError(
            "PPO needs a reward model",
            "Train one (cockpit new reward …), then set reward_model_path to its experiment.",
        )
    flag_learnt(attempt, f"reward_model_path {given}")
    return given


@blame("data")
def ppo_dataset(attempt: Attempt, tokenizer: Any) -> tuple[list[Row], list[Item]]:
    """Prompts as token ids, after the guardrail; items whose gold answer is unknown have an empty one."""
    recipe, items = attempt.recipe, list[Item]()
    for number, row in enumerate(training_rows(recipe), 1):
        prompt = prompt_of(row, recipe.data.columns)
        if prompt is None:
            raise CockpitError(
                f"row {number} has no prompt: its columns are {', '.join(row)}",
                "Name the column under data.columns.",
                file=Path(recipe.data.train or ""),
            )
        gold = checked_answer(row, recipe.data.columns)
        gold = "" if gold is None else gold
        label = column(row, "id", recipe.data.columns)
        items.append(
            Item(str(label or f"train-{number:05d}"), prompt, as_text(gold), {**row, "answer": gold},
                 tuple(tools_of(column(row, "tools", recipe.data.columns)) or ()))
        )  # fmt: skip
    refuse_tools(enumerate(items, 1), recipe, tokenizer)
    encode = {"add_special_tokens": tokenizer.chat_template is None}
    rows = [
        {"input_ids": tokenizer(prompt_text(tokenizer, i.prompt, recipe), **encode)["input_ids"]}
        for i in items
    ]
    return rows, items


class PpoRollouts:
    """Is told of each batch that the reward model scored: the verifier's view as an extra metric, a few samples."""

    def __init__(self, attempt: Attempt, items: list[Item], tokenizer: Any) -> None:
        self.attempt = attempt
        self.tokenizer = tokenizer
        self.verifier = verifiers.load(attempt.recipe.verifier)
        self.items = {prompt_text(tokenizer, item.prompt, attempt.recipe): item for item in items}
        self.step = 0

    def __call__(self, query_responses: Any, scores: Any) -> None:
        self.step += 1
        rows = [row for ids, score in zip(query_responses.tolist(), scores.tolist(), strict=True)
                if (row := self._row(ids, score)) is not None]  # fmt: skip
        if not rows or not self.attempt.processes.first:
            return
        self.attempt.extra_metrics["rewards/verifier/mean"] = sum(row["score"] for row in rows) / len(rows)
        if due(self.step, int(str(self.attempt.recipe.trainer.get("max_steps") or 0))):
            self.attempt.out.samples(self.step, "train", rows[:SAMPLE_ROWS])

    def _row(self, ids: list[int], score: float) -> dict[str, Any] | None:
        pad = self.tokenizer.pad_token_id
        text = self.tokenizer.decode([token for token in ids if token != pad], skip_special_tokens=False)
        prompt = next((known for known in self._starts(text)), None)
        if prompt is None:
            return None
        item = self.items[prompt]
        said = text[len(prompt) :].removesuffix(self.tokenizer.eos_token or "")
        return {
            "item": item.id,
            "split": "train",
            "step": self.step,
            "prompt": prompt,
            "rewards": {"reward_model": round(score, 4)},
            "group": item.id,
            "policy_id": policy_id(self.attempt, self.step - 1),
            "age": 0,
        } | judged(self.verifier.after(prompt), item, said)

    def _starts(self, text: str) -> list[str]:
        """The prompt that `text` begins with (the longest, if several do)."""
        return sorted((known for known in self.items if text.startswith(known)), key=len, reverse=True)[:1]
