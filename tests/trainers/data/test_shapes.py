"""Any of the field's shapes goes into any trainer that can use it; what can't be used is counted and named."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import CockpitError, Recipe
from cockpit.data import needs
from cockpit.data.examples import split_texts
from trainers.attempt.processes import OneProcess
from trainers.data.demonstrations import sft_dataset
from trainers.data.examples import read_example
from trainers.data.preferences import held_groups, label_rows, pairs_of, place_of
from trainers.data.selection import learnable

USER, SAID = {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}
WRONG = {"role": "assistant", "content": "5"}
TOKENIZER = SimpleNamespace(chat_template="{% generation %}")
PLAIN = SimpleNamespace(chat_template=None)


class Attempt:
    """As much of an attempt as the reading of data needs; `said` are its notices."""

    def __init__(self, technique: str = "sft", **data_settings: Any) -> None:
        self.recipe = Recipe.parse(
            {
                "experiment_id": "exp_0001",
                "technique": technique,
                "model": {"name_or_path": "none"},
                "verifier": "exact",
                "data": {"train": "t.jsonl", "mini_eval": "m", "held_out": "h", **data_settings},
            }
        )
        self.said: list[str] = []
        self.extra_metrics: dict[str, float] = {}
        self.processes = OneProcess()

    def notice(self, text: str, level: str = "info") -> None:
        self.said.append(text)


PAIRS: Sequence[tuple[str, list[dict[str, Any]]]] = (
    ("columns of text", [{"prompt": "2+2?", "chosen": "4", "rejected": "5"}]),
    ("turns beside a prompt", [{"prompt": [USER], "chosen": [SAID], "rejected": [WRONG]}]),
    ("both sides whole", [{"chosen": [USER, SAID], "rejected": [USER, WRONG]}]),
    ("HH's texts", [{"chosen": "\n\nHuman: 2+2?\n\nAssistant: 4", "rejected": "\n\nHuman: 2+2?\n\nAssistant: 5"}]),
    ("a yes and a no", [{"prompt": "2+2?", "completion": "4", "label": True},
                        {"prompt": "2+2?", "completion": "5", "label": False}]),
    ("scored in a group", [{"messages": [USER, SAID], "reward": 0.9, "group_id": 7},
                           {"messages": [USER, WRONG], "reward": 0.1, "group_id": 7},
                           {"messages": [USER, {"role": "assistant", "content": "3"}], "reward": 0.5, "group_id": 7}]),
)  # fmt: skip


@pytest.mark.parametrize(("shape", "rows"), PAIRS, ids=[name for name, _ in PAIRS])
def test_pairs_come_from_every_shape_that_says_what_is_better(shape: str, rows: list[dict[str, Any]]) -> None:
    attempt: Any = Attempt("dpo")
    (pair,) = pairs_of(rows, attempt)
    asked = pair.prompt if isinstance(pair.prompt, str) else pair.prompt[-1]["content"]
    assert (asked, pair.chosen, pair.rejected) == ("2+2?", "4", "5")
    assert f"{len(rows)} rows" in attempt.said[-1]


def test_a_group_without_a_difference_is_left_out_whole_and_counted() -> None:
    attempt: Any = Attempt("dpo")
    same = [{"messages": [USER, SAID], "reward": 1.0, "group_id": 1}] * 3
    made = list(pairs_of([*same, {"prompt": "a", "chosen": "b", "rejected": "c"}], attempt))
    assert [pair.chosen for pair in made] == ["b"]
    assert "3 in groups without a difference" in attempt.said[-1]
    with pytest.raises(CockpitError, match="none of the 3 training rows can be used for dpo"):
        list(pairs_of(same, attempt))


@pytest.mark.parametrize(("shape", "rows"), PAIRS, ids=[name for name, _ in PAIRS])
def test_labels_come_from_pairs_labels_and_what_passed(shape: str, rows: list[dict[str, Any]]) -> None:
    attempt: Any = Attempt("kto")
    rows = [{**row, "passed": row["reward"] > 0.8} if "reward" in row else row for row in rows]
    made = list(label_rows(rows, attempt, PLAIN))
    assert [row["completion"] for row in made if row["label"]] == ["4"]
    assert "5" in [row["completion"] for row in made if not row["label"]]


def test_one_sided_labels_are_warned_of() -> None:
    attempt: Any = Attempt("kto")
    list(label_rows([{"prompt": "a", "completion": "b", "label": 1}], attempt, PLAIN))
    assert "Every label is yes" in attempt.said[-1]


def test_sft_learns_the_better_answer_and_leaves_out_what_failed() -> None:
    attempt: Any = Attempt()
    rows = [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"messages": [USER, SAID], "passed": True, "reward": 1.0},
        {"messages": [USER, WRONG], "passed": False, "reward": 0.0},
        {"prompt": "2+2?", "completion": "5", "label": False},
        {"prompt": "great film", "completion": "positive", "label": 0},
    ]
    kept = learnable(rows, attempt)
    made, _ = sft_dataset(kept, attempt, TOKENIZER)
    assert [row["completion"][0]["content"] for row in made] == ["b", "4", "positive"]
    assert "1 that did not pass" in attempt.said[0]
    assert "1 labelled no" in attempt.said[0]
    with pytest.raises(CockpitError, match="none of the 1 training rows"):
        learnable(rows[2:3], attempt)


def test_a_mask_trains_the_messages_that_it_names_and_no_others() -> None:
    attempt: Any = Attempt()
    chat = [USER, {"role": "assistant", "content": "hm"}, {"role": "user", "content": "so?"}, SAID]
    rows = [
        {"messages": chat, "trainable": [False, False, False, True]},
        {"messages": chat, "trainable": None},
    ]
    made, needed = sft_dataset(learnable(rows, attempt), attempt, TOKENIZER)
    assert [row["completion"][0]["content"] for row in made] == ["4", "hm", "4"]
    assert needed == {}
    assert made[0]["prompt"] == chat[:3]
    with pytest.raises(CockpitError, match="`trainable` has 2 values for 4 messages"):
        learnable([{"messages": chat, "trainable": [True, False]}], attempt)
    nothing = [{"messages": chat, "trainable": [True, False, True, False]}]
    with pytest.raises(CockpitError, match="with a mask that trains nothing"):
        learnable(nothing, attempt)


def test_system_and_history_stand_before_the_prompt() -> None:
    row = {
        "instruction": "so?",
        "input": "think",
        "output": "4",
        "system": "be brief",
        "history": [["2+2?", "hm"]],
    }
    example = read_example(row, 1, Attempt().recipe)
    assert [turn["content"] for turn in example.chat] == ["be brief", "2+2?", "hm", "so?\n\nthink", "4"]
    assert read_example({"prompt": "a", "completion": "b", "system": ""}, 1, Attempt().recipe).prompt == [
        {"role": "user", "content": "a"}
    ]


@pytest.mark.parametrize(
    ("technique", "row", "expected"),
    [
        ("dpo", {"question": "a?", "better": "b", "worse": "c"}, {"better": "chosen", "worse": "rejected"}),
        ("kto", {"question": "a?", "better": "b", "worse": "c"}, {"better": "chosen", "worse": "rejected"}),
        (
            "kto",
            {"question": "a?", "kto_tag": True, "response": "c"},
            {"kto_tag": "label", "response": "completion"},
        ),
        ("dpo", {"prompt": "a?", "completion": "b", "score": 0.4, "group_id": "1"}, {"score": "reward"}),
        ("orpo", {"user": "a?", "winner": "b", "loser": "c"}, {"user": "prompt", "winner": "chosen"}),
        ("ppo", {"query": "a?", "context": "b"}, {"query": "prompt"}),
    ],
)
def test_the_draft_names_the_columns_of_shapes_that_the_trainer_turns_round(
    technique: str, row: dict[str, Any], expected: dict[str, str]
) -> None:
    assert expected.items() <= needs.read_as([row, row], technique).items()


def test_what_no_trainer_of_the_technique_can_use_is_refused() -> None:
    with pytest.raises(CockpitError, match="no column set that dpo can use"):
        needs.read_as([{"prompt": "a", "answer": "b"}], "dpo")


def test_held_out_pairs_are_the_same_in_every_order() -> None:
    attempt: Any = Attempt("reward")
    rows = [{"prompt": str(n), "chosen": "a", "rejected": f"b{k}"} for n in range(100) for k in range(2)]
    pairs = list(pairs_of(rows, attempt))
    held = held_groups(pairs)
    assert held == held_groups(pairs[::-1])
    assert 20 <= sum(place_of(pair) in held for pair in pairs) <= 22


def test_an_implicit_prompt_ends_where_the_answers_part() -> None:
    assert split_texts("Say it is warm", "Say it is cold") == ("Say it is", "warm", "cold")
    assert split_texts("yes", "no") == (None, "yes", "no")
