"""Held-out items that share a source: found in the file or named, and said where the score is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli
from tests.support.ui.stage import CONFIG, Stage

N = 60


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A baseline and a run that won 24 items of 60, all of them in four of twelve sources."""
    made = Stage(tmp_path / "ws")
    rows = [
        {"id": f"i{k}", "prompt": f"{k}+1=?", "answer": str(k + 1), "source": f"s{k // 5}"} for k in range(N)
    ]
    (made.root / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for id_, right in (("exp_0000", 10), ("exp_0001", 30)):
        technique, parent = ("sft", "exp_0000") if right == 30 else ("baseline", None)
        out, _, layout = made.experiment(id_, technique, parent=parent)
        out.rows(
            layout.held_out / "items.jsonl", [{"item": f"i{k}", "score": float(k < right)} for k in range(N)]
        )
        (layout.held_out / "score.json").write_text(json.dumps({"score": right / N, "n": N}))
        out.end("finished", "done")
        made.process(layout, started=made.now - 30, ended=made.now, exit_code=0)
    return made


def test_the_groups_are_found_and_said_once(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    view = Workspace(stage.root).experiment("exp_0001")
    assert view.delta is not None
    # 20 items won, but 4 sources: the signs of four sums turn out alike in one case of eight
    assert view.delta.kind == "too_few"
    assert view.delta.p == pytest.approx(2 / 2**4)
    code, shown = Cli(stage.root, capsys)("show", "exp_0001")
    assert code == 0
    assert "on 60 items in 12 groups by source" in shown


def test_the_settings_can_name_another_column_or_none(stage: Stage) -> None:
    ws = Workspace(stage.root)
    wide = ws.experiment("exp_0001").score
    stage.layout.config.write_text(CONFIG.replace("[verifier]", 'cluster = ""\n\n[verifier]'))
    alone = ws.experiment("exp_0001")
    assert wide is not None
    assert alone.score is not None
    assert alone.delta is not None
    assert (alone.delta.kind, alone.score.cluster) == ("gained", "")
    assert alone.score.hi - alone.score.lo < wide.hi - wide.lo
    stage.layout.config.write_text(CONFIG.replace("[verifier]", 'cluster = "sorce"\n\n[verifier]'))
    assert "no column 'sorce' to group" in ws.experiment("exp_0001").note


def test_no_recipe_is_given_what_only_judges(stage: Stage) -> None:
    stage.layout.config.write_text(CONFIG.replace("[verifier]", 'cluster = "source"\n\n[verifier]'))
    config = Workspace(stage.root).config
    assert (config.cluster, "cluster" in config.sections["data"]) == ("source", False)


def test_groups_kept_beside_the_score_outlive_the_file(stage: Stage) -> None:
    for id_ in ("exp_0000", "exp_0001"):
        folder = stage.layout.experiment(id_).attempt(1).held_out
        rows = [{"item": f"i{k}", "source": f"s{k // 5}"} for k in range(N)]
        (folder / "columns.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (stage.root / "held_out.jsonl").unlink()
    for named in ("", 'cluster = "source"\n\n'):
        stage.layout.config.write_text(CONFIG.replace("[verifier]", f"{named}[verifier]"))
        view = Workspace(stage.root).experiment("exp_0001")
        assert view.delta is not None
        assert view.score is not None
        assert (view.delta.kind, view.score.cluster, view.note) == ("too_few", "source", "")


def test_groups_that_can_not_be_read_any_more_are_said(stage: Stage) -> None:
    file = stage.root / "held_out.jsonl"
    assert Workspace(stage.root).experiment("exp_0001").note == ""
    before = file.read_text()
    file.write_text(before.replace('"id": "i', '"id": "other'))
    said = "groups by source can't be read from the held-out file: the interval takes every item for itself"
    assert Workspace(stage.root).experiment("exp_0001").note == said
    stage.layout.config.write_text(CONFIG.replace("[verifier]", 'cluster = "source"\n\n[verifier]'))
    assert Workspace(stage.root).experiment("exp_0001").note == said
    file.unlink()
    assert Workspace(stage.root).experiment("exp_0001").note == said


def test_a_score_below_its_parents_is_a_finding_with_a_cure(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.layout.config.write_text(CONFIG.replace("[verifier]", 'cluster = ""\n\n[verifier]'))
    for id_, right in (("exp_0000", 40), ("exp_0001", 15)):
        folder = stage.layout.experiment(id_).attempt(1).held_out
        rows = [{"item": f"i{k}", "score": float(k < right)} for k in range(N)]
        (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "score.json").write_text(json.dumps({"score": right / N, "n": N}))
    told = Cli(stage.root, capsys).json("findings")["findings"]
    (lost,) = [finding for finding in told if finding["rule"] == "held-out-lost"]
    assert (lost["severity"], lost["experiments"]) == ("alarm", ["exp_0001"])
    assert "start anew from its parent: lower learning_rate" in lost["next_step"]
