"""A move and its line in the log are one thing: where the line can't be written, nothing was moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.contract import lock
from cockpit.contract.errors import CockpitError
from cockpit.services.experiments import lifecycle
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import Workspace
from tests.support.ui.stage import Stage


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    stage = Stage(tmp_path / "ws")
    stage.baseline()
    stage.grpo(running=False)
    ws = Workspace(stage.root, clock=lambda: stage.now)
    lifecycle.decide(ws, "2", "discarded", "too short")
    rows = [json.dumps({"prompt": f"{n}+500=?", "completion": str(n + 500)}) for n in range(40)]
    (ws.root / "train.jsonl").write_text("\n".join(rows) + "\n")
    return ws


def draft(ws: Workspace) -> None:
    lifecycle.new(ws, "custom", hypothesis="it does it all", command="true", fresh=True)


def decide(ws: Workspace) -> None:
    lifecycle.decide(ws, "2", "discarded", "it is not")


def state(ws: Workspace) -> tuple[object, ...]:
    decision = ws.experiment("exp_0002").decision
    return (ws.experiment_ids(), decision, ws.layout.methodlog.read_text())


@pytest.mark.parametrize("move", [draft, decide])
def test_nothing_is_moved_while_another_keeps_the_log(
    ws: Workspace, move: Callable[[Workspace], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(ws)
    monkeypatch.setattr(methodlog_writer, "WAIT_S", 0.1)
    with (
        lock.take(ws.layout.private / "methodlog.lock"),
        pytest.raises(CockpitError, match="nothing was written"),
    ):
        move(ws)
    assert state(ws) == before


@pytest.mark.parametrize("move", [draft, decide])
def test_a_line_that_is_refused_takes_the_move_back(
    ws: Workspace, move: Callable[[Workspace], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(ws)

    def full(path: Path, text: str) -> None:
        raise CockpitError("the method log can't be written: no space left on device", file=path)

    monkeypatch.setattr(methodlog_writer, "_write", full)
    with pytest.raises(CockpitError, match="no space"):
        move(ws)
    assert state(ws) == before


@pytest.mark.parametrize("move", [draft, decide])
def test_it_is_made_and_told_otherwise(ws: Workspace, move: Callable[[Workspace], None]) -> None:
    before = state(ws)
    move(ws)
    after = state(ws)
    assert after[:2] != before[:2]
    assert str(after[2]).startswith(str(before[2]))
    assert after[2] != before[2]
