"""Tools stand in the prompt that is learnt as in the one that is scored, or the rows are refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import CockpitError, Recipe
from trainers.data.overlap import training_rows
from trainers.data.prompts import answer_ids
from trainers.data.questions import question_rows
from trainers.rollouts.ppo_data import ppo_dataset
from trainers.scoring.pair_scoring import reward_rows

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}


class Tokenizer:
    """Renders a prompt as its turns and tools, a character a token."""

    chat_template = "tools"
    eos_token_id = 0

    def apply_chat_template(self, chat: object, *, tools: object, **_: object) -> str:
        return json.dumps([chat, tools])

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": [ord(character) for character in text]}


def attempt(tmp_path: Path, technique: str, **row: object) -> Any:
    for name, asked in (("train", "t"), ("mini", "m"), ("held", "h")):
        held = (
            {"prompt": asked, "answer": "1", **row} if name == "train" else {"prompt": asked, "answer": "1"}
        )
        (tmp_path / name).with_suffix(".jsonl").write_text(json.dumps(held) + "\n")
    data = {"train": str(tmp_path / "train.jsonl"), "mini_eval": str(tmp_path / "mini.jsonl"),
            "held_out": str(tmp_path / "held.jsonl")}  # fmt: skip
    return SimpleNamespace(
        recipe=Recipe.parse(
            {"experiment_id": "exp_0001", "technique": technique, "model": {"name_or_path": "none"},
             "verifier": "exact", "data": data}
        ),
        notice=lambda text: None,
    )  # fmt: skip


def asked(run: Any) -> list[Any]:
    return list(question_rows(training_rows(run.recipe), run, Tokenizer())[0])


def test_an_answer_is_learnt_below_the_tools(tmp_path: Path) -> None:
    recipe = attempt(tmp_path, "rft").recipe
    head, _ = answer_ids(Tokenizer(), "q", "a", recipe, [TOOL])
    assert json.loads("".join(map(chr, head)))[1] == [TOOL]


def test_a_reward_model_reads_the_tools(tmp_path: Path) -> None:
    rows = [{"prompt": "q", "chosen": "a", "rejected": "b", "tools": [TOOL]}]
    (row,) = reward_rows(rows, attempt(tmp_path, "reward"), Tokenizer(), frozenset())
    for side in ("chosen_ids", "rejected_ids"):
        assert "weather" in "".join(map(chr, row[side]))


@pytest.mark.parametrize("technique", ["grpo", "rloo"])
def test_what_would_sample_without_tools_refuses_them(tmp_path: Path, technique: str) -> None:
    with pytest.raises(CockpitError, match=f"row 1 of the training data names tools, and {technique} would"):
        asked(attempt(tmp_path, technique, tools=[TOOL]))
    assert len(asked(attempt(tmp_path, technique))) == 1


def test_ppo_refuses_tools_and_rft_keeps_them(tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match="ppo would sample without them"):
        ppo_dataset(attempt(tmp_path, "ppo", tools=[TOOL]), Tokenizer())
    (row,) = asked(attempt(tmp_path, "rft", tools=[TOOL]))
    assert json.loads(row["held"])["tools"] == [TOOL]
