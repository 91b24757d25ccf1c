"""A verdict carries its stage and its cause; nobody reads them off its sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cockpit.core.smoke.facts import Drift, SmokeFacts
from cockpit.core.smoke.gate import judge
from cockpit.core.smoke.verdict import STAGE_OF, STAGES, Cause, SmokeVerdict
from cockpit.core.smoke.wording import words_of

FACTS = SmokeFacts(
    technique="sft", state="finished", stage="done", steps=8, losses=(2.0, 1.0), rendered=10, checkpoint="step_000008",
    checkpoint_bytes=10**6, scored=10, parsed=0, verifier="hashes", drift=(Drift("a", "b", "", 3),),
    nonfinite=("loss",), rollouts=4,
)  # fmt: skip


@pytest.mark.parametrize("cause", STAGE_OF)
def test_every_cause_has_a_stage_and_words(cause: Cause) -> None:
    headline, what_to_do = words_of(cause, FACTS)
    assert STAGE_OF[cause] in [stage for stage, _ in STAGES]
    assert headline
    assert what_to_do.endswith((".", ")"))


@pytest.mark.parametrize(
    ("facts", "cause", "of_objective"),
    [
        (FACTS, "prompts_differ", True),
        (replace(FACTS, render_error="row 1: roles must alternate"), "template_refuses", False),
        (replace(FACTS, drift=(), nonfinite=()), "unreadable", True),
        (replace(FACTS, drift=(), nonfinite=(), truncated=9), "cut_off", False),
        (replace(FACTS, drift=(), nonfinite=(), parsed=5), "all_zero", False),
    ],
)
def test_whether_the_objective_is_off_is_told_by_the_cause(
    facts: SmokeFacts, cause: Cause, of_objective: bool
) -> None:
    verdict = judge(facts)
    assert (verdict.cause, verdict.of_objective) == (cause, of_objective)
    reworded = replace(verdict, headline="something else", fix="something else")
    assert reworded.of_objective == of_objective


def test_a_verdict_survives_its_file() -> None:
    verdict = judge(FACTS)
    assert SmokeVerdict.from_dict(verdict.as_dict()) == verdict
    green = judge(replace(FACTS, drift=(), nonfinite=(), best_item=1.0, mean=0.5, parsed=9))
    assert green.green
    assert SmokeVerdict.from_dict(green.as_dict()) == green
    odd = SmokeVerdict.from_dict({"stage": "elsewhere", "cause": 3, "evidence": "no list"})
    assert (odd.green, odd.stage, odd.cause, odd.evidence) == (False, "", "", ())
