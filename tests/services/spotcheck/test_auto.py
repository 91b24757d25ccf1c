"""The check that runs by itself: when a loss falls while the mid-evals stay at 0, and never otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import atomic
from cockpit.core.runs.run_record import MidEval, Run
from cockpit.services.dataset import render
from cockpit.services.experiments import catch_up
from cockpit.services.runs import aftermath
from cockpit.services.spotcheck import auto
from cockpit.services.spotcheck import record as spot_record
from cockpit.services.workspace.workspace import Workspace
from tests.cli.spotcheck.test_command import fake_rendering, write
from tests.support.attempts import until
from tests.support.spot_cases import said, train
from tests.support.ui.stage import Stage

FALLING = [2.0, 1.9, 1.7, 1.2, 0.8, 0.5, 0.3]


def run(losses: list[float], scores: list[float], technique: str = "sft") -> Run:
    metrics: Any = {"loss": [(step, value) for step, value in enumerate(losses, 1)]}
    evals = [MidEval(step=10 * n, score=score, parsed=0, n=10)
             for n, score in enumerate(scores, 1)]  # fmt: skip
    return Run(id="exp_0001", technique=technique, metrics=metrics, mid_evals=tuple(evals))


@pytest.mark.parametrize(
    ("losses", "scores", "technique", "due"),
    [
        (FALLING, [0.0, 0.0], "sft", True),
        (FALLING, [0.0, 0.0, 0.0], "dpo", True),
        (FALLING, [0.0], "sft", False),
        (FALLING, [0.1, 0.0], "sft", False),
        (FALLING, [0.0, 0.2], "sft", False),
        (FALLING[:4], [0.0, 0.0], "sft", False),
        ([1.0] * 8, [0.0, 0.0], "sft", False),
        (FALLING, [0.0, 0.0], "grpo", False),
        ([], [], "sft", False),
    ],
)
def test_when_it_is_due(losses: list[float], scores: list[float], technique: str, due: bool):
    assert auto.learns_something_else(run(losses, scores, technique)) is due


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(render, "_ask", fake_rendering)
    made = Stage(tmp_path / "ws")
    made.baseline()
    out, clock, layout = made.experiment("exp_0001", "sft", parent="exp_0000", hypothesis="format A", ago=420)
    made._train(out, clock, steps=30, every=10, scores=[0.0, 0.0, 0.0], reward=False)
    out.end("early_stopped", "no better mini-eval", step=30, best_step=10, best_score=0.0)
    layout.log.parent.mkdir(parents=True, exist_ok=True)
    made.process(layout, started=clock.now - 60, ended=clock.now, exit_code=0)
    write(made.root / "train.jsonl", train(said("The answer is {a}.")))
    return made


def test_the_end_of_a_run_checks_it_once(stage: Stage):
    ws = Workspace(stage.root)
    assert catch_up.main([str(stage.root)]) == 0
    kept = spot_record.latest(ws)
    assert kept is not None
    assert (kept["verdict"], kept["experiment"]) == ("mismatched", "exp_0001")
    record: Any = atomic.read_json(stage.layout.experiment("exp_0001").record)
    assert record["spot_check"]["kinds"] == ["answer-marker"]
    assert auto.catch_up(ws) == []


def test_it_is_made_once_beside_a_run(stage: Stage):
    words = [str(stage.root), "exp_0001", "--beside"]
    assert auto.main(words) == 0
    kept = stage.layout.spot_check
    assert kept.exists()
    kept.unlink()
    stage.layout.experiment("exp_0001").record.write_text(
        stage.layout.experiment("exp_0001").record.read_text().replace('"spot_check"', '"unmade"')
    )
    assert auto.main(words) == 0
    assert not kept.exists(), "once an attempt"
    assert auto.main([str(stage.root), "exp_0000", "--beside"]) == 0
    assert not kept.exists(), "a baseline has no mini-evals at 0"


def test_the_supervisor_looks_beside_a_run_whose_mini_evals_are_at_0(stage: Stage, tmp_path: Path):
    said: list[str] = []
    attempt = stage.layout.experiment("exp_0001").attempt(1)
    look = aftermath.Beside(attempt, said.append)
    look.look()
    until(lambda: any((stage.layout.cache / "spot").glob("exp_0001-*")))
    look.end()
    assert said == []
    other = aftermath.Beside(stage.layout.experiment("exp_0000").attempt(1), said.append)
    other.look()
    other.end()
    assert [path.name for path in (stage.layout.cache / "spot").iterdir()] == ["exp_0001-001"]


def test_what_cannot_be_checked_is_told_and_stops_nothing(stage: Stage):
    (stage.root / "train.jsonl").unlink()
    told: list[str] = []
    auto.quietly(Workspace(stage.root), "exp_0001", told.append)
    assert len(told) == 1
    assert "could not be made" in told[0]
