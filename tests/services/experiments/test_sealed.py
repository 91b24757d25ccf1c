"""The sealed held-out set: in no score, in every leak check, opened once with its line in the log."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.services.experiments import lifecycle, sealed
from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli
from tests.support.standin_workspace import Behave

ITEMS = [{"prompt": f"What is {n} times {n + 7}, please?", "answer": str(n * (n + 7))} for n in range(40)]
SCORES = {"exp_0000": [1.0, 0.0, 0.0, 0.0], "exp_0001": [1.0, 1.0, 1.0, 0.0]}


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def seal(ws: Workspace, file: Path) -> None:
    text = ws.layout.config.read_text()
    ws.layout.config.write_text(text.replace("held_out = ", f'sealed = "{file}"\nheld_out = ', 1))


@pytest.fixture
def ready(ws: Workspace, tmp_path: Path, behave: Behave) -> Workspace:
    """A sealed set; the baseline and an SFT run, both scored on the held-out set by the stand-in."""
    seal(ws, written(tmp_path / "sealed.jsonl", ITEMS))
    behave(sealed=SCORES)
    lifecycle.new(ws, "sft", hypothesis="it helps")
    for id_ in ("exp_0000", "exp_0001"):
        lifecycle.launch(ws, id_, reason="a stand-in has no mini-eval")
        lifecycle.wait(ws, id_, lambda _: None, every_s=0.05)
    attempt = ws.attempt_dir("exp_0001")
    assert attempt is not None
    attempt.best.symlink_to(next(attempt.checkpoints.glob("step_*")).name)
    return ws


def test_it_is_opened_once_and_its_line_says_when_for_whom_and_what_came_of_it(
    ready: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = Cli(ready.root, capsys)
    before = ready.experiment("exp_0001")
    assert "say --yes" in cli.json("unseal", "1", code=2)["mend"].casefold()
    assert not any("sealed" in line for line in ready.method_log_lines())
    told = cli.json("unseal", "1", "--yes")
    assert (told["base"]["value"], told["score"]["value"], told["score"]["n_items"]) == (0.25, 0.75, 40)
    assert told["delta"]["kind"] == "gained"
    opened, verdict = [line for line in ready.method_log_lines() if "sealed set" in line]
    assert "opened the sealed set" in opened
    assert "sha256:" in opened
    assert "exp_0001" in opened
    assert re.match(r"- \d{4}-\d\d-\d\d ", opened)
    assert "sealed set 0.750" in verdict
    after = ready.experiment("exp_0001")
    assert after.score is not None
    assert (after.score, after.delta) == (before.score, before.delta)

    for id_ in ("1", "0001"):
        refused = cli.json("unseal", id_, "--yes", code=2)
        assert "opened before, for exp_0001" in refused["error"]
        assert "--although" in refused["mend"]
    cli.json("unseal", "1", "--yes", "--although", "the file had a typing error")
    again = [line for line in ready.method_log_lines() if "although it had been opened 1 time(s)" in line]
    assert len(again) == 1
    assert "the file had a typing error" in again[0]

    written(ready.root.parent / "sealed.jsonl", ITEMS[:30])  # another file is another seal
    assert cli.json("unseal", "1", "--yes")["score"]["n_items"] == 30


def test_an_opening_whose_scoring_failed_goes_on_without_a_reason(ready: Workspace, behave: Behave) -> None:
    behave(load="the disk is full")
    with pytest.raises(CockpitError, match="exp_0000 could not be scored on the sealed set"):
        sealed.unseal(ready, "exp_0001", lambda _: None)
    behave(sealed=SCORES)
    assert sealed.unseal(ready, "exp_0001", lambda _: None).delta.kind == "gained"
    opened = [line for line in ready.method_log_lines() if "opened the sealed set" in line]
    assert ["came to no verdict" in line for line in opened] == [False, True]


def test_other_weights_and_another_attempt_are_another_look(ready: Workspace, behave: Behave) -> None:
    sealed.unseal(ready, "exp_0001", lambda _: None)
    attempt = ready.attempt_dir("exp_0001")
    assert attempt is not None
    (attempt.best / "adapter_model.safetensors").write_bytes(b"other weights")  # a resume found a better one
    behave(sealed={**SCORES, "exp_0001": [0.0, 0.0, 0.0, 0.0]})
    with pytest.raises(CockpitError, match="opened before, for exp_0001"):
        sealed.unseal(ready, "exp_0001", lambda _: None)
    assert sealed.unseal(ready, "exp_0001", lambda _: None, although="it went on").score.value == 0.0

    # A second attempt has neither score nor verdict on the sealed set: it is a second look all the same.
    shutil.copytree(attempt.root, attempt.root.parent / "002", symlinks=True)
    shutil.rmtree(attempt.root.parent / "002" / "sealed")
    with pytest.raises(CockpitError, match="opened before, for exp_0001"):
        sealed.unseal(Workspace(ready.root), "exp_0001", lambda _: None)
    lines = [line for line in ready.method_log_lines() if "opened the sealed set" in line]
    assert len(lines) == 2


def test_a_crash_between_the_scoring_and_its_line_is_made_good(ready: Workspace) -> None:
    sealed.unseal(ready, "exp_0001", lambda _: None)
    text = ready.layout.methodlog.read_text()
    kept = [line for line in text.splitlines(keepends=True) if "sealed-verdict/" not in line]
    assert len(kept) < len(text.splitlines())
    ready.layout.methodlog.write_text("".join(kept))
    assert sealed.unseal(ready, "exp_0001", lambda _: None).delta.kind == "gained"
    assert "sealed-verdict/" in ready.layout.methodlog.read_text()


def test_what_can_not_be_scored_breaks_no_seal(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match="has no sealed set"):
        sealed.unseal(ws, "exp_0000", lambda _: None)
    seal(ws, written(tmp_path / "sealed.jsonl", ITEMS))
    lifecycle.new(ws, "sft", hypothesis="it helps")
    for id_, says in (
        ("exp_0000", "scored beside an experiment"),
        ("exp_0001", "exp_0000 has no held-out score"),
    ):
        with pytest.raises(CockpitError, match=says):
            sealed.unseal(ws, id_, lambda _: None)
    assert not any("opened the sealed set" in line for line in ws.method_log_lines())


def test_its_items_may_not_be_trained_on(ws: Workspace, tmp_path: Path) -> None:
    seal(ws, written(tmp_path / "sealed.jsonl", ITEMS))
    rows = [{"prompt": f"{n}+1=", "completion": str(n + 1)} for n in range(700, 760)]
    leak = {"prompt": ITEMS[8]["prompt"], "completion": ITEMS[8]["answer"]}
    train = written(tmp_path / "more.jsonl", [*rows, leak])
    with pytest.raises(CockpitError, match="1 of 40 sealed items are in the training data"):
        lifecycle.new(ws, "sft", hypothesis="more", train=train)


def test_init_checks_it_and_no_recipe_names_it(
    given: tuple[Path, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, data, model = given
    root.mkdir()
    cli = Cli(root, capsys)
    asked = ("init", "--model", model, "--data", data, "--verifier", "exact", "--sealed")
    known = [json.loads(line) for line in Path(data).read_text().splitlines()]
    trained = written(tmp_path / "trained.jsonl", [*ITEMS, known[3]])
    said = cli.json(*asked, str(trained), code=2)["error"]
    assert "ask what the sealed set asks" in said or "item(s) of the sealed set stand in" in said
    cli.json(*asked, str(written(tmp_path / "sealed.jsonl", ITEMS)))
    ws = Workspace(root)
    assert ws.config.sealed == (tmp_path / "sealed.jsonl").resolve()
    assert "sealed" not in json.dumps(ws.recipe_of(ws.experiment("exp_0000")))
    assert any("sealed" in line and "sha256" in line for line in ws.method_log_lines())
