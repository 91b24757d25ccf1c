"""The field's own files: read right and advised as the source text's table says, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from trainers.tiny import task

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
DEMO = "llamafactory_demo"


def _asked(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _file(name: str) -> str:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"the real data file is not here: {path}")
    return str(path)


@pytest.mark.parametrize(
    ("name", "rows", "shape", "columns", "technique", "form"),
    [
        ("gsm8k/train.jsonl", 7473, "question-answer", {"prompt": "question", "answer": "answer"}, "grpo", "hashes"),
        ("gsm8k/test.jsonl", 1319, "question-answer", {"prompt": "question", "answer": "answer"}, "grpo", "hashes"),
        (f"{DEMO}/alpaca_en_demo.json", 999, "alpaca",
         {"prompt": "instruction", "input": "input", "completion": "output"}, "sft", None),
        (f"{DEMO}/dpo_en_demo.json", 300, "preference",
         {"prompt": "conversations", "chosen": "chosen", "rejected": "rejected"}, "dpo", None),
        (f"{DEMO}/kto_en_demo.json", 300, "labelled", {"messages": "messages", "label": "label"}, "kto", None),
    ],
)  # fmt: skip
def test_real_files(
    capsys: pytest.CaptureFixture[str],
    name: str, rows: int, shape: str, columns: dict[str, str], technique: str, form: str | None,
) -> None:  # fmt: skip
    seen = _asked(capsys, "inspect", _file(name))
    assert (seen["rows"], seen["shape"], seen["columns"], seen["answer_format"]) == (
        rows,
        shape,
        columns,
        form,
    )
    assert not seen["misfits"]
    advice = _asked(capsys, "advise", "--data", _file(name))
    assert advice["technique"] == technique
    assert advice["ranked"][0]["technique"] == technique
    assert {"technique", "ranked", "why", "questions"} <= advice.keys()
    assert all(entry["technique"].islower() for entry in advice["ranked"])


def test_the_tiny_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = task.write_data(tmp_path)
    for name, technique in (("train", "grpo"), ("sft", "grpo"), ("preferences", "dpo")):
        verifier = [] if name == "preferences" else ["--verifier", task.VERIFIER]
        assert _asked(capsys, "advise", "--data", files[name], *verifier)["technique"] == technique, name


def test_the_verifier_changes_the_advice(capsys: pytest.CaptureFixture[str]) -> None:
    gsm8k = _file("gsm8k/test.jsonl")
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
