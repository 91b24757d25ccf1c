"""RFT's samples: the current policy answers, the rewards judge, what is right survives; a round at a time.

Every round's samples lie whole in `rollouts/round_01.jsonl`, with the id of the policy that gave them. A round is only
trained on samples of the policy that begins it: others are refused. The one exception is asked for: a first round of
scored trajectories that the training file brings (see `rft_given`), which say themselves whose they are.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError
from cockpit.contract.recipe import GenerationSettings
from trainers.attempt.attempt import Attempt
from trainers.data.freshness import policy_id
from trainers.data.prompts import prompt_text
from trainers.rollouts import reuse
from trainers.rollouts.rewards import Rewards
from trainers.rollouts.rft_config import RftConfig
from trainers.rollouts.rft_given import Given, Taught
from trainers.rollouts.sampling import SAMPLE_ROWS
from trainers.scoring.scoring import judged

Row = dict[str, Any]


@dataclass
class Sampler:
    """Samples a round from a model, or finds it sampled. With several processes rank 0 judges, and all get the rows."""

    attempt: Attempt
    rewards: Rewards
    tokenizer: Any
    config: RftConfig
    given: Given | None = None
    reported: int | None = None

    def round(self, number: int, began: int, step: int, model: Any) -> list[Row]:
        """Every sample of round `number` (from 0), which began after `began` steps and stands at `step` now.

        Survivors have `kept`. `model` is the policy at `step`. Raises CockpitError where none survives.
        """
        path = self.attempt.layout.root / "rollouts" / f"round_{number + 1:02d}.jsonl"
        if number == 0 and self.given is not None:
            rows = select(self.given.rows(), self.config, lambda row: row["good"])
            self.attempt.out.rows(path, rows)
        else:
            policies = [policy_id(self.attempt, at) for at in range(began, step + 1)]
            processes = self.attempt.processes
            known = processes.from_first(self._known(path, policies) if processes.first else None)
            rows = known if known is not None else self._sample(number, step, model, path)
        if number != self.reported:
            self._report(number, rows)
            self.reported = number
        return rows

    def learnt(self, row: Row) -> list[Taught]:
        """What a survivor teaches: prompts, each with the answer to it and the tools that it may call."""
        if self.given is not None and row.get("given") is not None:
            return self.given.answers[row["given"]]
        item = self.rewards.judge.items[row["index"]]
        return [(item.prompt, row["completion"], item.tools)]

    def _known(self, path: Path, policies: list[str]) -> list[Row] | None:
        """A round that was sampled before a resume; None where there is none, or where it is another policy's."""
        try:
            rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        except (OSError, ValueError):
            return None
        whose = next((row.get("policy_id") for row in rows if row.get("policy_id") not in policies), None)
        if whose is not None:
            said = f"{path.name} was sampled by {whose}, not by {policies[0]}: sampled anew."
            self.attempt.notice(said, "warning")
            return None
        return rows

    def _sample(self, number: int, step: int, model: Any, path: Path) -> list[Row]:
        items, config, recipe = self.rewards.judge.items, self.config, self.attempt.recipe
        self.attempt.stage("training", f"sampling round {number + 1} of {config.rounds}")
        prompts = [prompt_text(self.tokenizer, item.prompt, recipe, item.tools) for item in items]
        asked = [index for index in range(len(items)) for _ in range(config.num_generations)]
        policy = policy_id(self.attempt, step)
        sampled = reuse.sample(
            self.attempt,
            model,
            self.tokenizer,
            [prompts[index] for index in asked],
            GenerationSettings(
                max_new_tokens=config.max_completion_length or recipe.generation.max_new_tokens,
                temperature=config.temperature,
                top_p=config.top_p,
                batch_size=max(recipe.generation.batch_size, config.per_device_train_batch_size),
            ),
            seed=recipe.seed + 1000 * number,
            policy=policy,
        )
        if sampled.by != policy:
            self.attempt.notice(
                f"Round {number + 1}: {len(asked)} samples are taken from {sampled.by}, which has the very same "
                "weights and was asked the same with the same settings and seed."
            )
        rows: list[Row] = []
        # A reward of the user's may be different each time: one process asks it, for all.
        if self.attempt.processes.first:
            rows = self._judged(sampled, asked, prompts, step)
            self.attempt.out.rows(path, rows)
            self.attempt.out.samples(max(1, step), "train", rows[:SAMPLE_ROWS])
        return self.attempt.processes.from_first(rows)

    def _judged(self, sampled: reuse.Sampled, asked: list[int], prompts: list[str], step: int) -> list[Row]:
        items, said = self.rewards.judge.items, sampled.said
        policy = policy_id(self.attempt, step)
        texts = [completion.text for completion in said]
        given: dict[str, Any] = {"prompts": [prompts[i] for i in asked], "completions": texts, "item": asked}
        functions = zip(self.rewards.names, self.rewards.functions, strict=True)
        each: dict[str, list[float | None]] = {name: function(**given) for name, function in functions}
        weights = dict(zip(self.rewards.names, self.rewards.weights, strict=True))
        rows: list[Row] = []
        for i, index in enumerate(asked):
            rewards = {name: values[i] for name, values in each.items()}
            row = {
                "item": items[index].id,
                "split": "train",
                "step": step,
                "prompt": prompts[index],
                "rewards": rewards,
                "reward": round(sum(w * (rewards[n] or 0.0) for n, w in weights.items()), 6),
                "group": items[index].id,
                "policy_id": policy,
                "age": 0,
                "truncated": said[i].truncated,
                "index": index,
            }
            row |= judged(self.rewards.judge.verifier, items[index], texts[i])
            rows.append(row | ({"sampled_by": sampled.by} if sampled.by != policy else {}))
        least = self.config.min_reward
        return select(rows, self.config, lambda row: row["reward"] >= least and not row["truncated"])

    def _report(self, number: int, rows: list[Row]) -> None:
        rewards = [row["reward"] for row in rows]
        kept = sum(row["kept"] for row in rows)
        solved = len({row["group"] for row in rows if row["kept"]})
        good = sum(row["good"] if "good" in row else row["reward"] >= self.config.min_reward for row in rows)
        self.attempt.extra_metrics |= {
            "reward": statistics.fmean(rewards),
            "reward_std": statistics.pstdev(rewards),
            "rollouts/kept_share": kept / len(rows),
            "rollouts/good_share": good / len(rows),
        }
        for name in rows[0]["rewards"]:
            values = [row["rewards"][name] or 0.0 for row in rows]
            self.attempt.extra_metrics |= {
                f"rewards/{name}/mean": statistics.fmean(values),
                f"rewards/{name}/std": statistics.pstdev(values),
            }
        if not kept and number == 0 and self.given is not None:
            raise CockpitError(
                f"none of the {len(rows)} trajectories of the training file passed, so nothing is left to learn from",
                "RFT only strengthens what a policy already does now and then: give easier prompts or more samples, or "
                "lower min_reward where the reward is graded.",
                file=self.attempt.recipe.data.train,
            )
        if not kept:
            raise CockpitError(
                f"round {number + 1}: none of {len(rows)} samples reached min_reward={self.config.min_reward:g}",
                "RFT only strengthens what the policy already does now and then: sample more (num_generations), "
                "teach the format by SFT first, or lower min_reward where the reward is graded.",
            )
        self.attempt.notice(
            f"Round {number + 1}: {good} of {len(rows)} samples are good enough; {kept} kept of {solved} of "
            f"{len({row['group'] for row in rows})} prompts, without repetitions."
        )


def select(rows: list[Row], config: RftConfig, good: Callable[[Row], bool]) -> list[Row]:
    """Mark the survivors with `kept`: what is `good`, no repetition, and not too many of one prompt, the best first."""
    groups: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[row["group"]].append(row["reward"])
    kept: dict[str, set[str]] = defaultdict(set)
    for row in sorted(rows, key=lambda row: -row["reward"]):
        taken = kept[row["group"]]
        row["group_mean"] = round(statistics.fmean(groups[row["group"]]), 4)
        row["group_std"] = round(statistics.pstdev(groups[row["group"]]), 4)
        row["advantage"] = None
        row["kept"] = good(row) and row["completion"] not in taken and len(taken) < config.keep_per_prompt
        if row["kept"]:
            taken.add(row["completion"])
    return rows
