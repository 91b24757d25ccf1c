"""The filter of difficulty before RL: prompts that the starting model never or always solves teach nothing.

A group whose answers all earn the same has no advantage. `data.filter_samples` answers to each prompt are sampled as
training would (the same temperature, top_p and length; not its top_k, min_p and repetition_penalty), judged by the
verifier, and the prompts whose pass rate lies outside `data.filter_band` are left out. The answers are kept in the
cache: a resume, or another run from the same weights, pays nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cockpit import verifiers
from cockpit.contract import CockpitError
from cockpit.contract.recipe import GenerationSettings
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame
from trainers.data.freshness import policy_id
from trainers.data.items import Item
from trainers.data.prompts import prompt_text
from trainers.rollouts import reuse


@dataclass(frozen=True)
class Sorted:
    """Places of the prompts that stay, and how many are left out because they are too hard, or too easy."""

    kept: list[int]
    hard: int
    easy: int


def sort(rates: Sequence[float], band: tuple[float, float] | None) -> Sorted:
    """Sort prompts by their pass rates; without a band those stay that pass sometimes, and not always."""
    low, high = band or (0.0, 1.0)
    hard = [rate < low or (band is None and rate <= 0.0) for rate in rates]
    easy = [rate > high or (band is None and rate >= 1.0) for rate in rates]
    kept = [at for at in range(len(rates)) if not hard[at] and not easy[at]]
    return Sorted(kept, sum(hard), sum(easy))


@blame("data")
def of_use(
    attempt: Attempt, tokenizer: Any, model: Any, config: Any, examples: Any, items: Sequence[Item]
) -> Any:
    """Return the examples whose prompts are neither too hard nor too easy, all where no filter was asked for.

    Examples come and go as a `datasets.Dataset`. Says how many are left out, and what it cost. Raises CockpitError
    where none is left; Stopped.
    """
    recipe, samples = attempt.recipe, attempt.recipe.data.filter_samples
    if samples is None:
        return examples
    if any(item.images for item in items):
        raise CockpitError(
            "data.filter_samples asks the model without its images", "Leave it out for prompts with images."
        )
    attempt.stage(
        "tokenizing", f"sampling {samples} answers to each of {len(items)} prompts, for their difficulty"
    )
    began = time.monotonic()
    rates = _rates(attempt, tokenizer, model, config, items, samples)
    found = sort(rates, recipe.data.filter_band)
    low, high = recipe.data.filter_band or (0.0, 1.0)
    within = f"between {low:.0%} and {high:.0%}" if recipe.data.filter_band else "some and not all"
    told = (
        f"{len(found.kept)} of {len(items)} prompts pass in {within} of {samples} sampled answers; "
        f"{found.hard} are too hard and {found.easy} too easy"
    )
    if not found.kept:
        raise CockpitError(
            f"the filter of difficulty leaves nothing to train on: {told}",
            "Take easier prompts (or harder ones), warm-start from a short SFT, or widen data.filter_band.",
            file=recipe.data.train,
        )
    asked, seconds = len(items) * samples, time.monotonic() - began
    attempt.notice(f"{told}: these are left out ({asked:,} answers, {seconds:.0f} s).")
    return examples.select(found.kept)


def _rates(
    attempt: Attempt, tokenizer: Any, model: Any, config: Any, items: Sequence[Item], samples: int
) -> list[float]:
    """Each prompt's mean score by the verifier, over so many sampled answers."""
    recipe = attempt.recipe
    prompts = [prompt_text(tokenizer, item.prompt, recipe, item.tools) for item in items]
    sampled = reuse.sample(
        attempt,
        model,
        tokenizer,
        [prompt for prompt in prompts for _ in range(samples)],
        GenerationSettings(
            max_new_tokens=config.max_completion_length or recipe.generation.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
            batch_size=max(recipe.generation.batch_size, config.per_device_train_batch_size),
        ),
        seed=recipe.seed,
        policy=policy_id(attempt, 0),
    )
    rates: list[float] = []
    if attempt.processes.first:
        verifier = verifiers.load(recipe.verifier).after(prompts[0])
        pairs = [(said.text, items[at // samples].row) for at, said in enumerate(sampled.said)]
        scores = [float(verdict.score) for verdict in verifier.many(pairs)]
        rates = [sum(scores[at : at + samples]) / samples for at in range(0, len(scores), samples)]
    return attempt.processes.from_first(rates)
