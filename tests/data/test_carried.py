"""What changes the meaning of a conversation is carried to TRL's rows, or refused in a sentence; never dropped."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import CockpitError, Recipe
from cockpit.data.examples import read_example
from cockpit.data.messages import message_of
from cockpit.data.shapes import recognise
from trainers.data.demonstrations import sft_dataset
from trainers.data.preferences import label_rows, pairs_of
from trainers.data.prepared import as_dataset
from trainers.data.selection import learnable


def all_of(chat: list[dict[str, Any]], **_: Any) -> str:
    """Stands for a template that renders every message whole."""
    return str(chat)


KNOWS_ALL = SimpleNamespace(chat_template="tools tool_calls reasoning_content", apply_chat_template=all_of)
KNOWS_NONE = SimpleNamespace(chat_template="{{ messages }}", apply_chat_template=all_of)
ASKED = {"role": "user", "content": "Weather in Oslo?"}
CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}


class Attempt:
    """As much of an attempt as the reading of data needs; `said` are its notices."""

    def __init__(self, technique: str = "sft", **columns: str) -> None:
        self.recipe = Recipe.parse(
            {"experiment_id": "exp_0001", "technique": technique, "model": {"name_or_path": "none"},
             "verifier": "exact", "data": {"train": "t.jsonl", "mini_eval": "m", "held_out": "h", "columns": columns}}
        )  # fmt: skip
        self.said: list[str] = []
        self.extra_metrics: dict[str, float] = {}

    def notice(self, text: str, level: str = "info") -> None:
        self.said.append(text)


def sft(*rows: dict[str, Any], tokenizer: Any = KNOWS_ALL, **columns: str) -> list[dict[str, Any]]:
    attempt: Any = Attempt(**columns)
    return sft_dataset(learnable(rows, attempt), attempt, tokenizer)[0]


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]},
        {"role": "assistant", "function_call": {"name": "weather", "arguments": '{"city": "Oslo"}'}},
        {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Oslo"}}'},
        {"role": "assistant", "content": [{"type": "tool_use", "name": "weather", "input": {"city": "Oslo"}}]},
        {"role": "assistant", "content": [{"type": "tool_call", "value": json.dumps(CALL["function"])}]},
    ],
)  # fmt: skip
def test_every_spelling_of_a_tool_call_is_one(turn: dict[str, Any]) -> None:
    assert message_of(turn) == {"role": "assistant", "content": "", "tool_calls": [CALL]}
    (row,) = sft({"messages": [ASKED, turn], "tools": [TOOL]})
    assert row["completion"][0]["tool_calls"] == [CALL]
    assert json.loads(row["tools"]) == [TOOL]


@pytest.mark.parametrize("tools", [[TOOL], json.dumps([TOOL]), [TOOL["function"]], [json.dumps(TOOL)]])
def test_every_spelling_of_tools_is_carried(tools: object) -> None:
    rows = [
        {"messages": [ASKED, {"role": "assistant", "content": "?"}], name: tools}
        for name in ("tools", "functions")
    ]
    assert [json.loads(row["tools"]) for row in sft(*rows)] == [[TOOL], [TOOL]]


def test_answers_that_are_lists_of_calls_are_calls() -> None:
    calls = json.dumps([{"name": "weather", "arguments": {"city": "Oslo"}}])
    (row,) = sft(
        {"query": "Weather?", "answers": calls, "tools": json.dumps([TOOL])},
        query="prompt",
        answers="completion",
    )
    assert row["completion"] == [{"role": "assistant", "content": "", "tool_calls": [CALL]}]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": [ASKED, {"role": "assistant", "tool_calls": [CALL]}]}, "`tool_calls`"),
        ({"messages": [ASKED, {"role": "assistant", "content": "?"}], "tools": [TOOL]}, "`tools`"),
    ],
)
def test_a_template_that_would_leave_tools_out_is_refused(row: dict[str, Any], says: str) -> None:
    with pytest.raises(CockpitError, match=says):
        sft(row, tokenizer=KNOWS_NONE)


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "reasoning_content": "hm", "content": "10"},
        {"role": "assistant", "thinking": "hm", "content": "10"},
        {
            "role": "assistant",
            "content": [{"type": "reasoning", "value": "hm"}, {"type": "text", "text": "10"}],
        },
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "10"}],
        },
    ],
)
def test_reasoning_reaches_the_template_or_stands_in_tags(turn: dict[str, Any]) -> None:
    (known,), (tagged,) = (sft({"messages": [ASKED, turn]}, tokenizer=t) for t in (KNOWS_ALL, KNOWS_NONE))
    assert known["completion"] == [{"role": "assistant", "content": "10", "reasoning_content": "hm"}]
    assert tagged["completion"] == [{"role": "assistant", "content": "<think>\nhm\n</think>\n\n10"}]
    attempt: Any = Attempt("kto")
    (label,) = label_rows([{"messages": [ASKED, turn], "label": "good"}], attempt, KNOWS_ALL)
    assert label["completion"][0]["content"].startswith("<think>\nhm")


def test_weights_say_which_turns_are_learnt() -> None:
    chat = [ASKED, {"role": "assistant", "content": "Hm.", "weight": 0}, ASKED,
            {"role": "assistant", "content": "10", "weight": 1}]  # fmt: skip
    assert [row["completion"][0]["content"] for row in sft({"messages": chat})] == ["10"]
    with pytest.raises(CockpitError, match=r"row 1: a message has the weight 0\.5"):
        sft({"messages": [*chat[:3], {**chat[3], "weight": 0.5}]})


def test_pairs_learn_text_alone() -> None:
    row = {"prompt": "a", "chosen": [{"role": "assistant", "tool_calls": [CALL]}], "rejected": "b"}
    attempt: Any = Attempt("dpo")
    with pytest.raises(CockpitError, match="calls a tool"):
        list(pairs_of([row], attempt))


def test_the_best_and_the_worst_of_scored_answers_are_a_pair() -> None:
    rows = [
        {
            "instruction": "a",
            "completions": [{"response": r, "score": s} for r, s in (("x", 2), ("y", 9), ("z", 1))],
        }
    ]
    assert recognise(rows).shape == "preference"
    attempt: Any = Attempt("dpo")
    (pair,) = pairs_of(rows, attempt)
    assert (pair.prompt, pair.chosen, pair.rejected) == ([{"role": "user", "content": "a"}], "y", "z")


@pytest.mark.parametrize(
    ("row", "gold"),
    [
        ({"prompt": "a", "reward_model": {"ground_truth": "72"}}, "72"),
        ({"question": "a", "choices": ["x", "y"], "answer": 1}, "B"),
        (
            {
                "question": "a",
                "choices": {"text": ["x", "y"], "label": ["A", "B"]},
                "answerKey": "B",
                "answer": "B",
            },
            "B",
        ),
        ({"ctx": "a", "endings": ["x", "y"], "label": "0"}, "A"),
        ({"question": "a", "choices": ["1", "2"], "answer": "2"}, "2"),
        ({"question": "a", "answer": {"text": ["Oslo"]}}, "Oslo"),
        ({"question": "a", "answer": 7.0}, "7"),
    ],
)
def test_gold_answers_are_found_where_publishers_put_them(row: dict[str, Any], gold: str) -> None:
    assert read_example(row).gold == gold


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"input_ids": [1, 2], "labels": [1, 2]}, "tokenized"),
        ({"id": 0, "data": {"prompt": "a"}, "annotations": []}, "Label Studio"),
        ({"prompt": "<image>a", "completion": "b"}, "an image"),
        ({"prompt": "a", "completion": "b", "rating": "4 stars"}, "ratings as text"),
    ],
)
def test_what_a_person_must_know_is_said(row: dict[str, Any], says: str) -> None:
    reading = recognise([row] * 3)
    assert says in " ".join((reading.why, *reading.notes))


@pytest.mark.parametrize(
    "first", [[], [{"prompt": [ASKED], "completion": [{"role": "assistant", "content": "?"}]}] * 3]
)
def test_a_table_gives_no_message_the_fields_of_another(first: list[dict[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    other = {"type": "function", "function": {"name": "time", "arguments": {"zone": "CET"}}}
    rich: list[dict[str, Any]] = [
        {"prompt": [ASKED], "completion": [{"role": "assistant", "content": "", "tool_calls": [call]}]}
        for call in (CALL, other)
    ]
    assert list(as_dataset([*first, *rich], tmp_path, at_once=2)) == [*first, *rich]


def test_a_column_that_begins_empty_is_read_on(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    rows: list[dict[str, Any]] = [{"text": "a", "tools": None}, {"text": "b", "tools": "[]"}]
    assert list(as_dataset(rows, tmp_path, at_once=1)) == rows
