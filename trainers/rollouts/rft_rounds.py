"""The rounds of RFT on top of TRL's SFTTrainer: one epoch of it is one round, on the survivors of its samples."""

from __future__ import annotations

import math
import random
from typing import Any

from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from transformers import TrainerCallback
from trl import SFTTrainer

from cockpit.contract import CockpitError
from trainers.data.prompts import answer_ids
from trainers.loop.trainer import CockpitTrainer
from trainers.rollouts.rft_config import RftConfig
from trainers.rollouts.rft_sampling import Row, Sampler


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
            for prompt, said, tools in sampler.learnt(row) if row["kept"] else ():
                head, tail = answer_ids(sampler.tokenizer, prompt, said, recipe, tools)
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


class RftTrainer(CockpitTrainer, SFTTrainer):
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
        if sampler.given is not None:
            if number == 0:
                self.born -= sampler.given.age
            else:
                self.attempt.extra_metrics["samples/stale_share"] = (
                    0.0  # from here on every sample is this policy's
                )
        self.trainer.survivors.fill(samples, number)
        if not self.attempt.stop and self.attempt.processes.first:
            self.attempt.out.stage("training", f"round {number + 1}")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.attempt.extra_metrics["samples/age"] = float(state.global_step - 1 - self.born)


def steps_a_round(config: RftConfig, survivors: int) -> int:
    """Optimizer steps a round: max_steps shared out, or `num_train_epochs` passes over the first round's survivors."""
    if config.max_steps > 0:
        return max(1, config.max_steps // config.rounds)
    batch = (
        config.per_device_train_batch_size * config.gradient_accumulation_steps * max(1, config.world_size)
    )
    return max(1, math.ceil(survivors * config.num_train_epochs / batch))
