"""The smoke gate: a table of what a run can leave behind, and the stage that each is red at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cockpit.core.smoke.facts import Audited, Drift, SmokeFacts
from cockpit.core.smoke.gate import judge
from cockpit.core.smoke.verdict import STAGES, passed_stages

GOOD = SmokeFacts(
    technique="sft", state="finished", stage="done", steps=8, losses=(2.0, 1.5, 1.0), step_time=0.5, seconds=30.0,
    peak_bytes=10**9, rendered=10, checkpoint="step_000008", checkpoint_bytes=10**6, scored=10, best_item=1.0,
    mean=0.4, parsed=9, verifier="hashes",
)  # fmt: skip
RL = replace(GOOD, technique="grpo", rollouts=32, rollouts_passed=6, rollouts_parsed=20)
ZERO: dict[str, Any] = {"best_item": 0.0, "mean": 0.0}
LAX = Audited(38, 3, 0, "The verifier lax:contains accepts 3 wrong answers, of 38 cases.", "15", 8, 3)
DRIFT = Drift("<|im_start|>system\nYou are…", "", "", 10)


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        (replace(GOOD, state="failed", stage="loading", error="no file named model.safetensors"), "load"),
        (replace(GOOD, state="failed", stage="importing", error="No module named 'trl'"), "packages"),
        (replace(GOOD, state="failed", stage="", error="/bin/python: No module named trainers"), "packages"),
        (replace(RL, state="failed", stage="loading", part="reward", error="No module named 'mine'"), "reward"),
        (replace(RL, state="failed", stage="training", part="reward", error="the reward 'a:b' failed"), "reward"),
        (replace(GOOD, state="failed", stage="loading", part="data", error="row 3 has no demonstration"), "data"),
        (replace(GOOD, state="failed", stage="loading", part="settings", error="TRL has no setting foo"), "settings"),
        (replace(GOOD, state="failed", stage="tokenizing", error="row 3 has no demonstration"), "data"),
        (replace(GOOD, state="failed", stage="training", error="expected scalar type Float but found BFloat16"),
         "dtype"),
        (replace(GOOD, state="failed", stage="loading", error="not implemented for 'Half'"), "dtype"),
        (replace(RL, audit=LAX), "verifier"),
        (replace(GOOD, state="out_of_memory", stage="training", fix="Memory ran out."), "oom"),
        (replace(GOOD, state="oom_killed", stage="loading"), "oom"),
        (replace(GOOD, state="failed", stage="training", error="torch.OutOfMemoryError: CUDA out of memory."), "oom"),
        (replace(GOOD, state="failed", stage="training", error="ValueError: bad beta"), "training"),
        (replace(GOOD, state="killed", stage="training", sentence="Killed by SIGKILL."), "training"),
        (replace(GOOD, state="killed", stage="training", forced=True, steps=0, checkpoint="", scored=None), "time"),
        (replace(GOOD, state="failed", stage="evaluating", error="KeyError: 'x'"), "scorer"),
        (replace(GOOD, state="failed", stage="training", error="num_samples should be a positive integer value, but 0"),
         "data"),
        (replace(GOOD, steps=0, losses=(), checkpoint="", scored=None), "data"),
        (replace(GOOD, drift=(DRIFT,)), "template"),
        (replace(GOOD, drift=(replace(DRIFT, only_ids=True),)), "template"),
        (replace(GOOD, render_error="row 1: roles must alternate"), "template"),
        (replace(GOOD, nonfinite=("loss",)), "nan"),
        (replace(GOOD, steps=0, losses=(), checkpoint="", scored=None, state="stopped"), "time"),
        (replace(GOOD, checkpoint="", checkpoint_bytes=0, scored=None), "checkpoint"),
        (replace(GOOD, checkpoint_bytes=0), "checkpoint"),
        (replace(GOOD, scored=None), "scorer"),
        (replace(GOOD, parsed=0, **ZERO), "unparseable"),
        (replace(GOOD, **ZERO), "zero score"),
        (replace(RL, rollouts_passed=0, **ZERO), "no signal"),
        (replace(RL, group=8, flat=(1.0,) * 4), "no signal"),
        (replace(RL, rollouts_passed=32), "no signal"),
    ],
)  # fmt: skip
def test_a_smoke_run_is_red_at_the_stage_that_broke(facts: SmokeFacts, stage: str) -> None:
    verdict = judge(facts)
    assert (verdict.green, verdict.stage) == (False, stage)
    assert verdict.headline
    assert verdict.fix
    assert stage in [name for name, _ in STAGES]
    assert [ok for name, _, ok in passed_stages(verdict) if name == stage] == [False]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (GOOD, "everything works"),
        (replace(GOOD, losses=(1.0, 1.2, 1.1)), "a loss need not fall in eight steps"),
        (replace(GOOD, state="stopped", steps=1), "time was up after a step; the checkpoint was scored"),
        (replace(GOOD, mean=0.1, parsed=1), "one item above zero is enough"),
        (replace(GOOD, mean=0.23, best_item=0.4), "graded scores need not be whole"),
        (replace(GOOD, rendered=None), "the renderer could not be asked: nothing is claimed of it"),
        (RL, "the base passes now and then"),
        (replace(RL, **ZERO), "RL's first steps need not score where the base's samples pass"),
        (replace(RL, parsed=0, **ZERO), "nor be parsed when greedy"),
        (replace(RL, rollouts_passed=0), "no sampled pass, but a held-out item scores"),
        (replace(RL, group=8, flat=(1.0, 1.0, 0.5, 1.0)), "a group differed"),
        (replace(RL, group=8, flat=(1.0,) * 3), "three steps are few"),
    ],
)  # fmt: skip
def test_a_smoke_run_that_works_opens_the_gate(facts: SmokeFacts, why: str) -> None:
    verdict = judge(facts)
    assert verdict.green, (why, verdict.headline)
    assert all(ok for _, _, ok in passed_stages(verdict))


NOTHING = replace(
    GOOD, state="failed", steps=0, losses=(), checkpoint="", checkpoint_bytes=0, scored=None, rendered=None, parsed=0,
    **ZERO,
)  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "proven"),
    [
        (replace(NOTHING, stage="loading", part="settings", error="no module is called q"), {"packages"}),
        (replace(NOTHING, stage="loading", error="no file named model.safetensors", rendered=10),
         {"packages", "template"}),
        (replace(NOTHING, stage="importing", error="No module named 'trl'"), set[str]()),
        (replace(NOTHING, stage="tokenizing", error="row 3 has no answer"), {"packages", "load"}),
        (replace(NOTHING, state="oom_killed", stage="training"), {"packages", "settings", "data", "load"}),
        (replace(GOOD, nonfinite=("loss",), rendered=None),
         {"packages", "settings", "data", "load", "dtype", "oom", "time", "training", "checkpoint", "scorer",
          "unparseable", "zero score"}),
    ],
)  # fmt: skip
def test_no_stage_is_called_passed_that_the_run_does_not_prove(facts: SmokeFacts, proven: set[str]) -> None:
    assert {name for name, _, ok in passed_stages(judge(facts)) if ok} == proven


def test_the_verdicts_headline_names_the_cause() -> None:
    empty = judge(replace(GOOD, checkpoint="", checkpoint_bytes=0, scored=None))
    assert "although the loss fell from 2 to 1" in empty.headline
    level = judge(replace(GOOD, losses=(2.0, 2.0), checkpoint="", checkpoint_bytes=0))
    assert "fell" not in level.headline
    weak = judge(replace(RL, rollouts_passed=0, **ZERO))
    assert "none of 32" in weak.headline
    assert "at most 11%" in weak.headline
    broken = judge(replace(GOOD, base_solved=5, **ZERO))
    assert "training broke something" in broken.headline
    cut = judge(replace(GOOD, parsed=0, truncated=10, **ZERO))
    assert "max_new_tokens" in cut.fix
    assert any("weak signal" in text for text in judge(replace(RL, rollouts_passed=1)).cautions)
    assert not any("weak signal" in text for text in judge(RL).cautions)
    assert any("cut off" in text for text in judge(replace(GOOD, truncated=6)).cautions)
    assert not judge(GOOD).cautions
    few = judge(replace(RL, rollouts=40, rollouts_passed=1, group=8)).cautions[0]
    assert "at most 18% of the groups of 8 will differ" in few
    assert "Set num_generations=32 (56% then)" in few
    assert not judge(replace(RL, group=8)).cautions


def test_a_verifier_that_lets_wrong_answers_pass_is_named_with_one_and_one_too_strict_is_a_caution() -> None:
    red = judge(replace(RL, audit=LAX))
    assert "lax:contains accepts 3 wrong answers" in red.headline
    assert "'15'" in red.headline
    strict = judge(replace(RL, audit=replace(LAX, false_accepts=0, accepting_items=0, false_rejects=2)))
    assert strict.green
    assert "rejects 2 right answers" in strict.cautions[0]


@pytest.mark.parametrize(
    ("accepting", "items", "green"), [(1, 8, True), (2, 50, True), (3, 50, False), (2, 8, False)]
)
def test_a_stray_item_with_weak_tests_is_a_caution(accepting: int, items: int, green: bool) -> None:
    verdict = judge(replace(RL, audit=replace(LAX, items=items, accepting_items=accepting)))
    assert verdict.green is green
    assert any(f"{accepting} of the {items} items" in text for text in verdict.cautions) is green


@pytest.mark.parametrize(
    ("rollouts", "passed", "steps", "green"),
    [
        (8, 0, 4, True),  # one group a step: at 8.3 % four flat ones come about in 6 of 100
        (8, 0, 11, True),
        (8, 0, 12, False),
        (40, 2, 4, False),  # at 5 %, 20 groups
        (40, 2, 3, True),
        (16, 1, 4, True),
        (8, 1, 5, False),
    ],
)
def test_flat_groups_are_red_only_where_chance_can_t_explain_them(
    rollouts: int, passed: int, steps: int, green: bool
) -> None:
    verdict = judge(replace(RL, group=8, rollouts=rollouts, rollouts_passed=passed, flat=(1.0,) * steps))
    assert (verdict.green, verdict.cause) == (green, "" if green else "none_differ")
    assert any("earned the same" in text for text in verdict.cautions) is green
