"""`cockpit spot-check`: without a workspace and in one, its JSON, its exit codes, what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract import atomic
from cockpit.services.dataset import render
from cockpit.services.spotcheck import check as spotcheck
from cockpit.services.spotcheck import record as spot_record
from cockpit.services.workspace.workspace import Workspace
from tests.support import rendering
from tests.support.spot_cases import BOX, held_out, reasoned, said, train
from tests.support.ui.stage import Stage


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with no workspace at or above it, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCKPIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["spot-check", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_hashes_against_boxed_without_a_workspace(away: Path, capsys: pytest.CaptureFixture[str]):
    files = ["--train", write(away / "t.jsonl", train(reasoned("#### {a}"))),
             "--eval", write(away / "e.jsonl", held_out())]  # fmt: skip
    code, said_ = answer(capsys, *files, "--verifier", "boxed", "--n", "2")
    assert code == 0
    assert said_["verdict"] == "mismatched"
    assert said_["pass_share"] == 0.0
    (mismatch,) = said_["mismatches"]
    assert mismatch["kind"] == "answer-marker"
    assert mismatch["share"] == 1.0
    assert "#### 3" in mismatch["train_example"]
    assert "\\boxed{3}" in mismatch["eval_example"]
    assert "Realign" in mismatch["mend"]
    sides = [example["side"] for example in said_["examples"]]
    assert sides == ["train", "train", "eval", "eval"]
    assert said_["examples"][0]["target"]["verdict"] == "unparsed"
    assert said_["examples"][2]["gold_in_training_format"]["verdict"] == "unparsed"
    assert said_["kinds_not_checked"] == ["bos", "eos", "truncation", "new-tokens"]
    assert main(["spot-check", *files, "--verifier", "boxed", "--check"]) == 1


def test_a_healthy_pair(away: Path, capsys: pytest.CaptureFixture[str]):
    files = ["--train", write(away / "t.jsonl", train(BOX)), "--eval", write(away / "e.jsonl", held_out())]
    code, said_ = answer(capsys, *files, "--verifier", "boxed")
    assert (code, said_["verdict"], said_["pass_share"], said_["mismatches"]) == (0, "matched", 1.0, [])
    assert main(["spot-check", *files, "--verifier", "boxed", "--check"]) == 0


def test_the_training_file_against_a_verifier_alone(away: Path, capsys: pytest.CaptureFixture[str]):
    code, said_ = answer(capsys, "--train", write(away / "t.jsonl", train(said("<answer>{a}</answer>"))),
                         "--verifier", "tagged:answer")  # fmt: skip
    assert (code, said_["verdict"], said_["pass_share"], said_["items"]) == (0, "matched", 1.0, 0)


def test_pages_show_each_example_once(away: Path, capsys: pytest.CaptureFixture[str]):
    files = ["--train", write(away / "t.jsonl", train(BOX)), "--eval", write(away / "e.jsonl", held_out())]
    seen: list[str] = []
    for page in range(1, 5):
        _, said_ = answer(
            capsys, *files, "--verifier", "boxed", "--n", "5", "--page", str(page), "--seed", "4"
        )
        seen += [example["id"] for example in said_["examples"] if example["side"] == "train"]
    assert sorted(seen) == sorted(f"row {n}" for n in range(1, 21))
    _, said_ = answer(capsys, *files, "--verifier", "boxed", "--filter", "TOM 17 apples, starts")
    assert [e["id"] for e in said_["examples"]] == []
    _, said_ = answer(capsys, *files, "--verifier", "boxed", "--filter", "TOM starts with 17 apples")
    assert sorted(e["id"] for e in said_["examples"]) == ["row 15", "row 18"]  # 14+3 is 17 too


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing to look at"),
        (["--train", "none.jsonl", "--verifier", "boxed"], "no such data file"),
        (["--train", "t.jsonl"], "nothing to compare"),
        (["--train", "t.jsonl", "--verifier", "boxes"], "no verifier 'boxes'"),
        (["--train", "t.jsonl", "--verifier", "boxed", "--n", "0"], "count from 1"),
        (["--train", "odd.jsonl", "--verifier", "boxed"], "row 1 has neither"),
        (["--train", "t.jsonl", "--eval", "odd.jsonl", "--verifier", "boxed"], "has no prompt"),
        (["--train", "t.jsonl", "--verifier", "boxed", "--technique", "magic"], "no technique 'magic'"),
        (["--train", "t.jsonl", "--verifier", "boxed", "--column", "x"], "names nothing"),
        (["--eval", "t.jsonl"], "no training file"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], says: str, away: Path, capsys: pytest.CaptureFixture[str]
):
    write(away / "t.jsonl", train(BOX))
    write(away / "odd.jsonl", [{"colour": "red", "size": 3}])
    assert main(["spot-check", *words]) == 2
    said_ = capsys.readouterr().err
    assert says in said_
    assert said_.count("\n") == 1


def test_hostile_text_is_shown_harmless(away: Path, capsys: pytest.CaptureFixture[str]):
    evil = "\x1b]0;owned\x07\x1b[2J[bold red]\u202egnp.exe \\boxed{{a}}"
    main(["spot-check", "--train", write(away / "t.jsonl", train(said(evil))),
          "--eval", write(away / "e.jsonl", held_out("\x1b[31m{n} plus 3?")), "--verifier", "boxed"])  # fmt: skip
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "␛[2J[bold red]" in shown


def test_half_a_surrogate_pair_is_no_end_of_the_answer(away: Path, capsys: pytest.CaptureFixture[str]):
    files = ["--train", write(away / "t.jsonl", train(said("\ud800 \\boxed{{a}}"))), "--verifier", "boxed"]
    code, told = answer(capsys, *files)
    assert (code, told["pass_share"]) == (0, 1.0)
    assert told["examples"][0]["target"]["text"].startswith("\ud800")
    assert main(["spot-check", *files]) == 0


# -- in a workspace ------------------------------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "ws")
    made.baseline()
    made.sft_wrong_format()
    write(made.root / "train.jsonl", train(said("The answer is {a}.")))
    return made


def test_a_workspace_keeps_the_verdict(stage: Stage, capsys: pytest.CaptureFixture[str]):
    code = main(["spot-check", "--dir", str(stage.root), "--no-model", "--json"])
    said_ = json.loads(capsys.readouterr().out)
    assert (code, said_["verdict"], said_["experiment"]) == (0, "mismatched", "exp_0001")
    ws = Workspace(stage.root)
    kept = spot_record.latest(ws)
    assert kept is not None
    assert (kept["verdict"], kept["kinds"], kept["verifier"]) == (
        "mismatched",
        ["answer-marker"],
        "tagged:answer",
    )
    record: Any = atomic.read_json(stage.layout.experiment("exp_0001").record)
    assert record["spot_check"]["verdict"] == "mismatched"
    baseline: Any = atomic.read_json(stage.layout.experiment("exp_0000").record)
    assert "spot_check" not in baseline
    log = stage.layout.methodlog.read_text()
    assert "spot check mismatched: answer-marker, 0 of 20 targets pass" in log
    main(["spot-check", "--dir", str(stage.root), "--no-model", "--json"])
    assert stage.layout.methodlog.read_text() == log


def test_the_models_own_answers_stand_below_the_prompts(stage: Stage, capsys: pytest.CaptureFixture[str]):
    items = [
        {"id": f"item-{i:03d}", "prompt": f"{i}+{i * 7 % 30}=?", "answer": str(i + i * 7 % 30)}
        for i in range(9)
    ]
    write(stage.root / "mini.jsonl", [{**item, "id": f"mini-{n}"} for n, item in enumerate(items)])
    main(["spot-check", "--dir", str(stage.root), "--no-model", "--json"])
    said_ = json.loads(capsys.readouterr().out)
    assert said_["eval"].endswith("mini.jsonl"), "the run has a mini-eval and no held-out pass"
    for example in said_["examples"]:
        if example["side"] == "eval":
            (own,) = example["model_answers"]
            assert own["by"].startswith("exp_0001, step")
            assert own["verdict"] in ("passes", "wrong", "unparsed")


def test_a_check_against_something_else_is_not_the_workspaces(
    stage: Stage, capsys: pytest.CaptureFixture[str]
):
    main(["spot-check", "--dir", str(stage.root), "--no-model", "--verifier", "boxed", "--json"])
    assert json.loads(capsys.readouterr().out)["verdict"] == "mismatched"
    assert spot_record.latest(Workspace(stage.root)) is None


def test_a_matched_verdict_needs_the_tokens(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    write(stage.root / "train.jsonl", train(said("<answer>{a}</answer>")))
    ws = Workspace(stage.root)
    spotcheck.run(spotcheck.SpotCheckRequest(without_model=True), ws)
    assert spot_record.latest(ws) is None
    monkeypatch.setattr(render, "_ask", fake_rendering)
    check = spotcheck.run(spotcheck.SpotCheckRequest(), ws)
    assert (check.verdict, check.rendered, check.mismatches) == ("matched", True, ())
    kept = spot_record.latest(ws)
    assert kept is not None
    assert kept["verdict"] == "matched"


def test_a_model_that_cannot_be_rendered_is_said(stage: Stage):
    check = spotcheck.run(spotcheck.SpotCheckRequest(), Workspace(stage.root))  # tiny/base0 is nowhere
    assert check.verdict == "mismatched"
    assert not check.rendered
    assert any("could not be rendered" in note for note in check.notes)


def fake_rendering(request: render.Request) -> dict[str, Any]:
    """What a tokenizer without surprises answers."""
    assert request.recipe["data"]["train"], "rows to render"
    return rendering.answer(request.as_dict())
