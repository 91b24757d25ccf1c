"""`cockpit judge` on a history from elsewhere, `cockpit findings` in a workspace."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.core.rules.table import found, rule
from cockpit.services.experiments import varied
from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(number: int, technique: str, score: float, **more: Any) -> dict[str, Any]:
    parent = f"e{number - 1}" if number else None
    return {"id": f"e{number}", "parent": parent, "technique": technique, "status": "committed",
            "held_out_score": score, "n_items": 200, **more}  # fmt: skip


def test_the_json_answer_has_the_shape_of_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "h.jsonl", [row(0, "baseline", 0), row(1, "sft", 0, verifiable=True), row(2, "sft", 0)]
    )
    assert main(["judge", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["findings"]
    said = answer["findings"][0]
    assert said["rule"] == "stuck-at-zero"
    assert rule(said["rule"])
    assert said["experiments"] == ["e1", "e2"]
    assert {"rule", "severity", "experiments", "headline", "evidence", "next_step", "change"} <= set(said)


def test_for_people_it_shows_scores_with_intervals_and_says_what_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "h.jsonl",
        [row(0, "baseline", 0.3, verifier_hash="a"), row(1, "sft", 0.5, verifier_hash="b")],
    )
    assert main(["judge", str(path)]) == 0
    said = capsys.readouterr().out
    assert "0.300 [0.241, 0.367] /200" in said
    assert "Not compared: they were scored by different verifiers" in said
    assert "Nothing found." in said


def test_the_run_behind_metrics_path_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = [{"step": step, "loss": 1.2 + 0.02 * math.sin(step * 2.4), "lr": 1e-6} for step in range(1, 101)]
    (tmp_path / "runs").mkdir()
    write(tmp_path / "runs" / "m.jsonl", flat)
    rows = [row(0, "baseline", 0.3), row(1, "sft", 0.5, metrics_path="runs/m.jsonl"),
            row(2, "sft", 0.6, metrics_path="gone.jsonl")]  # fmt: skip
    assert main(["judge", str(write(tmp_path / "h.jsonl", rows)), "--json"]) == 0
    said = capsys.readouterr()
    assert [(f["rule"], f["experiments"]) for f in json.loads(said.out)["findings"]] == [
        ("flat-loss", ["e1"])
    ]
    assert "e2, field 'metrics_path': there is no file" in said.err


@pytest.mark.parametrize("as_json", [True, False])
def test_bad_input_names_line_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    path = write(tmp_path / "h.jsonl", [row(0, "baseline", 0.3), row(1, "sft", 1.5)])
    assert main(["judge", str(path), *(["--json"] if as_json else [])]) == 2
    said = capsys.readouterr()
    if as_json:
        assert json.loads(said.out)["line"] == 2
    assert "field 'held_out_score'" in said.out + said.err
    assert "Traceback" not in said.out + said.err


def test_a_missing_history_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(tmp_path / "no.jsonl")]) == 2
    assert "can't be read" in capsys.readouterr().err


def test_findings_of_a_workspace_without_any(workspace: Cli) -> None:
    assert workspace.json("findings") == {"findings": []}
    assert workspace("findings") == (0, "Nothing found.\n")
    assert workspace("findings", "exp_0099")[0] == 2


@pytest.fixture
def flat_run(workspace: Cli) -> Cli:
    """`exp_0001`: an SFT run, made anew here and now, whose loss never falls."""
    workspace.json("new", "sft", "learning_rate=1e-5", "num_train_epochs=3", "-m", "it learns")
    experiment = Workspace(workspace.root).layout.experiment("exp_0001")
    attempt = experiment.attempt(1)
    attempt.root.mkdir(parents=True)
    shutil.copy(experiment.draft, attempt.recipe)
    rows = [{"step": step, "loss": 1.2 + 0.02 * math.sin(step * 2.4), "lr": 1e-5} for step in range(1, 101)]
    write(attempt.metrics, rows)
    write(
        attempt.events,
        [{"v": 1, "seq": 1, "time": 1.0, "kind": "end", "outcome": "finished", "sentence": ""}],
    )
    return workspace


def test_a_finding_becomes_a_draft_with_its_change(flat_run: Cli) -> None:
    (told,) = flat_run.json("findings", "exp_0001")["findings"]
    assert told["change"] == {"learning_rate": 5e-5}
    assert "raise learning_rate from 1e-05 to 5e-05" in told["next_step"].lower()
    offered = "draft with learning_rate = 5e-05: cockpit new --from-finding flat-loss:exp_0001"
    assert offered in flat_run("findings")[1]
    made = flat_run.json("new", "--from-finding", told["key"])
    assert (made["id"], made["parent"], made["technique"]) == ("exp_0002", "exp_0001", "sft")
    assert "learning_rate=5e-05" in made["hypothesis"]
    layout = Workspace(flat_run.root).layout
    old, new = (json.loads(layout.experiment(id_).draft.read_text()) for id_ in ("exp_0001", "exp_0002"))
    assert new["trainer"] == {**old["trainer"], "learning_rate": 5e-5}
    assert (new["peft"], new["data"], new["mid_eval"]) == (old["peft"], old["data"], old["mid_eval"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--from-finding", "flat-loss:exp_0099"], "exp_0099"),
        (["--from-finding", "loss-spike:exp_0001"], "there is no finding 'loss-spike:exp_0001' now"),
        (["--from-finding", "flat-loss:exp_0001", "-m", "mine"], "Give --from-finding KEY alone"),
        ([], "needs its technique"),
    ],
)
def test_a_draft_from_no_finding_is_refused_in_a_sentence(flat_run: Cli, words: list[str], says: str) -> None:
    code, text = flat_run("new", *words)
    assert code == 2
    assert says in text


def test_a_larger_group_gets_whole_groups_in_its_batch(workspace: Cli) -> None:
    workspace.json("new", "grpo", "per_device_train_batch_size=8", "gradient_accumulation_steps=1")
    ws = Workspace(workspace.root)
    told = found("no-group-spread", "warn", "x", experiments=["exp_0001"], change={"num_generations": 34})
    made = varied.of_finding(ws, told)
    trainer = json.loads(ws.layout.experiment(made.id).draft.read_text())["trainer"]
    assert trainer["num_generations"] == 34
    assert trainer["per_device_train_batch_size"] * trainer["gradient_accumulation_steps"] % 34 == 0
