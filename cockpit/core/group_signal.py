"""How many groups of sampled answers will differ within: what RL can learn from, predicted from the base's pass rate.

A group whose answers all pass, or all fail, has no advantage. Of groups of G answers, each passing with probability p,
the share 1 - p^G - (1-p)^G differs; half of them do at p = 0.083 for G = 8 (arXiv 2606.18487). Prompts that are not
alike differ less often than their mean says (the share is concave in p), so it is an upper bound for a whole data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from cockpit.contract.techniques import GROUPED, rewards_by_verifier
from cockpit.verifiers import is_graded

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

ENOUGH = 0.5
"""The share of groups that should differ: below it most of what is sampled teaches nothing."""
USUAL = 8
SIZES = (4, 8, 16, 32)
SETTING = "num_generations"
FILTER = "data.filter_samples=8 leaves the others out"
FEWEST_PROMPTS = 2
"""In an optimizer step: of one prompt alone the gradient is noise."""
_BATCH, _PASSES = "per_device_train_batch_size", "gradient_accumulation_steps"


class BaseRate(NamedTuple):
    """How often the base model passes, from so many answers, and how these were made (`sampled`, or `greedy`)."""

    rate: float
    answers: int
    how: str

    @property
    def says(self) -> str:
        """`passes 3% of its 40 sampled answers`."""
        return f"passes {self.rate:.2g} of its {self.answers} {self.how} answers"


def differing(rate: float, group: int) -> float:
    """Return the share of groups with any difference within, at the most."""
    return max(0.0, 1 - rate**group - (1 - rate) ** group)


def lowest_rate(group: int) -> float:
    """Return the pass rate from which on at least half of the groups differ; from its mirror image on, again fewer."""
    low, high = 0.0, 0.5
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if differing(middle, group) < ENOUGH else (low, middle)
    return high


def smallest_group(rate: float) -> int | None:
    """Return the smallest group of the usual ones of which half differ; None where none of them does."""
    return next((size for size in SIZES if differing(rate, size) >= ENOUGH), None)


def fits(rate: float, group: int) -> bool:
    """Return True if at least half of the groups will differ."""
    return differing(rate, group) >= ENOUGH


def cure(rate: float, group: int) -> str:
    """Say what would have to be true for half of the groups to differ: a larger group, or other prompts."""
    low = lowest_rate(group)
    if rate > 0.5:
        return (
            f"take harder prompts: keep those that the base passes in {low:.0%} to {1 - low:.0%} of its answers "
            f"({FILTER})"
        )
    larger = smallest_group(rate)
    raised = (
        f"set {SETTING}={larger} ({differing(rate, larger):.0%} then), or "
        if larger and larger > group
        else ""
    )
    return (
        f"{raised}raise the pass rate to {low:.2g} first: keep the prompts that the base passes in {low:.0%} to "
        f"{1 - low:.0%} of its answers ({FILTER}), or warm-start from a short SFT on worked answers"
    )


def fitted(recipe: Recipe, known: BaseRate | None, asked: Mapping[str, Any]) -> tuple[int | None, str]:
    """Return the group size that a draft takes instead of its own (None: its own) and the reason, or an empty text."""
    group = recipe.trainer.get(SETTING)
    if recipe.technique not in GROUPED or known is None or not isinstance(group, int) or not predicts(recipe):
        return None, ""
    if known.rate <= 0:
        return None, ""  # a greedy score of 0 says nothing of sampled answers: the smoke run samples
    if fits(known.rate, group):
        return None, ""
    now = f"the base {known.says}, so at most {differing(known.rate, group):.0%} of the groups of {group} will differ"
    larger = smallest_group(known.rate) if known.rate < 0.5 else None
    if larger is None or larger <= group:
        return None, f"{now}; {cure(known.rate, group)}"
    if {SETTING, f"trainer.{SETTING}"} & set(asked):
        return None, f"{now}; {cure(known.rate, group)} (with {larger}: {_steps(recipe, group, larger)})"
    roomy = [size for size in SIZES if group < size <= larger and prompts(recipe, size) >= FEWEST_PROMPTS]
    taken = roomy[-1] if roomy else larger
    why = f"{now}, of {taken} up to {differing(known.rate, taken):.0%}; {_steps(recipe, group, taken)}"
    if taken < larger:
        why += (
            f"; {larger} would leave {prompts(recipe, larger)}: for it ({differing(known.rate, larger):.0%}) raise "
            "gradient_accumulation_steps too"
        )
    elif not roomy:
        why += ", which is few, but no smaller group helps: raise gradient_accumulation_steps too"
    return taken, why


def predicts(recipe: Recipe) -> bool:
    """Whether the verifier's pass rate says which groups differ: it is the reward, and knows right and wrong only."""
    return rewards_by_verifier(recipe) and not is_graded(recipe.verifier)


def prompts(recipe: Recipe, group: int) -> int:
    """Return the prompts of an optimizer step on one device; where groups would not be whole, the batch follows."""
    batch, passes = (recipe.trainer.get(name) for name in (_BATCH, _PASSES))
    batch, passes = (value if isinstance(value, int) else 1 for value in (batch, passes))
    return passes if batch * passes % group else batch * passes // group


def _steps(recipe: Recipe, group: int, larger: int) -> str:
    now, then = prompts(recipe, group), prompts(recipe, larger)
    return f"an optimizer step then holds {then} prompt{'s' if then != 1 else ''} a device instead of {now}"
