"""Series of other trainers are found under the rules' names; a run's own names are never replaced."""

from __future__ import annotations

import pytest

from cockpit.core.runs.metric_names import aliased
from cockpit.core.runs.run_record import Points

POINTS: Points = ((1, 0.5), (2, 0.6))
OTHER: Points = ((1, 9.0),)


@pytest.mark.parametrize(
    ("technique", "theirs", "ours"),
    [
        ("ppo", "objective/kl", "kl"),
        ("ppo", "objective/scores", "reward"),
        ("grpo", "completion_length", "completions/mean_length"),
        ("grpo", "clip_ratio", "clip_ratio/region_mean"),
        ("grpo", "critic/rewards/mean", "reward"),
        ("sft", "eval/loss", "eval_loss"),
    ],
)
def test_a_series_stands_under_both_names(technique: str, theirs: str, ours: str) -> None:
    assert aliased({theirs: POINTS}, technique) == {theirs: POINTS, ours: POINTS}


def test_an_own_name_is_kept() -> None:
    assert aliased({"kl": OTHER, "objective/kl": POINTS}, "ppo")["kl"] == OTHER


def test_rewards_names_are_for_what_learns_from_rewards() -> None:
    assert "kl" not in aliased({"objective/kl": POINTS}, "sft")
