"""What a technique is scored on, and by what: items by the verifier, or pairs by their order."""

from __future__ import annotations

from typing import Any, Literal

from cockpit import verifiers
from trainers.data.rows import eval_items
from trainers.loop.attempt import Attempt

Slice = Literal["mini_eval", "held_out"]


def load(attempt: Attempt, which: Slice) -> tuple[list[Any], Any]:
    """The items of a slice and their judge (with a `fingerprint`). Raises CockpitError."""
    recipe = attempt.recipe
    if recipe.technique == "reward":
        from trainers.scoring.pair_scoring import PairAccuracy, slices

        _, mini, held_out = slices(attempt)
        return (mini if which == "mini_eval" else held_out), PairAccuracy()
    path = recipe.data.mini_eval if which == "mini_eval" else recipe.data.held_out
    name = "mini-eval" if which == "mini_eval" else "held-out set"
    return eval_items(path, recipe.data.columns, name=name), verifiers.load(recipe.verifier)
