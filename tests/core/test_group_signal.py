"""What RL can learn from: the share of groups that differ, and what a draft makes of the base's pass rate."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cockpit.contract.recipe import Recipe
from cockpit.core import group_signal
from cockpit.core.group_signal import BaseRate
from cockpit.core.recipe import recipes


def test_the_share_is_what_drawing_gives() -> None:
    rng = random.Random(0)
    for rate, group in ((0.025, 8), (0.3, 4), (0.9, 16)):
        passed = [sum(rng.random() < rate for _ in range(group)) for _ in range(4000)]
        drawn = sum(0 < count < group for count in passed) / len(passed)
        assert group_signal.differing(rate, group) == pytest.approx(drawn, abs=0.03)
    assert group_signal.lowest_rate(8) == pytest.approx(0.083, abs=0.001)


@pytest.mark.parametrize(
    ("technique", "known", "asked", "larger", "says"),
    [
        ("grpo", BaseRate(0.37, 200, "greedy"), {}, None, ""),
        ("grpo", None, {}, None, ""),
        ("grpo", BaseRate(0.0, 200, "greedy"), {}, None, ""),
        ("sft", BaseRate(0.025, 40, "sampled"), {}, None, ""),
        ("grpo", BaseRate(0.025, 40, "sampled"), {}, 16, "at most 18% of the groups of 8 will differ, of 16 up to 33%"),
        ("grpo", BaseRate(0.025, 40, "sampled"), {}, 16, "holds 2 prompts a device instead of 4; 32 would leave 1"),
        ("grpo", BaseRate(0.025, 40, "sampled"), {"num_generations": 8}, None, "holds 1 prompt a device instead of 4"),
        ("rloo", BaseRate(0.1, 40, "sampled"), {}, 8, "groups of 4"),
        ("grpo", BaseRate(0.025, 40, "sampled"), {"num_generations": 8}, None, "set num_generations=32 (56% then)"),
        ("grpo", BaseRate(0.005, 200, "greedy"), {}, None, "raise the pass rate to 0.083 first"),
        ("grpo", BaseRate(0.97, 200, "greedy"), {}, None, "take harder prompts"),
    ],
)  # fmt: skip
def test_the_group_that_a_draft_takes(
    technique: str, known: BaseRate | None, asked: dict[str, int], larger: int | None, says: str
) -> None:
    data = {"train": "t", "mini_eval": "m", "held_out": "h"}
    recipe = recipes.resolve(technique, experiment_id="exp_0001", model="m", verifier="hashes", data=data)
    taken, why = group_signal.fitted(recipe, known, asked)
    assert taken == larger
    assert says in why
    assert bool(why) is bool(says)


def _recipe(**overrides: Any) -> Recipe:
    data = {"train": "t", "mini_eval": "m", "held_out": "h"}
    verifier = overrides.pop("verifier", "hashes")
    return recipes.resolve(
        "grpo", experiment_id="exp_0001", model="m", verifier=verifier, data=data, overrides=overrides
    )


def test_one_prompt_a_step_is_taken_where_no_smaller_group_helps_and_said() -> None:
    taken, why = group_signal.fitted(_recipe(num_generations=16), BaseRate(0.025, 40, "sampled"), {})
    assert taken == 32
    assert "holds 1 prompt a device instead of 2, which is few, but no smaller group helps" in why


def test_a_verifier_that_grades_or_is_not_the_reward_predicts_nothing() -> None:
    rare = BaseRate(0.025, 40, "sampled")
    assert group_signal.fitted(_recipe(verifier="f1"), rare, {}) == (None, "")
    assert group_signal.fitted(_recipe(rewards="my.module:fn"), rare, {}) == (None, "")
    assert group_signal.fitted(_recipe(rewards="verifier,0.2*format"), rare, {})[0] == 16
