"""`cockpit judge` on a history from elsewhere, `cockpit findings` in a workspace."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.core.rules.table import rule
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
    found = answer["findings"][0]
    assert found["rule"] == "stuck-at-zero"
    assert rule(found["rule"])
    assert found["experiments"] == ["e1", "e2"]
    assert {"rule", "severity", "experiments", "headline", "evidence", "next_step"} <= set(found)


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
