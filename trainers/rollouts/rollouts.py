"""Rollouts on the record: prompt, answer, every reward, the group's mean and spread, advantage, and whose they are.

Source: "On-policy freshness for RL". `age` counts the optimizer steps between the policy that sampled and the update
that learns from it: 0 is on-policy, more comes from `num_iterations` or `steps_per_generation` above one.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

from transformers import TrainerCallback

from trainers.data.freshness import policy_id
from trainers.data.prompts import prompt_text
from trainers.rollouts.rewards import Rewards, text_of
from trainers.rollouts.sampling import SAMPLE_ROWS, due
from trainers.scoring.scoring import judged


class Rollouts(TrainerCallback):
    """Writes the rollouts of a step now and then, out of what TRL keeps of them for its own logs."""

    def __init__(self, trainer: Any, rewards: Rewards, tokenizer: Any) -> None:
        self.trainer = trainer
        self.rewards = rewards
        self.judge = rewards.judge
        self.attempt = rewards.judge.attempt
        self.tokenizer = tokenizer
        self.failed = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.attempt.extra_metrics["samples/age"] = float(max(0, state.global_step - 1 - self.judge.born))
        if not self.attempt.processes.first or not due(state.global_step, state.max_steps):
            return
        try:
            rows = self._rows(state.global_step)
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            # Read out of TRL's own logs: another release may keep them elsewhere, which must not end a run.
            if not self.failed:
                self.attempt.notice(
                    f"The rollouts can't be written: {type(error).__name__}: {error}.", "warning"
                )
            self.failed = True
            return
        self.attempt.out.samples(state.global_step, "train", rows)

    def _rows(self, step: int) -> list[dict[str, Any]]:
        kept: Any = self.trainer._logs
        items = list(kept["extra"]["item"])
        completions, advantages = list(kept["completion"]), list(kept["advantages"])
        count = min(len(items), len(completions), len(advantages), SAMPLE_ROWS)
        values = {name: list(kept["rewards"][name]) for name in self.rewards.names}
        totals = [
            sum(
                w * (values[n][i] or 0.0)
                for n, w in zip(self.rewards.names, self.rewards.weights, strict=True)
            )
            for i in range(len(items))
        ]
        groups: dict[int, list[float]] = defaultdict(list)
        for index, item in enumerate(items):
            groups[item].append(totals[index])
        return [
            self._row(step, items[i], text_of(completions[i]), {n: values[n][i] for n in values}, advantages[i],
                      groups[items[i]])
            for i in range(count)
        ]  # fmt: skip

    def _row(
        self, step: int, index: int, said: str, rewards: dict[str, Any], advantage: float, group: list[float]
    ) -> dict[str, Any]:
        item = self.judge.items[index]
        return {
            "item": item.id,
            "split": "train",
            "step": step,
            "prompt": prompt_text(self.tokenizer, item.prompt, self.attempt.recipe),
            "rewards": rewards,
            "group": item.id,
            "group_mean": round(statistics.fmean(group), 4),
            "group_std": round(statistics.pstdev(group), 4),
            "advantage": round(advantage, 4),
            "kept": advantage != 0.0,
            "policy_id": policy_id(self.attempt, self.judge.born),
            "age": max(0, step - 1 - self.judge.born),
        } | judged(self.judge.verifier, item, said)
