"""What a row asks is found wherever its shape keeps it, so that a held-out question can't hide in the training data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError, Recipe
from cockpit.services.dataset import datasets
from tests.support.splits import parted
from trainers.data.overlap import refuse_overlap

Q = "What is 17 plus 25?"
ITEM = {"prompt": Q, "answer": "42"}
CHOICES = {"question": Q, "choices": ["41", "42"]}

LEAKS = [
    {
        "prompt": "Hello!",
        "messages": [
            {"role": "user", "content": "Hello!"},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": Q},
            {"role": "assistant", "content": "42"},
        ],
    },
    {"chosen": f"\n\nHuman: {Q}\n\nAssistant: 42", "rejected": f"\n\nHuman: {Q}\n\nAssistant: 17"},
    {"chosen": f"{Q} 42", "rejected": f"{Q} 17"},
    {"chosen": f"{Q}\nIt is 42", "rejected": f"{Q}\nIt is 17"},
    {"text": f"\n\nHuman: {Q}\n\nAssistant: 42"},
    {
        "prompt": "Hello!",
        "chosen": [{"role": "user", "content": Q}, {"role": "assistant", "content": "42"}],
        "rejected": [{"role": "user", "content": Q}, {"role": "assistant", "content": "17"}],
    },
    CHOICES | {"answer": 1},
    {"question": Q, "context": "A sum.", "answer": "42"},
]
DIFFERENT = [
    {
        "instruction": Q,
        "input": "Of apples.",
        "output": "42",
    },  # an instruction asks nothing without its input
    {"prompt": "Another", "chosen": f"{Q} 42", "rejected": f"{Q} 17"},  # answers, not what is asked
]


def refuse(tmp_path: Path, train: dict[str, Any], item: dict[str, Any]) -> None:
    (tmp_path / "items.jsonl").write_text(json.dumps(item) + "\n")
    (tmp_path / "other.jsonl").write_text('{"prompt": "none", "answer": "0"}\n')
    data = {
        "train": "train.jsonl",
        "held_out": str(tmp_path / "items.jsonl"),
        "mini_eval": str(tmp_path / "other.jsonl"),
    }
    recipe = Recipe.parse(
        {"experiment_id": "exp_0001", "technique": "sft", "model": {"name_or_path": "none"}, "verifier": "exact",
         "data": data}
    )  # fmt: skip
    refuse_overlap(recipe, [{"prompt": "other", "completion": "x"}, train])


@pytest.mark.parametrize("train", LEAKS)
def test_a_leak_in_any_shape_is_refused(tmp_path: Path, train: dict[str, Any]) -> None:
    with pytest.raises(CockpitError, match=r"the first is row 2, which is item held-out-set-00001"):
        refuse(tmp_path, train, ITEM)
    assert [(o.train_row, o.held_out_row) for o in datasets.overlap_exact([train], [ITEM])] == [(0, 0)]


@pytest.mark.parametrize("train", DIFFERENT)
def test_what_only_looks_alike_is_no_leak(tmp_path: Path, train: dict[str, Any]) -> None:
    refuse(tmp_path, train, ITEM)
    assert datasets.overlap_exact([train], [ITEM]) == []


@pytest.mark.parametrize(
    "train",
    [{"prompt": Q, "completion": "42"}, {"question": Q, "choices": ["42", "41"], "answer": 0}],
)
def test_an_item_with_choices_is_met_by_its_question_and_by_shuffled_choices(
    tmp_path: Path, train: dict[str, Any]
) -> None:
    with pytest.raises(CockpitError, match="1 prompt"):
        refuse(tmp_path, train, CHOICES | {"answer": 1})


def test_a_question_about_another_passage_or_other_choices_is_no_leak(tmp_path: Path) -> None:
    title = "What is the best title?"
    passages = [{"question": title, "context": text, "answer": "x"} for text in ("One.", "Two.")]
    refuse(tmp_path, passages[0], passages[1])
    refuse(tmp_path, {**CHOICES, "choices": ["1", "2"], "answer": 0}, CHOICES | {"answer": 1})


def test_a_split_keeps_a_question_with_choices_beside_the_question_alone() -> None:
    rows = [{"prompt": f"q{n}", "answer": "1"} for n in range(10)]
    rows += [{"question": f"q{n}", "choices": ["1", "2"], "answer": 0} for n in range(10)]
    parts = parted(rows, {"held_out": 6}, 3)
    assert datasets.overlap_exact(parts["train"], parts["held_out"]) == []


def test_an_input_that_is_part_of_a_line_of_its_instruction_is_kept() -> None:
    from cockpit.data.rows import prompt_of

    asked = "Is it odd? Answer for 5 yes or no."
    assert prompt_of({"instruction": asked, "input": "5"}) == f"{asked}\n\n5"
    assert prompt_of({"instruction": "Is it odd?\n5", "input": "5"}) == "Is it odd?\n5"
