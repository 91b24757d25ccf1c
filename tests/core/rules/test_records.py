"""What single records set off, and what they must not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cockpit.core.findings import Finding
from cockpit.core.rules.tree_rules.history import Move, SpotSaid, parse
from cockpit.core.rules.tree_rules.records import judge_records, judge_scores, objective_mismatch
from cockpit.core.scores import Score
from cockpit.core.smoke.facts import Drift, SmokeFacts
from cockpit.core.smoke.gate import judge

BASE = {
    "id": "e0",
    "parent": None,
    "technique": "baseline",
    "status": "committed",
    "held_out_score": 0.5,
    "n_items": 200,
}


def judged(base: dict[str, Any] | None = None, **fields: Any) -> dict[str, Finding]:
    move = {"id": "e1", "parent": "e0", "technique": "grpo", "status": "committed", "held_out_score": 0.6,
            "n_items": 200, **fields}  # fmt: skip
    rows = [{**BASE, **(base or {})}, move]
    history = parse(map(json.dumps, rows))
    return {finding.rule: finding for finding in (*judge_records(history), *judge_scores(history))}


@pytest.mark.parametrize(
    ("rule", "fields", "base"),
    [
        ("overfit-or-leak", {"train_reward_mean": 0.95}, {}),
        ("overfit-or-leak", {"technique": "sft", "train_reward_mean": 1.0}, {}),
        ("degenerate-reward", {"reward_saturation": 0.01}, {}),
        ("degenerate-reward", {"reward_saturation": 0.99}, {}),
        ("degenerate-reward", {"technique": "rft", "reward_saturation": 1.0}, {}),
        ("degenerate-reward", {"technique": "sft", "reward_saturation": 0.0}, {}),
        ("reward-hacking", {"held_out_score": 0.3, "train_reward_mean": 0.8}, {}),
        ("reward-hacking", {"held_out_score": 0.3, "train_reward_mean": 0.6}, {"train_reward_mean": 0.4}),
        ("held-out-lost", {"technique": "sft", "held_out_score": 0.3}, {}),
        ("objective-mismatch", {"spot_check": "mismatched"}, {}),
        ("mid-eval-regression", {"slices": {"sums": [0.4, 100], "rest": [0.9, 100]}},
         {"slices": {"sums": [0.7, 100], "rest": [0.5, 100]}}),
    ],
)  # fmt: skip
def test_a_rule_fires_on_a_record_that_asks_for_it(
    rule: str, fields: dict[str, Any], base: dict[str, Any]
) -> None:
    found = judged(base, **fields)
    assert rule in found
    assert found[rule].experiments == ("e1",)
    assert found[rule].evidence
    assert found[rule].next_step


@pytest.mark.parametrize(
    ("rule", "fields", "base"),
    [
        ("overfit-or-leak", {"train_reward_mean": 0.7}, {}),
        ("overfit-or-leak", {"train_reward_mean": 0.8, "n_items": 10}, {}),  # 0.6 on 10 items may well be 0.8
        ("degenerate-reward", {"reward_saturation": 0.5}, {}),
        ("degenerate-reward", {"technique": "sft", "reward_saturation": 1.0}, {}),  # demonstrations should pass
        ("degenerate-reward", {"held_out_score": 0.97, "reward_saturation": 0.99}, {}),  # solved
        ("reward-hacking", {"held_out_score": 0.47, "train_reward_mean": 0.8}, {}),  # within the noise
        ("reward-hacking", {"held_out_score": 0.3, "train_reward_mean": 0.3}, {}),  # both fell
        ("reward-hacking", {"technique": "sft", "held_out_score": 0.3, "train_reward_mean": 0.9}, {}),
        ("held-out-lost", {"technique": "sft", "held_out_score": 0.47}, {}),  # within the noise
        ("held-out-lost", {"held_out_score": 0.3, "train_reward_mean": 0.8}, {}),  # reward hacking says it already
        ("objective-mismatch", {"spot_check": "matched"}, {}),
        ("objective-mismatch", {"spot_check": None}, {}),
        ("mid-eval-regression", {"slices": {"sums": [0.65, 100]}}, {"slices": {"sums": [0.7, 100]}}),
        ("mid-eval-regression", {"slices": {"new": [0.1, 100]}}, {"slices": {"old": [0.7, 100]}}),
        ("mid-eval-regression", {"slices": {"sums": [0.4, 100]}, "verifier_hash": "b"},
         {"slices": {"sums": [0.7, 100]}, "verifier_hash": "a"}),
    ],
)  # fmt: skip
def test_a_rule_stays_quiet_on_a_record_that_is_sound(
    rule: str, fields: dict[str, Any], base: dict[str, Any]
) -> None:
    assert rule not in judged(base, **fields)


def test_a_healthy_record_sets_nothing_off() -> None:
    assert judged(
        train_reward_mean=0.66,
        reward_saturation=0.4,
        spot_check="matched",
        slices={"a": [0.6, 100], "b": [0.61, 100]},
    ) == {}  # fmt: skip


def test_one_slice_among_many_needs_more_to_be_believed() -> None:
    before = {f"s{k}": [0.5, 60] for k in range(20)}
    after = {**before, "s3": [0.3, 60]}  # p = 0.03: one of twenty does that by chance
    assert "mid-eval-regression" not in judged({"slices": before}, slices=after)


SMOKED = SmokeFacts(technique="sft", state="finished", stage="saving", steps=4, losses=(2.0, 1.0), rendered=8,
                    checkpoint="step_4", checkpoint_bytes=10, scored=8, verifier="tagged:answer",
                    said="The answer is 4.", why="no <answer> tag")  # fmt: skip
DRIFT = Drift("<|system|>be brief", "", "<|user|>", 8)


def _after_smoke(facts: SmokeFacts, **fields: Any) -> list[Finding]:
    move = Move("e1", "e0", "sft", "smoked", smoke=judge(facts), **fields)
    return objective_mismatch(move, None)


@pytest.mark.parametrize(
    ("said", "severity", "headline"),
    [
        (
            SpotSaid("12% of the rows are cut; 782 of 790 targets pass", "Raise max_length.", False),
            "warn",
            "e1: 12% of",
        ),
        (SpotSaid("no target states its answer as asked", "Realign.", True), "alarm", "another objective"),
    ],
)
def test_the_finding_says_what_the_spot_check_said_with_its_cure(
    said: SpotSaid, severity: str, headline: str
) -> None:
    move = Move("e1", "e0", "sft", "evaluated", spot_check="mismatched", spot_said=said)
    (found,) = objective_mismatch(move, None)
    assert (found.severity, found.next_step) == (severity, said.fix)
    assert headline in found.headline
    assert said.headline in found.evidence[0]


@pytest.mark.parametrize(
    ("facts", "fields", "says"),
    [
        (SMOKED, {}, "the verifier reads none of the answers"),
        (SMOKED, {"score": Score(0.0, 200, 0.0, 0.02, 0, 0)}, "the verifier reads none of the answers"),
        (replace(SMOKED, drift=(DRIFT,)), {}, "other prompts than it is scored with"),
        (replace(SMOKED, drift=(DRIFT,)), {"spot_check": "matched"}, "other prompts than it is scored with"),
        (
            replace(SMOKED, parsed=8, best_item=1.0, mean=0.5),
            {"spot_check": "mismatched"},
            "another objective",
        ),
    ],
)
def test_the_smoke_run_speaks_of_the_objective(facts: SmokeFacts, fields: dict[str, Any], says: str) -> None:
    (found,) = _after_smoke(facts, **fields)
    assert says in found.headline
    assert found.rule == "objective-mismatch"
    assert found.next_step
    assert any("smoke run, red" in line or "spot check" in line for line in found.evidence)


@pytest.mark.parametrize(
    ("facts", "fields"),
    [
        (replace(SMOKED, parsed=8, best_item=1.0, mean=0.5), {}),  # green
        (replace(SMOKED, parsed=8), {}),  # read, and wrong: another trouble
        (replace(SMOKED, truncated=8), {}),  # cut off: too short, not another form
        (
            replace(SMOKED, render_error="roles must alternate"),
            {},
        ),  # rows that can't be rendered aim at nothing
        (replace(SMOKED, nonfinite=("loss",)), {}),
        (SMOKED, {"spot_check": "matched"}),
        (SMOKED, {"score": Score(0.6, 200, 0.53, 0.67, 120, 190)}),  # the whole run learnt the form
    ],
)
def test_other_smoke_runs_do_not(facts: SmokeFacts, fields: dict[str, Any]) -> None:
    assert _after_smoke(facts, **fields) == []
