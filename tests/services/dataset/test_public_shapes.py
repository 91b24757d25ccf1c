"""Files in the shapes that the field publishes: read right and advised as the source text's table says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from trainers.tiny import task


def _asked(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "rows", "shape", "columns", "technique", "form"),
    [
        ("gsm8k_train.jsonl", 120, "question-answer", {"prompt": "question", "answer": "answer"}, "grpo", "hashes"),
        ("gsm8k_test.jsonl", 40, "question-answer", {"prompt": "question", "answer": "answer"}, "grpo", "hashes"),
        ("alpaca.json", 60, "alpaca",
         {"prompt": "instruction", "input": "input", "completion": "output"}, "sft", None),
        ("pairs.json", 60, "preference",
         {"prompt": "conversations", "chosen": "chosen", "rejected": "rejected"}, "dpo", None),
        ("labelled.json", 60, "labelled", {"messages": "messages", "label": "label"}, "kto", None),
    ],
)  # fmt: skip
def test_a_file_is_read_and_advised_by_its_shape(
    capsys: pytest.CaptureFixture[str], shapes: Path,
    name: str, rows: int, shape: str, columns: dict[str, str], technique: str, form: str | None,
) -> None:  # fmt: skip
    seen = _asked(capsys, "inspect", str(shapes / name))
    assert (seen["rows"], seen["shape"], seen["columns"], seen["answer_format"]) == (
        rows,
        shape,
        columns,
        form,
    )
    assert not seen["misfits"]
    advice = _asked(capsys, "advise", "--data", str(shapes / name))
    assert advice["technique"] == technique
    assert advice["ranked"][0]["technique"] == technique
    assert {"technique", "ranked", "why", "questions"} <= advice.keys()
    assert all(entry["technique"].islower() for entry in advice["ranked"])


def test_the_tiny_tasks_files_are_advised_by_their_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = task.write_data(tmp_path)
    for name, technique in (("train", "grpo"), ("sft", "grpo"), ("preferences", "dpo")):
        verifier = [] if name == "preferences" else ["--verifier", task.VERIFIER]
        assert _asked(capsys, "advise", "--data", files[name], *verifier)["technique"] == technique, name


def test_the_verifier_changes_the_advice(capsys: pytest.CaptureFixture[str], shapes: Path) -> None:
    gsm8k = str(shapes / "gsm8k_test.jsonl")
    wrong = _asked(capsys, "advise", "--data", gsm8k, "--verifier", "exact")
    assert any("word for word" in text for text in wrong["warnings"])
    right = _asked(capsys, "advise", "--data", gsm8k, "--verifier", "hashes")
    assert right["facts"]["gold_accepted"] == 1.0
    steady = _asked(capsys, "advise", "--data", gsm8k, "--verifier", "hashes", "--answer", "stability=yes")
    assert steady["technique"] == "rft"


def test_without_data_it_asks_for_the_reward_first(capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    blind = _asked(capsys, "advise")
    assert (blind["technique"], blind["questions"][0]["key"]) == ("undecided", "signal")
    told = _asked(capsys, "advise", "--answer", "signal=pairs")
    assert told["technique"] == "dpo"
