"""Scored trajectories as RFT's first round: what survives, what is learnt of it, whose it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cockpit.contract import CockpitError
from tests.trainers.data.test_shapes import Attempt
from trainers.rollouts.rft_given import Given, given_round, is_given, items_of, rounds_of

TOKENIZER: Any = SimpleNamespace(chat_template=None)
Rows = list[dict[str, Any]]


def config(**more: Any) -> Any:
    return SimpleNamespace(**{"min_reward": 1.0, "keep_per_prompt": 2, "max_age": -1, "rounds": 2} | more)


def chat(asked: str, *said: str) -> list[dict[str, str]]:
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said[0]}]
    for more in said[1:]:
        turns += [{"role": "user", "content": "so?"}, {"role": "assistant", "content": more}]
    return turns


def read(rows: Rows, attempt: Any = None, **more: Any) -> tuple[Given, Rows]:
    from trainers.rollouts.rft_sampling import select

    made = given_round(rows, attempt or cast("Any", Attempt("rft")), TOKENIZER, config(**more))
    return made, select(made.rows(), config(**more), lambda row: row["good"])


def test_what_passed_survives_once_and_not_too_often() -> None:
    rows: Rows = [
        {"messages": chat("2+2?", "4"), "reward": 0.2, "passed": True, "group_id": "a"},
        {"messages": chat("2+2?", "4"), "reward": 0.9, "passed": True, "group_id": "a"},
        {"messages": chat("2+2?", "four"), "reward": 0.8, "passed": True, "group_id": "a"},
        {"messages": chat("2+2?", "IV"), "reward": 0.7, "passed": True, "group_id": "a"},
        {"messages": chat("2+2?", "5"), "reward": 1.0, "passed": False, "group_id": "a"},
        {"messages": chat("1+1?", "2"), "reward": 1.0, "group_id": "b"},
        {"messages": chat("1+1?", "3"), "reward": 0.5, "group_id": "b"},
    ]
    _, made = read(rows)
    assert [row["kept"] for row in made] == [False, True, True, False, False, True, False]
    assert [row["kept"] for row in read(rows, min_reward=0.4)[1]][-2:] == [True, True], "a graded reward"


def test_a_mask_says_what_is_learnt_and_without_one_every_turn_is() -> None:
    talk = chat("2+2?", "hm", "4")
    given, _ = read(
        [
            {"messages": talk, "reward": 1, "trainable": [False, False, False, True]},
            {"messages": talk, "reward": 1, "trainable": None},
        ]
    )
    assert given.answers[0] == [(talk[:3], "4", ())]
    assert given.answers[1] == [(talk[:1], "hm", ()), (talk[:3], "4", ())]
    attempt = Attempt("rft")
    read([{"messages": talk, "reward": 1, "trainable": [True, False, False, False]},
          {"messages": talk, "reward": 1}], attempt)  # fmt: skip
    assert "left out: 1 with a mask that trains nothing" in attempt.said[0]


def test_whose_they_are_is_kept_and_stale_ones_are_flagged_or_left_out() -> None:
    rows: Rows = [
        {"messages": chat("2+2?", "4"), "reward": 1, "policy_id": "base"},
        {"messages": chat("2+2?", "four"), "reward": 1, "policy_id": "exp_0003@100"},
        {"messages": chat("1+1?", "2"), "reward": 1, "policy_id": "someone else"},
    ]
    attempt = Attempt("rft")
    given, made = read(rows, attempt)
    assert [(row["policy_id"], row["age"]) for row in made] == [
        ("base", 0), ("exp_0003@100", None), ("someone else", None),
    ]  # fmt: skip
    assert given.age == 0
    assert "2 of 3 samples come from another policy (exp_0003@100, someone else)" in attempt.said[-1]
    assert attempt.extra_metrics["samples/stale_share"] == pytest.approx(2 / 3, abs=1e-3)

    warm = attempt.recipe.model.model_copy(update={"warm_start": "/none", "warm_start_from": "exp_0003@120"})
    attempt.recipe = attempt.recipe.model_copy(update={"model": warm})
    given, made = read(rows[1:2], attempt)
    assert (made[0]["age"], given.age) == (20, 20)
    assert read(rows[1:2], attempt, max_age=20)[1][0]["kept"]
    with pytest.raises(CockpitError, match="1 of policies more than max_age=19 steps away"):
        read(rows[1:2], attempt, max_age=19)


def test_later_rounds_ask_what_has_a_gold_answer_beside_what_was_said() -> None:
    gold: Rows = [
        {"prompt": "2+2?", "completion": "5", "answer": "4", "reward": 0},
        {"prompt": "2+2?", "completion": "4", "answer": "4", "reward": 1},
        {"messages": chat("1+1?", "2"), "answer": "2", "reward": 1},
    ]
    attempt: Any = Attempt("rft")
    assert is_given(gold, attempt)
    assert [item.answer for item in items_of(gold, attempt)] == ["4", "2"]
    assert rounds_of(items_of(gold, attempt), attempt, config()) == 2
    none: Rows = [
        {"messages": chat("1+1?", "3"), "reward": 1},
        {"prompt": "2+2?", "answer": "5", "reward": 1},
    ]
    assert items_of(none, attempt) == [], "what the policy said is no gold answer"
    assert rounds_of([], attempt, config()) == 1
    assert "nothing could judge new samples" in attempt.said[-1]
    assert not is_given([{"question": "2+2?", "answer": "4"}], attempt)


def test_a_file_of_failures_says_so() -> None:
    attempt = Attempt("rft")
    with pytest.raises(CockpitError, match="1 that no reward tells of"):
        read([{"messages": chat("2+2?", "4")}], attempt)
    with pytest.raises(CockpitError, match="begins with an answer"):
        read([{"messages": [*chat("a", "b")[1:], *chat("c", "d")], "reward": 1}], attempt)
