"""RFT's own settings, beside SFTConfig's."""

from __future__ import annotations

from dataclasses import dataclass, field

from trl import SFTConfig


@dataclass
class RftConfig(SFTConfig):
    """`num_train_epochs` counts passes over the survivors of one round; `max_steps` is the whole run."""

    rounds: int = field(default=2, metadata={"help": "times that the current policy is sampled anew"})
    num_generations: int = field(default=8, metadata={"help": "samples a prompt"})
    temperature: float = field(default=1.0, metadata={"help": "of sampling"})
    top_p: float = field(default=1.0, metadata={"help": "of sampling"})
    max_completion_length: int = field(
        default=0, metadata={"help": "tokens; 0 takes generation.max_new_tokens"}
    )
    min_reward: float = field(default=1.0, metadata={"help": "a sample survives from this reward on"})
    keep_per_prompt: int = field(
        default=4, metadata={"help": "survivors a prompt, so that easy ones don't rule"}
    )
    max_age: int = field(
        default=-1,
        metadata={
            "help": "of scored trajectories in the training file: optimizer steps between their policy and the one "
            "that training begins with, at most; -1 takes all, and flags the stale ones"
        },
    )
