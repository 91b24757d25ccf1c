"""Mending a mismatch: the data in the verifier's form, the original untouched, the decision written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.errors import CockpitError
from cockpit.contract.recipe import Recipe
from cockpit.services.experiments import lifecycle
from cockpit.services.spotcheck import check as spotcheck
from cockpit.services.spotcheck import realign
from cockpit.services.workspace import config
from cockpit.services.workspace.workspace import Workspace
from cockpit.verifiers import load
from tests.cli.spotcheck.test_command import write
from tests.support.spot_cases import APPLES, BOX, held_out, reasoned, rows, said, train
from tests.support.ui.stage import Stage


def subject(
    tmp_path: Path, data: list[dict[str, Any]], spec: str, technique: str = "sft"
) -> spotcheck.Subject:
    request = spotcheck.SpotCheckRequest(
        train=write(tmp_path / "t.jsonl", data), verifier=spec, technique=technique
    )
    return spotcheck.subject(request, None)


def pairs(target: Any) -> list[dict[str, Any]]:
    return rows(lambda n: {"prompt": APPLES.replace("{n}", str(n)), "completion": target(n)})


def sharegpt(target: Any) -> list[dict[str, Any]]:
    return rows(lambda n: {"conversations": [{"from": "human", "value": APPLES.replace("{n}", str(n))},
                                             {"from": "gpt", "value": target(n)}]})  # fmt: skip


FORMS = [
    (train(reasoned("#### {a}")), "boxed", "sft"),
    (train(BOX), "hashes", "sft"),
    (train(said("The answer is {a}.")), "tagged:answer", "sft"),
    (train(said("<final>{a}</final>")), "tagged:answer", "sft"),
    (train(said("{a}")), "boxed", "sft"),
    (train(reasoned("#### {a}")), r"regex:ANSWER: (\d+)", "sft"),
    (train(reasoned("#### {a}")), "exact", "sft"),
    (pairs(reasoned("ANSWER: {a}")), "boxed", "sft"),
    (sharegpt(reasoned("#### {a}")), "boxed", "sft"),
    (held_out(), "tagged:answer", "sft"),
    (rows(lambda n: {"question": f"{n} plus 3?", "answer": f"It is {n + 3}.\n#### {n + 3}"}), "boxed", "sft"),
    (rows(lambda n: {"prompt": f"{n} plus 3?", "completion": f"It is {n + 3}.", "answer": str(n + 3)}), "boxed", "sft"),
    (rows(lambda n: {"prompt": f"{n} plus 3?", "chosen": f"So: {n + 3}\n#### {n + 3}", "rejected": "No."}), "boxed",
     "dpo"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "spec", "technique"), FORMS, ids=lambda v: v if isinstance(v, str) else "")
def test_realigned_rows_pass_and_the_original_stays(
    data: list[dict[str, Any]], spec: str, technique: str, tmp_path: Path
):
    about = subject(tmp_path, data, spec, technique)
    before = Path(str(about.train)).read_bytes()
    made = realign.realign(about, tmp_path / "cache")
    assert (made.changed, made.kept, made.left) == (20, 0, 0)
    assert Path(str(about.train)).read_bytes() == before
    assert made.path is not None
    check = spotcheck.run(
        spotcheck.SpotCheckRequest(train=str(made.path), verifier=spec, technique=technique), None
    )
    assert check.shares.share == 1.0
    assert not [m for m in check.mismatches if m.kind == "answer-marker"]
    assert all(change.diff for change in made.changes)
    again = realign.realign(about, tmp_path / "cache")
    assert (again.path, again.digest) == (made.path, made.digest), "named by its content"
    card = json.loads(made.path.with_suffix(".json").read_text())
    assert card["sha256"] == made.digest
    assert card["from"] == about.train


def test_reasoning_is_kept_and_only_the_ending_changes(tmp_path: Path):
    made = realign.realign(subject(tmp_path, train(reasoned("#### {a}")), "boxed"), None)
    assert made.path is None
    assert made.changes[0].diff == [
        " He starts with 0 apples and then he buys three more of them at the shop, so we add both numbers: 0+3=3.",
        "-#### 3", "+\\boxed{3}",
    ]  # fmt: skip


def test_what_cannot_be_realigned_is_left_out_and_said(tmp_path: Path):
    data = [
        *train(reasoned("#### {a}")),
        *train(said("I would rather not say what it comes to, for I am shy."))[:2],
    ]
    made = realign.realign(subject(tmp_path, data, "boxed"), tmp_path / "cache")
    assert (made.changed, made.left, made.left_rows) == (20, 2, (21, 22))
    assert "2 can't be realigned and are left out" in made.sentence


def test_there_may_be_nothing_to_mend(tmp_path: Path):
    with pytest.raises(CockpitError, match="passes already"):
        realign.realign(subject(tmp_path, train(BOX), "boxed"), None)
    with pytest.raises(CockpitError, match="own answers"):
        realign.realign(subject(tmp_path, held_out(), "boxed", "grpo"), None)


@pytest.mark.parametrize(
    ("spec", "says"),
    [("boxed", "\\boxed{}"), ("hashes", "####"), ("tagged:final", "<final> and </final>"), ("numeric", "number"),
     ("choice:ABCD", "letter"), (r"regex:ANSWER: (\d+)", "ANSWER: 18"), ("exact", "alone")],
)  # fmt: skip
def test_a_sentence_asks_for_the_form(spec: str, says: str):
    assert says in realign.ask_for(load(spec))


# -- in a workspace ------------------------------------------------------------------------------------------------


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    stage = Stage(tmp_path / "ws")
    stage.baseline()
    write(stage.root / "train.jsonl", train(said("The answer is {a}.")))
    return Workspace(stage.root)


def test_adopting_changes_the_config_the_log_and_the_next_recipe(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
):
    text = ws.layout.config.read_text()
    ws.layout.config.write_text("# my own words\n" + text)
    assert main(["realign", "--dir", str(ws.root), "--adopt", "-m", "the verifier wants tags"]) == 0
    assert "+<answer>3</answer>" in capsys.readouterr().out
    assert ws.layout.config.read_text().startswith("# my own words\n")
    train_file = config.load(ws.layout.config).train
    assert train_file is not None
    assert train_file.parent == (ws.layout.cache / "datasets").resolve()
    log = ws.layout.methodlog.read_text()
    assert "decision · train on train-realigned-" in log
    assert "the verifier wants tags" in log
    view = lifecycle.new(ws, "sft", hypothesis="realigned")
    recipe = Recipe.load(ws.layout.experiment(view.id).draft)
    assert recipe.data.train == str(train_file)
    assert (ws.root / "train.jsonl").read_text().count("The answer is") == 20


def test_a_preview_writes_nothing(ws: Workspace, capsys: pytest.CaptureFixture[str]):
    before = ws.layout.config.read_bytes()
    assert main(["realign", "--dir", str(ws.root), "--json"]) == 0
    said_ = json.loads(capsys.readouterr().out)
    assert (said_["changed"], said_["path"], said_["adopted"]) == (20, None, False)
    assert said_["preview"][0]["diff"] == ["-The answer is 3.", "+<answer>3</answer>"]
    assert ws.layout.config.read_bytes() == before
    assert not (ws.layout.cache / "datasets").exists()


def test_the_eval_prompt_changes_for_a_reason_alone(ws: Workspace, capsys: pytest.CaptureFixture[str]):
    assert main(["realign", "--dir", str(ws.root), "--prompt"]) == 2
    assert "needs the reason" in capsys.readouterr().err
    assert (
        main(["realign", "--dir", str(ws.root), "--prompt", "--allowed", "the task leaves the prompt open"])
        == 0
    )
    system = config.load(ws.layout.config).sections["data"]["system_prompt"]
    assert system == "Put your final answer between <answer> and </answer>."
    assert "allowed because: the task leaves the prompt open" in ws.layout.methodlog.read_text()
    view = lifecycle.new(ws, "sft", hypothesis="asked for")
    assert Recipe.load(ws.layout.experiment(view.id).draft).data.system_prompt == system
