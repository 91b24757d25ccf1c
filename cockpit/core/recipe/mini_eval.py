"""The mini-eval's size, cadence and patience, chosen together; and what they can resolve, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cockpit.contract import stopping
from cockpit.core.recipe.pace import evals_of, steps_of

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

MOST_ITEMS = 50  # tell a change of 0.1 within eight mini-evals or so; more cost more than they save
FEWEST_ITEMS = 10  # source text: 5 to 10 items, where answers are long
TOKENS_AN_ANSWER = 256  # generation.max_new_tokens where nobody sets it
_TOKENS = TOKENS_AN_ANSWER * MOST_ITEMS  # that one mini-eval may generate
PATIENCE = "mid_eval.patience"
WANTED = 0.1
"""A change worth telling: what the reason names the items for."""


def items_for(max_new_tokens: int) -> int:
    """Return how many items a mini-eval takes whose answers may be so long."""
    return max(FEWEST_ITEMS, min(MOST_ITEMS, _TOKENS // max(1, max_new_tokens)))


def fitted(recipe: Recipe, *, items: int, rows: int, asked: Mapping[str, Any]) -> Recipe:
    """Return the recipe with a patience for so many mini-evals, and the reason that says what they can resolve.

    A patience that somebody asked for stays.
    """
    if recipe.technique in ("baseline", "custom") or not recipe.mid_eval.early_stop or items < 1 or rows < 1:
        return recipe
    evals = evals_of(recipe, steps_of(recipe, rows))
    patience = recipe.mid_eval.patience
    if PATIENCE not in asked:
        patience = max(2, min(patience, evals // 4))
    mid_eval = recipe.mid_eval.model_copy(update={"patience": patience})
    reasons = {**recipe.reasons, PATIENCE: says(items, evals, patience)}
    return recipe.model_copy(update={"mid_eval": mid_eval, "reasons": reasons})


def says(items: int, evals: int, patience: int) -> str:
    """Say what the mini-evals of a run can tell from none, and how many items it would take."""
    step = f"{items} items move the score in steps of {1 / items:.2g}"
    if evals < stopping.SHORTEST + 1:
        return f"{step}; {evals} mini-eval(s) are too few to end the run early (lower mid_eval.every_steps for more)"
    window = min(2 * patience, evals - 1)
    told = stopping.resolvable(items, window)
    more = f"; {WANTED:g} would take {stopping.items_for(WANTED, window)}" if told > WANTED else ""
    least = math.ceil(100 * told) / 100
    return f"{step}: over {window} of the {evals} mini-evals they tell a change from {least:g} on{more}"
