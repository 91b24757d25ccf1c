"""Where an experiment starts: the words for it, what is refused, and that the start stays there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.atomic import read_json
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import PIN
from cockpit.services.experiments import lifecycle, setup
from cockpit.services.recipe import warm_start
from cockpit.services.workspace import gc
from cockpit.services.workspace.workspace import Workspace

ADAPTER = {
    "r": 8,
    "lora_alpha": 16,
    "lora_dropout": 0.0,
    "target_modules": ["v_proj", "q_proj"],
    "use_rslora": False,
}


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    """exp_0001 has run: full weights at steps 20 and 40, of which 40 is the best; exp_0002 an adapter at 10."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    data = tmp_path / "sums.jsonl"
    rows = [{"prompt": f"{n}+1=?", "answer": str(n + 1)} for n in range(100)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    setup.init(tmp_path / "ws", name="w", model=str(model), verifier="exact", train=data)
    made = Workspace(tmp_path / "ws")
    lifecycle.new(made, "sft", lora=False)
    lifecycle.new(made, "sft")
    _checkpoint(made, 1, 20, {"config.json": {}})
    _checkpoint(made, 1, 40, {"config.json": {}})
    _checkpoint(made, 2, 10, {"adapter_config.json": {**ADAPTER, "base_model_name_or_path": str(model)}})
    return made


def _checkpoint(ws: Workspace, number: int, step: int, files: dict[str, Any]) -> None:
    attempt = ws.layout.experiment(f"exp_{number:04d}").attempt(1)
    folder = attempt.checkpoint(step)
    folder.mkdir(parents=True)
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))
    attempt.best.unlink(missing_ok=True)
    attempt.best.symlink_to(folder.name)


def _decided(ws: Workspace, number: int, status: str) -> None:
    ws.update_record(f"exp_{number:04d}", {"decision": {"status": status, "reason": "a test", "time": 1.0}})


def recipe_of(ws: Workspace, experiment_id: str) -> dict[str, Any]:
    value = read_json(ws.layout.experiment(experiment_id).draft)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("asked", "parent", "start"),
    [
        ({}, "exp_0000", ""),
        ({"parent": "exp_0001"}, "exp_0001", ""),
        ({"parent": "1@40"}, "exp_0001", "exp_0001@40"),
        ({"parent": "exp_0001@step_000020"}, "exp_0001", "exp_0001@20"),
        ({"warm_start": "exp_0001"}, "exp_0001", "exp_0001@40"),
        ({"warm_start": "exp_0001@best"}, "exp_0001", "exp_0001@40"),
        ({"warm_start": "exp_0001@step_000020"}, "exp_0001", "exp_0001@20"),
        ({"parent": "exp_0000", "warm_start": "1@20"}, "exp_0000", "exp_0001@20"),
    ],
)
def test_the_words_for_a_start(ws: Workspace, asked: dict[str, str], parent: str, start: str) -> None:
    view = lifecycle.new(ws, "sft", lora=False, **asked)
    assert (view.parent, view.start) == (parent, start)
    model = recipe_of(ws, view.id)["model"]
    assert model["warm_start_from"] == (start or None)
    if start:
        folder = Path(model["warm_start"])
        assert folder.name == f"step_{int(start.partition('@')[2]):06d}"
        assert (folder / PIN).read_text() == f"{view.id}\n"
        assert f"warm start from {start}" in ws.layout.methodlog.read_text()
        assert str(folder) not in {removal.path for removal in gc.look(ws)}


@pytest.mark.parametrize(
    ("asked", "start"), [({}, "exp_0001@40"), ({"fresh": True}, ""), ({"parent": "exp_0001@base"}, "")]
)
def test_a_committed_parent_is_gone_on_from_unless_fresh_is_said(
    ws: Workspace, asked: dict[str, Any], start: str
) -> None:
    _decided(ws, 1, "committed")
    view = lifecycle.new(ws, "grpo", **{"parent": "exp_0001", **asked})
    assert (view.parent, view.start) == ("exp_0001", start)


def test_a_discarded_parent_is_not(ws: Workspace) -> None:
    _decided(ws, 1, "discarded")
    assert lifecycle.new(ws, "grpo", parent="exp_0001").start == ""


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"warm_start": "exp_0001@30"}, "exp_0001 has no checkpoint 30.* There are: step_000020, step_000040"),
    ({"warm_start": "exp_0001@last"}, "exp_0001 has no checkpoint last"),
    ({"warm_start": "exp_0000"}, "exp_0000 has not run"),
    ({"warm_start": "exp_0001", "fresh": True}, "exclude each other"),
    ({"parent": "exp_0001@40", "fresh": True}, "exclude each other"),
    ({"parent": "exp_0001@40", "warm_start": "exp_0001@20"}, "Give one of them"),
    (
        {"warm_start": "exp_0002", "overrides": ["peft.r=16"]},
        "the adapter that is trained on has 8.*adapter=merge",
    ),
    ({"warm_start": "exp_0001", "overrides": ["model.adapter=merge"]}, "this one is full weights"),
]


@pytest.mark.parametrize(("asked", "says"), REFUSED)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    ws: Workspace, asked: dict[str, Any], says: str
) -> None:
    before = ws.experiment_ids()
    with pytest.raises(CockpitError) as refused:
        lifecycle.new(ws, "sft", **asked)
    import re

    assert re.search(says, str(refused.value)), refused.value
    assert ws.experiment_ids() == before


def test_the_recipe_tells_the_truth_of_the_adapter_that_is_trained_on(ws: Workspace) -> None:
    on = recipe_of(ws, lifecycle.new(ws, "sft", warm_start="exp_0002").id)
    assert (on["peft"]["r"], on["peft"]["lora_alpha"], on["model"]["adapter"]) == (8, 16, "continue")
    assert on["peft"]["target_modules"] == ["q_proj", "v_proj"]
    new = recipe_of(ws, lifecycle.new(ws, "sft", warm_start="exp_0002", overrides=["model.adapter=merge"]).id)
    assert (new["peft"]["r"], new["model"]["adapter"]) == (32, "merge")
    full = recipe_of(ws, lifecycle.new(ws, "sft", lora=False, warm_start="exp_0002").id)
    assert (full["peft"], full["model"]["adapter"]) == (None, "merge")


def test_an_adapter_of_another_base_is_refused(ws: Workspace, tmp_path: Path) -> None:
    _checkpoint(ws, 2, 12, {"adapter_config.json": {**ADAPTER, "base_model_name_or_path": "Qwen/Qwen3-4B"}})
    with pytest.raises(CockpitError, match=r"was trained on Qwen/Qwen3-4B, and the workspace's model is"):
        lifecycle.new(ws, "sft", warm_start="exp_0002@12")


def test_a_folder_can_be_the_start(ws: Workspace, tmp_path: Path) -> None:
    view = lifecycle.new(ws, "sft", lora=False, warm_start=str(tmp_path / "model"))
    assert view.parent == "exp_0000"
    assert recipe_of(ws, view.id)["model"]["warm_start"] == str(tmp_path / "model")
    with pytest.raises(CockpitError, match="neither a model nor an adapter"):
        warm_start.find(ws, str(tmp_path))


def test_a_start_that_is_gone_is_said_before_anything_runs(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    view = lifecycle.new(ws, "sft", lora=False, warm_start="exp_0001@20")
    shutil.rmtree(ws.layout.experiment("exp_0001").attempt(1).checkpoint(20))
    with pytest.raises(CockpitError, match=f"the checkpoint that {view.id} starts from is gone"):
        lifecycle.launch(ws, view.id, reason="a test")
    assert ws.experiment(view.id).status == "draft"


def test_the_tree_shows_it(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    from cockpit.cli import main
    from cockpit.ui.dashboard.tree import tree_lines
    from cockpit.ui.text.glyphs import choose

    lifecycle.new(ws, "sft", lora=False, parent="exp_0001@20", hypothesis="from the middle")
    assert main(["--dir", str(ws.root), "ls"]) == 0
    assert "sft < exp_0001@20" in capsys.readouterr().out
    lines = tree_lines(ws.experiments(), width=120, glyphs=choose({}, "utf-8"))
    texts = [shown.plain for shown in lines]
    assert [text for text in texts if text.rstrip().endswith("from exp_0001@20")], texts
