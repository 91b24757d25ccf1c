"""The techniques, and what groups of them have in common: each set once, for the cockpit and the trainers alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

TECHNIQUES = ("sft", "dpo", "kto", "orpo", "rft", "grpo", "rloo", "ppo", "reward")
"""Those that have a trainer of ours."""
RUNNABLE = (*TECHNIQUES, "custom")
"""Those that can be run: ours, and a trainer that somebody brings."""
GROUPED = ("grpo", "rloo")
"""Their advantage is the difference within the group of a prompt's completions."""
REWARDED = (*GROUPED, "ppo")
"""They learn from the rewards of what they sample, so that the loss says little."""
OFFLINE = tuple(name for name in TECHNIQUES if name not in REWARDED)
"""They learn from the rows that they are given (RFT: from those of its samples that it keeps), by their loss."""
SAMPLING = (*REWARDED, "rft")
"""They take prompts alone and sample the completions themselves."""
SEEING = ("sft", "dpo", "kto", "grpo", "rloo")
"""They learn from rows with images, where the model reads them."""
PAIRS = ("dpo", "orpo", "reward")
"""Their rows are pairs: a better and a worse answer to one prompt."""
PREFERENCES = (*PAIRS, "kto")
"""They learn from preferences: pairs, or answers that are marked one by one."""


def rewards_by_verifier(recipe: Recipe) -> bool:
    """Whether the verifier's word is what is rewarded: PPO's reward is its model's, others may name their own."""
    if recipe.technique == "ppo":
        return False
    return not recipe.rewards or any(part.source == "verifier" for part in recipe.rewards)
