"""Rejection sampling in rounds: the current policy answers, the rewards judge, what survives is trained on.

Every round's samples lie whole in `rollouts/round_01.jsonl`, with the id of the policy that gave them. A round is only
trained on samples of the policy that begins it: others are refused.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from transformers import TrainerCallback
from trl import SFTTrainer

from cockpit.contract import CockpitError
from cockpit.contract.recipe import GenerationSettings
from trainers.common.attempt import RANK, Attempt
from trainers.common.begun import begun
from trainers.common.freshness import policy_id
from trainers.common.generate import Completion, generate
from trainers.common.render import answer_ids, prompt_text
from trainers.common.rewards import Rewards
from trainers.common.rft_config import RftConfig
from trainers.common.sampling import SAMPLE_ROWS
from trainers.common.scoring import judged

Row = dict[str, Any]


@dataclass
class Sampler:
    """Samples a round from a model, or finds it sampled."""

    attempt: Attempt
    rewards: Rewards
    tokenizer: Any
    config: RftConfig
    reported: int | None = None

    def round(self, number: int, began: int, step: int, model: Any) -> list[Row]:
        """Every sample of round `number` (from 0), which began after `began` steps and stands at `step` now.

        Survivors have `kept`. `model` is the policy at `step`. Raises CockpitError where none survives.
        """
        path = self.attempt.layout.root / "rollouts" / f"round_{number + 1:02d}.jsonl"
        rows = self._known(path, [policy_id(self.attempt, at) for at in range(began, step + 1)])
        if rows is None:
            rows = self._sample(number, step, model)
            self.attempt.out.rows(path, rows)
            self.attempt.out.samples(max(1, step), "train", rows[:SAMPLE_ROWS])
        if number != self.reported:
            self._report(number, rows)
            self.reported = number
        return rows

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

    def _sample(self, number: int, step: int, model: Any) -> list[Row]:
        items, config, recipe = self.rewards.judge.items, self.config, self.attempt.recipe
        self.attempt.stage("training", f"sampling round {number + 1} of {config.rounds}")
        prompts = [prompt_text(self.tokenizer, item.prompt, recipe) for item in items]
        asked = [index for index in range(len(items)) for _ in range(config.num_generations)]
        settings = GenerationSettings(
            max_new_tokens=config.max_completion_length or recipe.generation.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
            batch_size=max(recipe.generation.batch_size, config.per_device_train_batch_size),
        )
        seed = recipe.seed + 1000 * number

        def build() -> list[Completion]:
            wanted = [prompts[index] for index in asked]
            return generate(model, self.tokenizer, wanted, settings, seed=seed, stop=self.attempt.stop)

        said = build() if step else begun(recipe, model, [prompts, asked], settings, seed, build)
        texts = [completion.text for completion in said]
        each = self._rewards(asked, texts)
        rows = [
            {
                "item": items[index].id,
                "split": "train",
                "step": step,
                "prompt": prompts[index],
                "rewards": {name: values[i] for name, values in each.items()},
                "group": items[index].id,
                "policy_id": policy_id(self.attempt, step),
                "age": 0,
                "truncated": said[i].truncated,
                "index": index,
            }
            | judged(self.rewards.judge.verifier, items[index], texts[i])
            for i, index in enumerate(asked)
        ]
        return self._select(rows)

    def _rewards(self, asked: list[int], texts: list[str]) -> dict[str, list[float | None]]:
        items, recipe = self.rewards.judge.items, self.attempt.recipe
        prompts = [prompt_text(self.tokenizer, items[i].prompt, recipe) for i in asked]
        given: dict[str, Any] = {"prompts": prompts, "completions": texts, "item": asked}
        functions = zip(self.rewards.names, self.rewards.functions, strict=True)
        return {name: function(**given) for name, function in functions}

    def _select(self, rows: list[Row]) -> list[Row]:
        """Mark the survivors: rewarded enough, whole, no repetition, and not too many of one prompt."""
        weights = dict(zip(self.rewards.names, self.rewards.weights, strict=True))
        groups: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            row["reward"] = round(sum(w * (row["rewards"][n] or 0.0) for n, w in weights.items()), 6)
            groups[row["group"]].append(row["reward"])
        kept: dict[str, set[str]] = defaultdict(set)
        for row in sorted(rows, key=lambda row: -row["reward"]):
            taken = kept[row["group"]]
            row["group_mean"] = round(statistics.fmean(groups[row["group"]]), 4)
            row["group_std"] = round(statistics.pstdev(groups[row["group"]]), 4)
            row["advantage"] = None
            row["kept"] = (
                row["reward"] >= self.config.min_reward
                and not row["truncated"]
                and row["completion"] not in taken
                and len(taken) < self.config.keep_per_prompt
            )
            if row["kept"]:
                taken.add(row["completion"])
        return rows

    def _report(self, number: int, rows: list[Row]) -> None:
        rewards = [row["reward"] for row in rows]
        kept = sum(row["kept"] for row in rows)
        solved = len({row["group"] for row in rows if row["kept"]})
        good = sum(row["reward"] >= self.config.min_reward for row in rows)
        self.attempt.gauges |= {
            "reward": statistics.fmean(rewards),
            "reward_std": statistics.pstdev(rewards),
            "rollouts/kept_share": kept / len(rows),
            "rollouts/good_share": good / len(rows),
        }
        for name in self.rewards.names:
            values = [row["rewards"][name] or 0.0 for row in rows]
            self.attempt.gauges |= {
                f"rewards/{name}/mean": statistics.fmean(values),
                f"rewards/{name}/std": statistics.pstdev(values),
            }
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


class Survivors(TorchDataset[Row]):
    """The rows that a round trains on, as token ids, in a seeded order that goes round; as long as a round needs."""

    def __init__(self, sampler: Sampler, length: int) -> None:
        self.sampler = sampler
        self.length = length
        self.rows: list[Row] = []

    def fill(self, samples: list[Row], number: int) -> None:
        """Take the survivors of round `number`."""
        sampler = self.sampler
        recipe, limit = sampler.attempt.recipe, sampler.config.max_length
        made: list[Row] = []
        for row in samples:
            if not row["kept"]:
                continue
            head, tail = answer_ids(
                sampler.tokenizer, sampler.rewards.judge.items[row["index"]].prompt, row["completion"], recipe
            )
            if limit is None or len(head) + len(tail) <= limit:
                made.append({"input_ids": head + tail, "labels": [-100] * len(head) + tail})
        if not made:
            raise CockpitError(f"every survivor is longer than max_length={limit}", "Raise max_length.")
        rng, order = random.Random(recipe.seed + number), list[Row]()
        while len(order) < self.length:
            rng.shuffle(made)
            order += made
        self.rows = order[: self.length]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]


class RftTrainer(SFTTrainer):
    """SFTTrainer on the survivors; one epoch of it is one round."""

    survivors: Survivors

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The survivors in their own order: `fill` has shuffled them."""
        loader: DataLoader[Any] = DataLoader(
            self.survivors, batch_size=self.args.per_device_train_batch_size, collate_fn=self.data_collator
        )
        return self.accelerator.prepare(loader)


class Rounds(TrainerCallback):
    """Samples anew at the beginning of each round, and says how old the samples are at each step."""

    def __init__(self, trainer: RftTrainer, steps: int) -> None:
        self.trainer = trainer
        self.steps = steps
        self.born = 0
        self.attempt = trainer.survivors.sampler.attempt

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        number = state.global_step // self.steps
        model = self.trainer.accelerator.unwrap_model(kwargs["model"])
        sampler = self.trainer.survivors.sampler
        samples = sampler.round(number, number * self.steps, state.global_step, model)
        self.born = samples[0]["step"]
        self.trainer.survivors.fill(samples, number)
        if not self.attempt.stop and RANK == 0:
            self.attempt.out.stage("training", f"round {number + 1}")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.attempt.gauges["samples/age"] = float(state.global_step - 1 - self.born)


def steps_a_round(config: RftConfig, survivors: int) -> int:
    """Optimizer steps a round: max_steps shared out, or `num_train_epochs` passes over the first round's survivors."""
    if config.max_steps > 0:
        return max(1, config.max_steps // config.rounds)
    batch = (
        config.per_device_train_batch_size * config.gradient_accumulation_steps * max(1, config.world_size)
    )
    return max(1, math.ceil(survivors * config.num_train_epochs / batch))
