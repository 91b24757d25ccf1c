"""The four diagnostics: for each, histories that must set it off and histories that must not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cockpit.core.rules.tree_rules.diagnostics import DECIDED, diagnose
from cockpit.core.rules.tree_rules.history import History, parse
from cockpit.core.technique.families import family, untrained

Row = dict[str, Any]


def base(score: float | None = 0.0, n: int = 200, **more: Any) -> Row:
    return {
        "id": "e0",
        "parent": None,
        "technique": "baseline",
        "status": "committed",
        "held_out_score": score,
        "n_items": n,
        **more,
    }


def move(
    number: int,
    technique: str,
    score: float | None,
    n: int = 200,
    *,
    parent: int | None = None,
    status: str = "committed",
    **more: Any,
) -> Row:
    return {
        "id": f"e{number}",
        "parent": f"e{number - 1 if parent is None else parent}",
        "technique": technique,
        "status": status,
        "held_out_score": score,
        "n_items": n,
        **more,
    }


def history(*rows: Row, **everywhere: Any) -> History:
    return parse([json.dumps({**everywhere, **row}) for row in rows])


def rules(*rows: Row, **everywhere: Any) -> set[str]:
    return {finding.rule for finding in diagnose(history(*rows, **everywhere))}


def items(right: range, n: int = 200) -> dict[str, int]:
    return {f"i{k}": int(k in right) for k in range(n)}


def looks(count: int, n: int = 200, *, begin: int = 1, **more: Any) -> list[Row]:
    """So many experiments on the baseline, all of them much alike."""
    numbers = range(begin, begin + count)
    return [
        move(
            k,
            "sft",
            0.3 + k % 3 / 100,
            n,
            parent=0,
            status="committed" if k % 9 == 0 else "discarded",
            **more,
        )
        for k in numbers
    ]


V: Row = {"verifiable": True}
K: Row = {"knowledge_heavy": True, "random_score": 0.25}

FIRES = [
    # stuck-at-zero
    ("stuck-at-zero", "two SFT runs at 0", [base(), move(1, "sft", 0), move(2, "sft", 0)], V),
    ("stuck-at-zero", "variants of SFT are SFT", [base(), move(1, "sft", 0), move(2, "SFT-LoRA-r64", 0)], V),
    (
        "stuck-at-zero",
        "discarded ones are tries too",
        [base(), move(1, "sft", 0, status="discarded"), move(2, "sft", 0, parent=0, status="discarded")],
        V,
    ),
    (
        "stuck-at-zero",
        "the base was above 0, SFT broke it",
        [base(0.3), move(1, "sft", 0), move(2, "sft", 0)],
        V,
    ),
    (
        "stuck-at-zero",
        "RL from there is at 0 as well",
        [base(), move(1, "sft", 0), move(2, "grpo", 0), move(3, "sft", 0)],
        V,
    ),
    (
        "stuck-at-zero",
        "a verifier's hash says that it is verifiable",
        [base(), move(1, "sft", 0), move(2, "sft", 0)],
        {"verifier_hash": "v"},
    ),
    # below-random
    ("below-random", "far below, enough items", [base(0.10)], K),
    ("below-random", "just below, very many items", [base(0.24, 20_000)], K),
    ("below-random", "still there after a move that did not help", [base(0.10), move(1, "sft", 0.12)], K),
    ("below-random", "0 of a choice among four", [base(0.0)], K),
    # no-gain
    (
        "no-gain",
        "all lost or level",
        [base(0.5), move(1, "sft", 0.5), move(2, "dpo", 0.49), move(3, "grpo", 0.5)],
        {},
    ),
    (
        "no-gain",
        "a point up on 200 items is noise",
        [base(0.5), move(1, "sft", 0.51), move(2, "sft", 0.515), move(3, "sft", 0.52)],
        {},
    ),
    (
        "no-gain",
        "siblings of one parent",
        [base(0.5), *(move(k, "sft", 0.5, parent=0) for k in (1, 2, 3))],
        {},
    ),
    (
        "no-gain",
        "a gain long ago does not help",
        [base(0.2), move(1, "sft", 0.5), *(move(k, "sft", 0.5) for k in (2, 3, 4))],
        {},
    ),
    (
        "no-gain",
        "paired items, as many lost as won",
        [
            base(0.5, items=items(range(100))),
            *(move(k, "rft", 0.5, items=items(range(k, 100 + k))) for k in (1, 2, 3)),
        ],
        {},
    ),
    # same-score-across-techniques
    (
        "same-score-across-techniques",
        "three kinds at one score",
        [base(0.1), move(1, "sft", 0.42), move(2, "grpo", 0.43), move(3, "rft", 0.42)],
        {},
    ),
    (
        "same-score-across-techniques",
        "a few points apart on 200 items",
        [base(0.1), move(1, "sft", 0.40), move(2, "dpo", 0.44), move(3, "rloo", 0.43, parent=0)],
        {},
    ),
    (
        "same-score-across-techniques",
        "an earlier, lower one does not matter",
        [base(0.1), move(1, "sft", 0.2), move(2, "sft", 0.6), move(3, "grpo", 0.6), move(4, "kto", 0.61)],
        {},
    ),
    (
        "same-score-across-techniques",
        "a low score is a score",
        [base(0.0), move(1, "sft", 0.05), move(2, "grpo", 0.06), move(3, "rft", 0.05)],
        {},
    ),
    ("held-out-worn", "30 looks at 200 items", [base(0.3), *looks(30)], {}),
    ("held-out-worn", "26 looks at 60 items, most discarded", [base(0.3, 60), *looks(26, 60)], {}),
    ("held-out-worn", "60 looks at 5,000 items", [base(0.3, 5000), *looks(60, 5000)], {}),
]

QUIET = [
    ("held-out-worn", "five on 200 items", [base(0.3), *looks(5)], {}),
    ("held-out-worn", "a busy week on 200 items", [base(0.3), *looks(20)], {}),
    ("held-out-worn", "five on 20 items: small is not worn", [base(0.3, 20), *looks(5, 20)], {}),
    ("held-out-worn", "30 on 50,000 items", [base(0.3, 50000), *looks(30, 50000)], {}),
    (
        "held-out-worn",
        "40, half of them on another set",
        [
            base(0.3, held_out_hash="a"),
            *looks(20, held_out_hash="a"),
            *looks(20, begin=21, held_out_hash="b"),
        ],
        {},
    ),
    (
        "held-out-worn",
        "40 of which nobody asked",
        [base(0.3), *[move(k, "sft", None, status="failed") for k in range(1, 41)]],
        {},
    ),
    ("held-out-worn", "the baseline scored again and again", [base(0.3)], {}),
    ("stuck-at-zero", "one SFT run", [base(), move(1, "sft", 0)], V),
    (
        "stuck-at-zero",
        "not verifiable",
        [base(), move(1, "sft", 0), move(2, "sft", 0)],
        {"verifiable": False},
    ),
    (
        "stuck-at-zero",
        "nobody said that it is verifiable",
        [base(), move(1, "sft", 0), move(2, "sft", 0)],
        {},
    ),
    ("stuck-at-zero", "one right answer is no 0", [base(), move(1, "sft", 0), move(2, "sft", 0.005)], V),
    (
        "stuck-at-zero",
        "the pivot was made and worked",
        [base(), move(1, "sft", 0), move(2, "sft", 0), move(3, "grpo", 0.6, parent=0)],
        V,
    ),
    ("stuck-at-zero", "RL, not SFT", [base(), move(1, "grpo", 0), move(2, "rloo", 0)], V),
    (
        "stuck-at-zero",
        "two others have no score yet",
        [
            base(),
            move(1, "sft", 0),
            move(2, "sft", None, status="running"),
            move(3, "sft", None, status="failed"),
        ],
        V,
    ),
    (
        "stuck-at-zero",
        "scored by two verifiers",
        [base(), move(1, "sft", 0, verifier_hash="a"), move(2, "sft", 0, verifier_hash="b")],
        V,
    ),
    ("below-random", "within the noise of 40 items", [base(0.2, 40)], K),
    ("below-random", "above", [base(0.3)], K),
    ("below-random", "not knowledge-heavy", [base(0.1)], {"random_score": 0.25, "knowledge_heavy": False}),
    ("below-random", "guessing scores nothing", [base(0.0)], {"knowledge_heavy": True}),
    ("below-random", "a trained one is below, the base was not", [base(0.3), move(1, "sft", 0.1)], K),
    ("below-random", "training brought it well above", [base(0.1), move(1, "sft", 0.6)], K),
    ("no-gain", "two moves", [base(0.5), move(1, "sft", 0.5), move(2, "grpo", 0.5)], {}),
    (
        "no-gain",
        "each gains",
        [base(0.2), move(1, "sft", 0.4), move(2, "grpo", 0.6), move(3, "rft", 0.8)],
        {},
    ),
    (
        "no-gain",
        "the last one gains",
        [base(0.3), *(move(k, "sft", 0.3) for k in (1, 2, 3)), move(4, "grpo", 0.6)],
        {},
    ),
    (
        "no-gain",
        "small steps add up",
        [base(0.40), move(1, "sft", 0.46), move(2, "sft", 0.52), move(3, "sft", 0.58)],
        {},
    ),
    (
        "no-gain",
        "a point up on 20,000 items is a gain",
        [base(0.5, 20_000), *(move(k, "sft", 0.5 + k / 50, 20_000) for k in (1, 2, 3))],
        {},
    ),
    (
        "no-gain",
        "discarded moves were not committed",
        [base(0.5), *(move(k, "sft", 0.5, parent=0, status="discarded") for k in (1, 2, 3))],
        {},
    ),
    (
        "no-gain",
        "other held-out sets",
        [base(0.5, held_out_hash="a"), *(move(k, "sft", 0.5, held_out_hash=f"h{k}") for k in (1, 2, 3))],
        {},
    ),
    (
        "same-score-across-techniques",
        "variants of RL are one",
        [base(0.1), *(move(k, t, 0.4) for k, t in enumerate(("grpo", "rloo", "ppo"), 1))],
        {},
    ),
    (
        "same-score-across-techniques",
        "LoRA or not is a setting",
        [base(0.1), *(move(k, t, 0.4) for k, t in enumerate(("sft", "sft-lora", "grpo", "grpo-lora"), 1))],
        {},
    ),
    (
        "same-score-across-techniques",
        "DPO, KTO and ORPO are one",
        [base(0.1), *(move(k, t, 0.4) for k, t in enumerate(("dpo", "kto", "orpo", "sft"), 1))],
        {},
    ),
    (
        "same-score-across-techniques",
        "apart on many items",
        [
            base(0.1, 5000),
            move(1, "sft", 0.40, 5000),
            move(2, "dpo", 0.44, 5000),
            move(3, "rloo", 0.48, 5000),
        ],
        {},
    ),
    (
        "same-score-across-techniques",
        "few items and far apart: nothing is known",
        [base(0.1, 10), move(1, "sft", 0.3, 10), move(2, "dpo", 0.5, 10), move(3, "rloo", 0.7, 10)],
        {},
    ),
    (
        "same-score-across-techniques",
        "all at 0",
        [base(), move(1, "sft", 0), move(2, "grpo", 0), move(3, "rft", 0)],
        {},
    ),
    (
        "same-score-across-techniques",
        "all solved it",
        [base(0.1), move(1, "sft", 0.98), move(2, "grpo", 0.99), move(3, "rft", 0.985)],
        {},
    ),
    ("same-score-across-techniques", "two kinds", [base(0.1), move(1, "sft", 0.4), move(2, "grpo", 0.4)], {}),
    (
        "same-score-across-techniques",
        "a fourth is well above",
        [base(0.1), move(1, "sft", 0.4), move(2, "grpo", 0.4), move(3, "rft", 0.4), move(4, "dpo", 0.6)],
        {},
    ),
    (
        "same-score-across-techniques",
        "one was discarded",
        [base(0.1), move(1, "sft", 0.4), move(2, "grpo", 0.4), move(3, "rft", 0.4, status="discarded")],
        {},
    ),
]


@pytest.mark.parametrize(
    ("rule", "why", "rows", "everywhere"), FIRES, ids=[f"{r}: {w}" for r, w, _, _ in FIRES]
)
def test_a_rule_fires_on_a_record_that_asks_for_it(
    rule: str, why: str, rows: list[Row], everywhere: Row
) -> None:
    assert rule in rules(*rows, **everywhere), why


@pytest.mark.parametrize(
    ("rule", "why", "rows", "everywhere"), QUIET, ids=[f"{r}: {w}" for r, w, _, _ in QUIET]
)
def test_a_rule_stays_quiet_on_a_record_that_is_sound(
    rule: str, why: str, rows: list[Row], everywhere: Row
) -> None:
    assert rule not in rules(*rows, **everywhere), why


HEALTHY = [
    [base(0.32), move(1, "sft", 0.72), move(2, "grpo", 0.85)],
    [base(0.0), move(1, "grpo", 0.78), move(2, "rloo", 0.90, parent=0)],
    [base(0.3), move(1, "sft", 0.1, status="discarded"), move(2, "sft", 0.5, parent=0), move(3, "dpo", 0.62)],
    [base(0.45, 1000), move(1, "sft", 0.55, 1000), move(2, "sft", None, status="running")],
    [base(0.6)],
    [base(None)],
]


@pytest.mark.parametrize("rows", HEALTHY)
@pytest.mark.parametrize("everywhere", [{}, V, {**V, **K}])
def test_a_healthy_history_sets_nothing_off(rows: list[Row], everywhere: Row) -> None:
    assert rules(*rows, **everywhere) <= ({"below-random"} if rows[0]["held_out_score"] == 0.0 else set())


def only(rule: str, *rows: Row, **everywhere: Any):
    found = [f for f in diagnose(history(*rows, **everywhere)) if f.rule == rule]
    assert len(found) == 1
    return found[0]


def test_stuck_at_zero_asks_for_the_format_before_it_pivots() -> None:
    rows = [base(), move(1, "sft", 0), move(2, "sft", 0)]
    unknown = only("stuck-at-zero", *rows, **V)
    assert unknown.next_step.startswith("First ask whether anything parsed")
    assert "RL with the verifier as the reward" in unknown.next_step
    assert unknown.experiments == ("e1", "e2")
    unread = only("stuck-at-zero", *rows, **V, parsed=0)
    assert "Only 0 of 400 answers parsed: it is the format" in unread.next_step
    read = only("stuck-at-zero", *rows, **V, parsed=190)
    assert "parsed and were wrong" in read.next_step


def test_stuck_at_zero_where_rl_was_tried_says_where_to_start_it() -> None:
    found = only("stuck-at-zero", base(), move(1, "sft", 0), move(2, "grpo", 0), move(3, "sft", 0), **V)
    assert "from the base model" in found.next_step
    assert "(e2)" in found.next_step


def test_below_random_with_unread_answers_is_the_format_first() -> None:
    found = only("below-random", base(0.05, parsed=30), **K)
    assert found.severity == "warn"
    assert found.next_step.startswith("Format before knowledge")
    known = only("below-random", base(0.05, parsed=200), **K)
    assert known.severity == "alarm"
    for axis in ("domain corpus", "distil", "retrieve"):
        assert axis in known.next_step
    zero = only("below-random", base(0.0), **K)
    assert zero.next_step.startswith("First ask whether anything parsed")


def test_no_gain_names_the_pivots_and_what_it_would_take_to_tell() -> None:
    found = only("no-gain", base(0.5), move(1, "sft", 0.51), move(2, "sft", 0.53), move(3, "sft", 0.53))
    for pivot in ("different method", "change the data", "harness"):
        assert pivot in found.next_step
    assert "reinforcement learning" in found.next_step
    assert "items" in found.next_step
    assert found.severity == "warn"
    assert only("no-gain", base(0.5), *(move(k, "sft", 0.5) for k in (1, 2, 3))).severity == "alarm"
    solved = only("no-gain", base(0.98), *(move(k, "sft", 0.98) for k in (1, 2, 3)))
    assert solved.severity == "info"


@pytest.mark.parametrize(
    ("check", "severity", "says"),
    [
        (None, "alarm", "Don't try a fourth technique"),
        ("mismatched", "alarm", "realign the training data's format"),
        ("matched", "warn", "found no mismatch"),
    ],
)
def test_the_spot_check_changes_what_the_fourth_asks_for(check: str | None, severity: str, says: str) -> None:
    rows = [base(0.1), move(1, "sft", 0.4), move(2, "grpo", 0.4), move(3, "rft", 0.4, spot_check=check)]
    found = only("same-score-across-techniques", *rows)
    assert found.severity == severity
    assert says in found.next_step


def test_in_a_workspace_a_discarded_tie_counts_as_well() -> None:
    rows = [
        base(0.1),
        *(move(k, t, 0.4, parent=0, status="discarded") for k, t in enumerate(("sft", "grpo", "rft"), 1)),
    ]
    found = {f.rule for f in diagnose(history(*rows), DECIDED)}
    assert "same-score-across-techniques" in found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sft", "sft"),
        ("SFT", "sft"),
        ("sft-lora-r64", "sft"),
        ("qlora", "sft"),
        ("full-sft v2", "sft"),
        ("grpo", "rl"),
        ("RLOO", "rl"),
        ("ppo", "rl"),
        ("dr_grpo", "rl"),
        ("dapo-lora", "rl"),
        ("sft-then-grpo", "rl"),
        ("dpo", "preferences"),
        ("kto", "preferences"),
        ("ORPO", "preferences"),
        ("simpo", "preferences"),
        ("rft", "rft"),
        ("rejection-sampling-sft", "rft"),
        ("best-of-n", "rft"),
        ("expert_iteration", "rft"),
        ("continued pretraining", "pretraining"),
        ("distillation", "distillation"),
        ("mine-v2", "mine"),
        ("mine", "mine"),
    ],
)
def test_families(name: str, kind: str) -> None:
    assert family(name) == kind


@pytest.mark.parametrize("name", ["baseline", "Base", "none", ""])
def test_no_training(name: str) -> None:
    assert untrained(name)
