"""Pruning on a real workspace: a dry run touches nothing, applying leaves the best and the resumable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.cli import main
from cockpit.services.workspace import gc
from cockpit.services.workspace.workspace import Workspace
from tests.support.ui.stage import NOW, Stage

EMPTY_TENSORS = b"\x02\0\0\0\0\0\0\0{}"


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    stage = Stage(tmp_path)
    stage.baseline()
    layout = stage.sft_wrong_format()
    for step in (10, 20, 30):
        folder = layout.checkpoint(step)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").write_bytes(b"x" * 1000 * step)
    assert layout.best.resolve().name == "step_000010"
    return Workspace(tmp_path, clock=lambda: NOW)


def names(ws: Workspace) -> list[str]:
    attempt = ws.attempt_dir("exp_0001")
    assert attempt is not None
    return sorted(path.name for path in attempt.checkpoints.iterdir())


def test_looking_touches_nothing_and_applying_keeps_the_best(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = names(ws)
    assert main(["gc", "--dir", str(ws.root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["step"] for row in told["removals"]] == [30, 20]
    assert told["bytes"] == 50_000
    assert names(ws) == before
    assert main(["gc", "--dir", str(ws.root), "--apply"]) == 0
    assert "50 kB freed" in capsys.readouterr().out
    assert names(ws) == ["best", "step_000010"]


def test_a_checkpoint_that_another_experiment_starts_from_stays(ws: Workspace) -> None:
    attempt = ws.attempt_dir("exp_0001")
    assert attempt is not None
    child = Stage.draft(Stage(ws.root), "exp_0002", "sft", parent="exp_0001")
    recipe = json.loads(child.draft.read_text())
    recipe["model"]["warm_start_from"] = str(attempt.checkpoint(30))
    child.draft.write_text(json.dumps(recipe))
    assert [removal.step for removal in gc.look(ws)] == [20]


def test_what_became_needed_meanwhile_stays(ws: Workspace) -> None:
    removals = gc.look(ws)
    attempt = ws.attempt_dir("exp_0001")
    assert attempt is not None
    attempt.best.unlink()
    attempt.best.symlink_to("step_000030")
    freed = gc.remove(ws, removals)
    assert freed == 20_000
    assert "step_000030" in names(ws)


def test_a_link_out_of_the_workspace_is_left_alone(
    ws: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").write_text("x")
    attempt = ws.attempt_dir("exp_0001")
    assert attempt is not None
    (attempt.checkpoints / "step_000040").symlink_to(outside)
    gc.remove(ws, gc.look(ws))
    assert (outside / "precious").exists()


def test_what_a_resume_needs_stays_where_the_newest_is_damaged(ws: Workspace) -> None:
    attempt = ws.attempt_dir("exp_0001")
    assert attempt is not None
    attempt.events.write_text(f'{{"v": 1, "seq": 1, "time": {NOW}, "kind": "end", "outcome": "failed"}}\n')
    for step in (10, 20, 30):
        (attempt.checkpoint(step) / "trainer_state.json").write_text("{}")
        (attempt.checkpoint(step) / "model.safetensors").write_bytes(EMPTY_TENSORS)
    assert [removal.step for removal in gc.look(ws)] == [20]
    (attempt.checkpoint(30) / "model.safetensors").write_bytes(EMPTY_TENSORS[:-1])
    assert gc.look(ws) == []
