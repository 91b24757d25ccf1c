"""`cockpit watch`: one snapshot with its findings; the screens on a mirror that is thrown away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract.errors import CockpitError
from cockpit.services.foreign import find
from cockpit.services.foreign.mirror import Mirror
from cockpit.services.workspace.workspace import Workspace
from cockpit.ui.watched import WatchingBackend
from tests.services.foreign.test_sources import trainer_state


def snapshot(place: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["watch", str(place), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_grpo_run_whose_completions_all_hit_the_limit_is_called_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer_state(tmp_path, 60, reward=0.4, reward_std=0.2, **{"completions/clipped_ratio": 1.0})
    (told,) = snapshot(tmp_path, capsys)["runs"]
    assert (told["technique"], told["kind"], told["step"]) == ("grpo", "trainer", 60)
    assert "truncated-completions" in [finding["rule"] for finding in told["findings"]]
    assert told["metrics"]["reward"] == {"step": 60, "value": 0.4}


def test_a_healthy_run_has_no_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer_state(tmp_path, 60, of=60)
    (told,) = snapshot(tmp_path, capsys)["runs"]
    assert told["findings"] == []
    assert told["state"] == "finished"


def test_the_mirror_grows_with_the_run_and_is_thrown_away(tmp_path: Path) -> None:
    trainer_state(tmp_path / "checkpoint-10", 10)
    mirror = Mirror(find(str(tmp_path)), str(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    mirror.poll()
    view = Workspace(mirror.root).experiment("exp_0001")
    assert view.attempt is not None
    assert view.attempt.step == 10
    trainer_state(tmp_path / "checkpoint-20", 20)
    mirror.poll()
    view = Workspace(mirror.root).experiment("exp_0001")
    assert view.attempt is not None
    assert view.attempt.step == 20
    after = [path for path in sorted(tmp_path.rglob("*")) if "checkpoint-20" not in str(path)]
    assert before == after, "what is watched is never written to"
    mirror.close()
    assert not mirror.root.exists()


def test_moves_are_refused_with_a_sentence(tmp_path: Path) -> None:
    backend = WatchingBackend(tmp_path, "/runs/of/others")
    for move in (
        lambda: backend.launch("exp_0001"),
        lambda: backend.stop("exp_0001", now=True),
        lambda: backend.decide("exp_0001", "committed", "x"),
    ):
        with pytest.raises(CockpitError, match="/runs/of/others are watched"):
            move()


def test_a_workspace_is_opened_not_watched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cockpit.toml").write_text("")
    assert main(["watch", str(tmp_path)]) == 2
    assert "a workspace of the cockpit's own" in capsys.readouterr().err
