"""Columns, splits and exact overlap."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.contract.errors import CockpitError
from cockpit.data import needs
from cockpit.data import rows as meaning
from cockpit.services.dataset import datasets
from tests.support.splits import parted

PAIR = {"prompt": "1+1=?", "answer": "2"}
CHAT = {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "1+1=?"},
                     {"role": "assistant", "content": "2"}]}  # fmt: skip
SHAREGPT = {"conversations": [{"from": "human", "value": "1+1=?"}, {"from": "gpt", "value": "2"}]}
ALPACA = {"instruction": "Add.", "input": "1+1", "output": "2"}
OPEN = {"conversations": [{"from": "human", "value": "1+1=?"}]}
SIDES = {"chosen": {"from": "gpt", "value": "2"}, "rejected": {"from": "gpt", "value": "3"}}
PREFERENCE = {"prompt": "1+1=?", "chosen": "2", "rejected": "3"}


@pytest.mark.parametrize(
    ("row", "need", "reading"),
    [
        (PAIR, "grpo", {}),
        (PAIR, "sft", {}),
        ({"question": "q", "gold": "2"}, "items", {"question": "prompt", "gold": "answer"}),
        ({"problem": "q", "solution": "2"}, "grpo", {"problem": "prompt", "solution": "answer"}),
        (CHAT, "sft", {}),
        (CHAT, "items", {}),
        (SHAREGPT, "sft", {"conversations": "messages"}),
        (ALPACA, "sft", {"instruction": "prompt", "output": "completion"}),
        (PREFERENCE, "dpo", {}),
        (
            {**SHAREGPT, "chosen": {"from": "gpt", "value": "2"}, "rejected": {"from": "gpt", "value": "3"}},
            "orpo",
            {"conversations": "messages"},
        ),
        ({**OPEN, **SIDES}, "sft", {"conversations": "messages"}),  # the better answer is the demonstration
        ({**OPEN, **SIDES}, "dpo", {"conversations": "messages"}),
        ({**OPEN, "answer": "2"}, "grpo", {"conversations": "messages"}),
        ({"prompt": "q", "completion": "2", "label": True}, "kto", {}),
        ({"text": "plain"}, "sft", {}),
    ],
)
def test_columns_are_recognised(row: dict[str, Any], need: str, reading: dict[str, str]) -> None:
    assert needs.read_as([row, row], need) == reading


def test_given_readings_come_first() -> None:
    rows = [{"frage": "q", "prompt": "not this", "antwort": "2"}]
    given = {"frage": "prompt", "antwort": "answer"}
    assert needs.read_as(rows, "items", given) == given
    assert meaning.prompt_text(rows[0], given) == "q"
    assert meaning.answer_text(rows[0], given) == "2"


@pytest.mark.parametrize(
    ("rows", "need", "says"),
    [
        ([{"a": 1, "b": 2}], "sft", "it has 'a', 'b'. It needs messages or"),
        ([PAIR, {"prompt": "q"}], "grpo", "'answer' (in 1 of 2 rows)"),
        ([PAIR], "dpo", "no column set that dpo can use"),
        ([SHAREGPT, OPEN], "sft", "row 2 is no conversation that sft can use"),
        ([SHAREGPT, OPEN], "rft", "row 2 is no conversation that rft can use"),
        (
            [{**OPEN, **SIDES}],
            "grpo",
            "These rows are preference pairs (chosen, rejected): dpo, orpo, kto, sft can",
        ),
    ],
)
def test_missing_columns_name_what_there_is(rows: list[dict[str, Any]], need: str, says: str) -> None:
    with pytest.raises(CockpitError) as caught:
        needs.read_as(rows, need, file="train.jsonl")
    assert says in str(caught.value)
    assert str(caught.value).startswith("train.jsonl: ")
    assert "It needs " in caught.value.fix


def test_a_given_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(CockpitError, match="there is no column 'frage'"):
        needs.read_as([PAIR], "items", {"frage": "prompt"})


@pytest.mark.parametrize(
    ("row", "prompt", "answer"),
    [
        (PAIR, "1+1=?", "2"),
        (CHAT, "1+1=?", "2"),
        (SHAREGPT, "1+1=?", "2"),
        (ALPACA, "Add.\n\n1+1", "2"),
        (PREFERENCE, "1+1=?", "2"),
        ({"prompt": CHAT["messages"][:2], "completion": [CHAT["messages"][2]]}, "1+1=?", "2"),
        ({"text": "plain"}, "", ""),
        ({"prompt": 7, "answer": 0}, "7", "0"),
        ({"messages": "odd", "conversations": [1, None]}, "", ""),
    ],
)
def test_prompt_and_answer_of_a_row(row: dict[str, Any], prompt: str, answer: str) -> None:
    assert (meaning.prompt_text(row), meaning.answer_text(row)) == (prompt, answer)


@pytest.mark.parametrize(
    ("train", "found"),
    [
        (PAIR, True),
        ({"question": " 1+1=? "}, True),
        (CHAT, True),
        (SHAREGPT, True),
        ({"text": "Some document.\n1+1=?\n2"}, True),
        ({"prompt": "1-1=?"}, False),  # signs matter
        ({"prompt": "1+1=? 2+2=?"}, False),
        ({"text": "see 1+1=? above"}, False),
        ({}, False),
    ],
)
def test_exact_overlap(train: dict[str, Any], found: bool) -> None:
    overlaps = datasets.overlap_exact([{"prompt": "other"}, train], [PAIR])
    assert [(o.train_row, o.held_out_row) for o in overlaps] == ([(1, 0)] if found else [])


def test_exact_overlap_sees_through_case_blanks_and_unicode_forms() -> None:
    assert datasets.overlap_exact([{"prompt": "What IS\n\tcafe\u0301？"}], [{"question": "what is café?"}])


rows_strategy = st.lists(st.integers(0, 60), min_size=12, max_size=80)


@given(rows_strategy, st.integers(0, 5))
def test_a_split_is_exact_seeded_and_keeps_equal_prompts_together(numbers: list[int], seed: int) -> None:
    rows = [{"prompt": f"q{n}", "answer": str(i)} for i, n in enumerate(numbers)]
    try:
        parts = parted(rows, {"held_out": 4, "mini_eval": 3}, seed)
    except CockpitError:
        return  # prompts repeat too often to fill the slices
    assert (len(parts["held_out"]), len(parts["mini_eval"])) == (4, 3)
    assert sorted(row["answer"] for part in parts.values() for row in part) == sorted(
        row["answer"] for row in rows
    )
    prompts = [{row["prompt"] for row in part} for part in parts.values()]
    assert not (prompts[0] & prompts[1])
    assert not (prompts[0] & prompts[2])
    assert not (prompts[1] & prompts[2])
    assert parted(rows, {"held_out": 4, "mini_eval": 3}, seed) == parts


def test_a_split_does_not_depend_on_the_order_of_the_file() -> None:
    rows = [{"prompt": f"q{n}"} for n in range(30)]
    one, other = (parted(r, {"held_out": 10}, 1)["held_out"] for r in (rows, rows[::-1]))
    assert sorted(r["prompt"] for r in one) == sorted(r["prompt"] for r in other)


@pytest.mark.parametrize(
    ("rows", "says"),
    [([PAIR] * 3, "too few"), ([PAIR] * 30, "can't be filled")],
)
def test_a_split_that_can_not_be_made_is_refused(rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(CockpitError, match=says):
        parted(rows, {"held_out": 5}, 0)
