"""TRL 1.12.0's PPO loop made to behave like the other trainers: it stops when asked, resumes, and shows its rollouts.

The loop upstream ignores `should_training_stop`, saves the policy without its value model, takes no checkpoint to go on
from, and keeps its rollouts to itself. Import only where TRL 1.12.0 is installed (`cockpit env add ppo`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from transformers import TrainerCallback
from trl.experimental.ppo import PPOTrainer, ppo_trainer  # type: ignore[attr-defined]

from cockpit.contract.bounded.checkpoint import step_of
from trainers.loop.trainer import CockpitTrainer

VALUE = "value_model.safetensors"
LOGGED = {
    "objective/scores": "reward",
    "objective/kl": "kl",
    "policy/entropy_avg": "entropy",
    "loss/policy_avg": "loss",
}
"""What the other trainers call it. The KL is of a whole answer here, not of a token."""
Seen = Callable[[torch.Tensor, torch.Tensor], None]


class _Over(Exception):
    """The way out of a loop that has none."""


class _Way(TrainerCallback):
    """First in line at the beginning, to say where a resumed loop stands; last in line after a save, to end it."""

    def __init__(self, trainer: PpoTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        state.global_step = self.trainer.done
        state.max_steps = self.trainer.total

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if control.should_training_stop:
            raise _Over


class PpoTrainer(CockpitTrainer, PPOTrainer):
    """Call `seen(query_responses, scores)` with every batch that the reward model scores."""

    def __init__(self, *args: Any, seen: Seen, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.callback_handler.train_dataloader = self.dataloader
        both = self.accelerator.unwrap_model(self.model)
        if both is not self.model:
            # The loop asks the model for its policy, which DDP's wrapper does not pass on. Not by setattr: that would
            # make it one more module, and the weights be there twice.
            self.model.__dict__["policy"] = both.policy
        self.is_distributed_loading_by_transformers = (
            False  # younger than this loop, whose __init__ is its own
        )
        self.done = 0
        self.total: int = self.args.num_total_batches
        self._began = time.perf_counter()
        self._listen(seen)

    def train(self, resume_from_checkpoint: Path | None = None) -> None:  # type: ignore[override]
        """Run the loop until its end, an early stop or a request."""
        if resume_from_checkpoint:
            self._restore(resume_from_checkpoint)
        # Last in line: the callbacks that judge a checkpoint were added after the trainer was made.
        self.add_callback(_Way(self))
        self.args.num_total_batches = self.total - self.done
        self._began = time.perf_counter()
        try:
            super().train()
        except _Over:
            self.control = self.callback_handler.on_train_end(self.args, self.state, self.control)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """TRL's numbers, with the names that the other trainers use beside them."""
        now = time.perf_counter()
        same = {ours: logs[theirs] for theirs, ours in LOGGED.items() if theirs in logs}
        pace = {"step_time": round(now - self._began, 4)}
        self._began = now
        super().log({**logs, **same, **pace}, start_time)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if not self.args.should_save or self.save_error:  # rank 0 does
            return
        with self._noting_save_errors():
            save_model(self.value_model, str(folder / VALUE))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The policy of a checkpoint; the wrapper around policy and value model has no weights file of its own."""
        super()._load_from_checkpoint(resume_from_checkpoint, model or self.policy_model)

    def _restore(self, folder: Path) -> None:
        """Weights of both models, optimizer and schedule; the order of the prompts begins anew."""
        self._load_from_checkpoint(str(folder))
        if (folder / VALUE).is_file():
            load_model(self.value_model, str(folder / VALUE))
        for name, part in (("optimizer.pt", self.optimizer), ("scheduler.pt", self.lr_scheduler)):
            if (folder / name).is_file():
                part.load_state_dict(torch.load(folder / name, map_location="cpu", weights_only=True))
        self.done = step_of(folder) or 0

    def _listen(self, seen: Seen) -> None:
        """Look over the loop's shoulder: it scores its rollouts through one function of its module."""
        score = ppo_trainer.get_reward

        def scored(model: Any, query_responses: torch.Tensor, *args: Any) -> Any:
            result = score(model, query_responses, *args)
            if model is self.reward_model:
                seen(query_responses, result[1])
            return result

        ppo_trainer.get_reward = scored
