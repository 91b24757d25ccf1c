"""Whatever a row has and its training example has not is named, with counts: columns, keys of turns, turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cockpit.contract import CockpitError
from cockpit.core.spotcheck.sides import target_of
from cockpit.data.examples import Misfit, Unusable, example_of, read_example
from cockpit.data.left_out import LeftOut
from cockpit.data.shapes import recognise
from tests.data.test_carried import ASKED, CALL, KNOWS_ALL, TOOL, Attempt
from trainers.data.preferences import pairs_of
from trainers.data.selection import learnable
from trainers.spotcheck.rows import training_examples

SAID = {"role": "assistant", "content": "Ten degrees."}


def named(*rows: dict[str, Any], **columns: str) -> list[str]:
    left = LeftOut(columns)
    for number, row in enumerate(rows, 1):
        left.add(number, row, read_example(row, columns))
    return left.listed()


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"messages": [ASKED, SAID], "source": "web"}, ["column `source` (1 row, first row 1)"]),
        ({"prompt": "a", "response": "b", "output": "c"}, ["column `output` (1 row, first row 1)"]),
        ({"prompt": "a", "response": "b", "system_prompt": "Hi"}, ["column `system_prompt` (1 row, first row 1)"]),
        ({"messages": [ASKED | {"mood": "sad"}, SAID | {"audio": {"id": "x"}}]},
         ["`mood` of a message (1 row, first row 1)", "`audio` of a message (1 row, first row 1)"]),
        ({"messages": [ASKED, SAID, ASKED]}, ["turns after the assistant's last answer (1 row, first row 1)"]),
        ({"messages": [ASKED, SAID | {"text": "b"}]}, ["`text` of a message (1 row, first row 1)"]),
    ],
)  # fmt: skip
def test_what_is_left_out_is_named(row: dict[str, Any], wanted: list[str]) -> None:
    assert named(row) == wanted


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASKED, SAID], "prompt": "Weather in Oslo?", "id": 7},
        {"system": "Be kind.", "messages": [ASKED, SAID], "tools": [TOOL], "trainable": [False, True]},
        {"instruction": "a", "input": "b", "output": "c", "history": [["x", "y"]], "label": None},
        {"prompt": "a", "chosen": "b", "rejected": "c", "messages": [{"role": "user", "content": "a"}]},
        {"question": "a", "choices": ["x", "y"], "answer": 1},
        {"messages": [ASKED, SAID | {"refusal": None, "weight": 1, "tool_calls": []}]},
        {"prompt": "a", "thinking": "hm", "response": "b"},
    ],
)
def test_what_is_read_or_stands_in_the_example_is_not(row: dict[str, Any]) -> None:
    assert named(row) == []


def test_rows_are_counted_and_a_recipe_s_columns_are_read() -> None:
    rows = [
        {"prompt": "a", "response": "b", "lang": "en"},
        {"prompt": "a", "response": "b", "lang": None},
    ] * 3
    assert named(*rows) == ["column `lang` (3 rows, first row 1)"]
    assert named(*rows, lang="system") == []


def test_runs_say_so_in_their_logs() -> None:
    chat: Any = Attempt()
    list(learnable([{"messages": [ASKED, SAID], "source": "web"}] * 2, chat))
    pairs: Any = Attempt("dpo")
    list(pairs_of([{"prompt": "a", "chosen": "b", "rejected": "c", "source": "web"}] * 2, pairs))
    said = "In the rows, but not in the training examples: column `source` (2 rows, first row 1)."
    assert said in chat.said
    assert said in pairs.said


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": [ASKED, SAID], "loss_weight": 0.5}, "loss_weight"),
        ({"messages": [ASKED, SAID], "chat_template_kwargs": {"enable_thinking": False}}, "chat_template_kwargs"),
        ({"messages": [ASKED, SAID], "tools": "weather(city)"}, "holds no tools"),
        ({"messages": [ASKED, {"role": "assistant", "tool_calls": [{"id": "x"}]}]}, "tool_calls"),
        ({"audio": "a.wav", "messages": [ASKED, SAID]}, "audio"),
    ],
)  # fmt: skip
def test_what_would_change_the_meaning_is_refused(row: dict[str, Any], says: str) -> None:
    with pytest.raises(Misfit, match=says):
        read_example(row)


PARTED = {"chosen": [ASKED, SAID] * 2, "rejected": [ASKED, SAID | {"content": "x"}, ASKED, SAID]}
PAIR = {"chosen": [ASKED, SAID], "rejected": [ASKED, SAID | {"content": "x"}]}


def test_pairs_that_part_early_are_left_out_with_a_count() -> None:
    attempt: Any = Attempt("dpo")
    assert len(list(pairs_of([PAIR, PARTED, PAIR], attempt))) == 2
    assert any("left out: 1 whose chosen and rejected part before" in text for text in attempt.said)
    assert any("part before their last turn (1 row, first row 2)" in text for text in attempt.said)
    better: Any = Attempt()
    assert len(list(learnable([PAIR, PARTED], better))) == 1
    reading = recognise([PAIR, PARTED])
    with pytest.raises(Unusable, match="part before"):
        example_of(reading, PARTED)
    assert target_of(1, PARTED, technique="dpo").text is None


def test_a_file_of_nothing_but_such_pairs_is_refused() -> None:
    attempt: Any = Attempt("dpo")
    with pytest.raises(CockpitError, match=r"none of the 2 training rows .*part before"):
        list(pairs_of([PARTED, PARTED], attempt))


def test_the_spot_check_shows_none_of_them() -> None:
    recipe: Any = Attempt("dpo").recipe
    assert [len(made) for made in training_examples([PAIR, PARTED, PAIR], recipe, KNOWS_ALL)] == [1, 0, 1]
    assert training_examples([PARTED], recipe, KNOWS_ALL) == [[]]


def test_each_result_of_several_is_a_message_of_its_own() -> None:
    called = [{"type": "tool_use", "id": n, "name": "weather", "input": {"city": "Oslo"}} for n in "ab"]
    results = [{"type": "tool_result", "tool_use_id": n, "content": n * 2} for n in "ab"]
    chat = [
        ASKED, {"role": "assistant", "content": called},
        {"role": "user", "content": [*results, {"type": "text", "text": "Well?"}]}, SAID | {"weight": 1},
    ]  # fmt: skip
    example = read_example({"messages": chat})
    assert [(turn["role"], turn["content"]) for turn in example.chat[2:5]] == [
        ("tool", "aa"), ("tool", "bb"), ("user", "Well?")
    ]  # fmt: skip
    assert [turn["tool_call_id"] for turn in example.chat[2:4]] == ["a", "b"]
    assert example.trainable is not None
    assert (len(example.trainable), example.trainable[-1]) == (6, True)


def test_thinking_in_a_column_of_its_own_is_the_answer_s() -> None:
    example = read_example({"prompt": "a", "thinking": "hm", "response": "b"})
    assert example.chat[-1] == {"role": "assistant", "content": "b", "reasoning_content": "hm"}


def test_an_answer_that_calls_is_judged_by_its_calls() -> None:
    example = read_example(
        {"messages": [ASKED, {"role": "assistant", "content": "Hm.", "tool_calls": [CALL]}]}
    )
    head, _, call = (example.said or "").partition("<tool_call>")
    assert head == "Hm.\n"
    assert json.loads(call.removesuffix("</tool_call>")) == CALL["function"]
