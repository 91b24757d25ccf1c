"""`cockpit verify` and `cockpit audit`: one completion, a file, JSON, and what a gate reads of the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.cli import main

ROWS = [
    {"prompt": "2+3", "completion": "<answer>5</answer>", "answer": "5"},
    {"prompt": "2+4", "completion": "<think><answer>6</answer>", "answer": "6"},
    {"prompt": "2+5", "completion": [{"role": "assistant", "content": "<answer>8</answer>"}], "answer": "7"},
]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return "said.jsonl"


def test_one_completion_is_scored_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    said = ["verify", "--verifier", "tagged", "--answer", "5", "--completion"]
    assert main([*said, "so <answer>5</answer>", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["answer"], told["span"], told["gold"]) == (True, "5", [11, 12], "5")
    assert main([*said, "<think><answer>5</answer>"]) == 0
    assert capsys.readouterr().out.strip() == "no answer: its thinking is never closed: cut off?"
    assert main(["verify", "--verifier", "f1", "--answer", "the cat sat", "--completion", "a cat ran"]) == 0
    assert "score 0.50" in capsys.readouterr().out, "a grade is neither pass nor fail"


def test_a_file_is_scored_row_by_row_with_counts(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", rows, "--verifier", "tagged:answer", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n"], told["passed"], told["parsed"], told["score"]) == (3, 1, 2, pytest.approx(1 / 3))
    assert [row["why"] for row in told["rows"]] == [
        "found '5', as wanted", "its thinking is never closed: cut off?", "found '8', wanted '7'",
    ]  # fmt: skip
    assert main(["verify", rows, "--verifier", "tagged:answer"]) == 0
    assert "mean score 0.333 of 3; 1 with the full score, 1 without an answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["verify", "--verifier", "nope", "--completion", "x"], "Known verifiers: exact, tagged:answer"),
        (["verify", "--verifier", "exact"], "either --completion TEXT or a file"),
        (["verify", "--completion", "x"], "no verifier is named"),
        (["verify", "--verifier", "tests", "--item", "{", "--completion", "x"], "--item is no JSON"),
        (["verify", "gold.jsonl", "--verifier", "exact"], "row 1: there is no completion; its columns are"),
        (["audit", "tool-call", "--data", "gold.jsonl"], "row 1: the gold answer holds no tool calls"),
        (["audit", "numeric", "--data", "gone.jsonl"], "gone.jsonl"),
        (
            ["audit", "numeric", "--data", "gold.jsonl", "--column", "wer=answer"],
            "Name one of question, answer",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    rows: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("gold.jsonl").write_text('{"question": "2+3", "answer": "5"}\n')
    assert main(words) == 2
    assert says in capsys.readouterr().err


def test_rows_that_can_t_be_scored_are_left_out_with_a_word(
    rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(rows).open("a") as file:
        file.write('{"completion": null, "answer": "5"}\n{"completion": "6", "answer": null}\n')
    assert main(["verify", rows, "--verifier", "tagged:answer", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n"], told["unscored"], [row["row"] for row in told["unscored_rows"]]) == (3, 2, [4, 5])
    assert main(["verify", rows, "--verifier", "tagged:answer"]) == 0
    assert "2 rows were not scored (row 4: there is no completion" in capsys.readouterr().out
    assert main(["audit", "numeric", "--data", rows, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["items"], told["without_gold"]) == (4, 1)


def test_an_audit_is_a_gate(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("lax_gate.py").write_text("def contains(said, item): return item['answer'] in said\n")
    assert main(["audit", "numeric", "--data", rows]) == 0
    assert "judges all" in capsys.readouterr().out
    assert main(["audit", "lax_gate:contains", "--data", rows, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["false_rejects"]) == (False, 0)
    assert told["false_accepts"] > 0
    assert told["examples"][0]["should_pass"] is False
    assert main(["audit", "lax_gate:contains", "--data", rows]) == 1
    assert "accepted, though wrong: the number with a digit more" in capsys.readouterr().out


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "2+3", "completion": "so\n#### 5"},
        {"messages": [{"role": "user", "content": "2+3"}, {"role": "assistant", "content": "so\n#### 5"}]},
    ],
)
def test_demonstrations_are_their_own_gold_answers_and_that_is_said(
    row: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shown.jsonl"
    file.write_text(json.dumps(row) + "\n")
    assert main(["verify", str(file), "--verifier", "hashes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["against_itself"]) == (1, True)
    assert main(["verify", str(file), "--verifier", "hashes"]) == 0
    assert (
        "The file has no gold answers, so each completion was judged against itself"
        in capsys.readouterr().out
    )
    assert main(["audit", "hashes", "--data", str(file), "--json"]) == 0


def test_null_and_blank_answers_are_no_gold_answers(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(rows).write_text("".join(json.dumps(row | {"answer": gold}) + "\n" for row, gold in
                                  zip(ROWS, ("5", None, " "), strict=True)))  # fmt: skip
    assert main(["verify", rows, "--verifier", "tagged:answer", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n"], told["unscored"], told["against_itself"]) == (1, 2, False)
    assert main(["audit", "tagged:answer", "--data", rows, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["without_gold"] == 0, "what they show is their answer"
