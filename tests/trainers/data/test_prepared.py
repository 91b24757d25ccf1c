"""TRL's rows are made once of what they are made of, and nothing that was said of them is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import AttemptLayout, AttemptWriter, CockpitError, Recipe
from cockpit.contract.reader import read_rows
from trainers.attempt.attempt import Attempt
from trainers.attempt.signals import StopFlag
from trainers.data import prepared as prepared_module
from trainers.data.demonstrations import sft_rows
from trainers.data.prepared import prepared
from trainers.data.questions import questions
from trainers.data.selection import learnable

ROWS = [
    {"prompt": "2+2?", "completion": "4", "label": True},
    {"prompt": "3+3?", "completion": "7", "label": False},
]


class Tokenizer:
    """As much of a tokenizer as the key of the rows needs."""

    chat_template = "{{ messages }}"
    special_tokens_map: dict[str, str]
    padding_side = truncation_side = "right"

    def __init__(self) -> None:
        self.special_tokens_map = {}

    def get_vocab(self) -> dict[str, int]:
        return {"a": 1}


class Workspace:
    """Runs on one set of files; `made` counts how often rows were made."""

    def __init__(self, root: Path) -> None:
        self.root, self.made, self.runs = root, 0, 0
        self.write("train", ROWS)
        self.write("held", [{"prompt": "9+9?", "answer": "18"}])

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        (self.root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def attempt(self, technique: str, **data: Any) -> Attempt:
        """A new run."""
        self.runs += 1
        root = self.root / ".cockpit" / "experiments" / f"exp_{self.runs:04d}" / "attempts" / "001"
        root.mkdir(parents=True)
        files = {"train": "train", "mini_eval": "held", "held_out": "held"}
        given = {name: str(self.root / f"{file}.jsonl") for name, file in files.items()}
        recipe = Recipe.parse(
            {"experiment_id": "exp_0001", "technique": technique, "model": {"name_or_path": "none"},
             "verifier": "exact", "data": given | data}
        )  # fmt: skip
        return Attempt(AttemptLayout(root), recipe, AttemptWriter(root), StopFlag())

    def run(self, **data: Any) -> tuple[list[Any], list[str]]:
        """The rows of a new run, and what its events say."""
        attempt = self.attempt("sft", **data)

        def make(rows: Any) -> tuple[Iterator[Any], dict[str, Any]]:
            self.made += 1
            return sft_rows(learnable(rows, attempt), attempt, Tokenizer())

        rows, _ = prepared(attempt, Tokenizer(), make)
        attempt.closing.close()
        assert not attempt.layout.rows.exists()
        return list(rows), told(attempt)


def told(attempt: Attempt) -> list[str]:
    return [str(event["text"]) for event in read_rows(attempt.layout.events) if "text" in event]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    pytest.importorskip("datasets")
    return Workspace(tmp_path)


def test_a_sibling_takes_the_rows_and_says_the_same(workspace: Workspace) -> None:
    first, said = workspace.run()
    assert [row["completion"][0]["content"] for row in first] == ["4"]
    assert any("1 labelled no" in text for text in said)
    assert workspace.run() == (first, said)
    assert workspace.made == 1


def test_what_judges_an_answer_is_read_from_the_disk(workspace: Workspace) -> None:
    golds = [5, None, {"a": [1]}, "", "x"]
    rows = [{"id": "same", "prompt": f"{n}?", "answer": gold, "n": n} for n, gold in enumerate(golds)]
    workspace.write("train", rows)
    for _ in range(2):  # the second run takes them from the cache
        attempt = workspace.attempt("grpo")
        examples, items = questions(attempt, Tokenizer())
        assert examples.column_names == ["prompt", "item"]
        assert [row["prompt"][0]["content"] for row in examples] == ["0?", "2?", "4?"]
        assert [items[row["item"]].row for row in examples] == [rows[0], rows[2], rows[4]]
        assert [(item.id, item.prompt) for item in items] == [
            ("same#1", "0?"),
            ("same#2", "2?"),
            ("same#3", "4?"),
        ]
        assert "2 of 5 rows have no gold answer and are left out (the first is row 2)." in told(attempt)
        attempt.closing.close()


def test_rows_without_any_gold_answer_can_t_be_sampled_for(workspace: Workspace) -> None:
    workspace.write("train", [{"prompt": f"{n}?", "answer": None} for n in range(3)])
    with pytest.raises(CockpitError, match="row 1 of the training data has no answer, nor have 2 more"):
        questions(workspace.attempt("grpo"), Tokenizer())


def test_another_file_or_setting_is_other_rows(workspace: Workspace) -> None:
    workspace.run()
    rows, _ = workspace.run(system_prompt="Be short.")
    assert rows[0]["prompt"][0]["content"] == "Be short."
    workspace.write("train", [{"prompt": "1+1?", "completion": "2"}])
    rows, _ = workspace.run()
    assert rows[0]["completion"][0]["content"] == "2"
    assert workspace.made == 3


def test_rows_that_were_good_are_refused_beside_another_held_out_set(workspace: Workspace) -> None:
    workspace.run()
    workspace.write("held", [{"prompt": "2+2?", "answer": "4"}])
    with pytest.raises(CockpitError, match="in the training data: the first is row 1"):
        workspace.run()


def test_nothing_is_kept_of_a_file_that_breaks_off(workspace: Workspace) -> None:
    with (workspace.root / "train.jsonl").open("a") as file:
        file.write('{"prompt": "5+')
    with pytest.raises(CockpitError, match="cut off") as refused:
        workspace.run()
    assert refused.value.line == 3
    assert not list(workspace.root.rglob("rows.arrow"))


def test_rows_of_which_no_answer_is_learnt_are_refused(workspace: Workspace) -> None:
    said = [("assistant", "Hi.", 1), ("user", "2+2?", 0), ("assistant", "4", 0)]
    chat = [{"role": role, "content": text, "weight": weight} for role, text, weight in said]
    workspace.write("train", [{"messages": chat}])
    with pytest.raises(CockpitError, match=r"no answer is left to learn in train\.jsonl"):
        workspace.run()


@pytest.mark.parametrize("damaged", ["", "{", "{}", "[]"])
def test_rows_without_their_settings_are_made_again(workspace: Workspace, damaged: str) -> None:
    first = workspace.run()
    (told,) = workspace.root.rglob("told.json")
    told.write_text(damaged)
    assert workspace.run() == first
    assert workspace.made == 2


def test_the_key_knows_the_code_of_the_reward_model_s_rows(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: (read.append(self.name), real(self))[1])
    prepared_module._code.__wrapped__()
    assert "pair_scoring.py" in read
