"""A real trainer outlives cockpit and supervisor; its own death costs what came after its last checkpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.cli import main
from cockpit.contract import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.core.runs.evidence import Pid
from cockpit.services.experiments import lifecycle
from cockpit.services.runs import launcher, observe
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import alive
from cockpit.services.workspace.workspace import Workspace
from tests.trainers.real.conftest import ROOT, Tiny, make_workspace, reap, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1800)]

STEPS, EVERY = 40, 10


@pytest.fixture
def ws(tiny: Tiny, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace on the tiny model with one SFT draft, exp_0001; no process of it outlives the test."""
    mid_eval = {"every_steps": EVERY, "every_epochs": 99.0, "patience": 9}
    made = make_workspace(tiny, tmp_path / "ws", mid_eval=mid_eval)
    options = {"max_steps": STEPS, "per_device_train_batch_size": 64, "gradient_accumulation_steps": 1}
    lifecycle.new(made, "sft", lora=False, overrides={**options, "learning_rate": 1e-3, "max_length": 64})
    yield made
    reap(made)


def attempt_of(ws: Workspace) -> AttemptLayout:
    return ws.layout.experiment("exp_0001").attempt(1)


def steps(attempt: AttemptLayout) -> list[int]:
    return [row["step"] for row in read_rows(attempt.metrics) if "loss" in row]


def kill(process: Pid | None) -> None:
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not alive(process))


def test_nothing_is_missing_after_cockpit_and_supervisor_were_killed(ws: Workspace) -> None:
    attempt = attempt_of(ws)
    launch = [sys.executable, "-m", "cockpit", "--dir", str(ws.root), "launch", "1", "--reason", "a test"]
    with subprocess.Popen([*launch, "--wait"], cwd=ROOT, stdout=subprocess.DEVNULL) as cockpit:
        until(lambda: len(steps(attempt)) >= 3)
        cockpit.kill()
    facts = read_facts(attempt.process)
    assert facts is not None
    assert alive(facts.supervisor)
    kill(facts.supervisor)
    assert alive(facts.trainer)
    assert ws.experiment("1").status == "running"
    until(lambda: not alive(facts.trainer))
    assert steps(attempt) == list(range(1, STEPS + 1))
    events = list(read_rows(attempt.events))
    assert [row["seq"] for row in events] == list(range(1, len(events) + 1))
    assert [row["step"] for row in events if row["kind"] == "mid_eval"] == [10, 20, 30, 40]
    assert [row["kind"] for row in events][-1] == "end"
    view = ws.experiment("1")
    assert (view.status, view.attempt and view.attempt.state) == ("evaluated", "finished")
    assert view.score is not None
    assert view.score.n == 200
    assert "verdict · exp_0001" not in ws.layout.methodlog.read_text(), "nobody was there to write it"
    for text in ("looked at it", "looked again"):
        assert main(["--dir", str(ws.root), "note", text]) == 0
    log = ws.layout.methodlog.read_text()
    assert log.count("verdict · exp_0001") == 1
    assert log.index("verdict · exp_0001") < log.index("looked at it")


def test_a_killed_trainer_goes_on_from_its_checkpoint(ws: Workspace) -> None:
    attempt = attempt_of(ws)
    lifecycle.launch(ws, "exp_0001", reason="a test")
    until(lambda: len(steps(attempt)) > EVERY)
    facts = read_facts(attempt.process)
    assert facts is not None
    kill(facts.trainer)
    until(lambda: not alive(facts.supervisor))
    view = ws.experiment("1")
    assert view.attempt is not None
    assert (view.status, view.attempt.state) == ("failed", "killed")
    assert "Killed from outside while" in view.attempt.sentence  # training, or at the next mini-eval already
    lifecycle.resume(ws, "exp_0001")
    launcher.wait(attempt, 600)
    assert observe.observe(attempt).state == "finished"
    assert steps(attempt) == list(range(1, STEPS + 1)), "what came after the checkpoint is there once"
    assert ws.experiment("1").score is not None
    assert "Resumed from step_0000" in attempt.events.read_text()


def test_the_demo_told_to_its_end_although_its_teller_was_killed(tmp_path: Path, tiny: Tiny) -> None:
    """The whole story: baseline, an SFT that fails and says why, a GRPO run that gains; killed once in the middle."""
    root = tmp_path / "demo"
    tell = [sys.executable, "-m", "cockpit", "demo", "--dir", str(root)]
    grpo = Workspace(root).layout.experiment("exp_0002").attempt(1)
    with subprocess.Popen([*tell, "--headless"], cwd=ROOT, stdout=subprocess.DEVNULL) as teller:
        try:
            until(lambda: len(steps(grpo)) >= 2 or teller.poll() is not None)
        finally:
            teller.kill()
    facts = read_facts(grpo.process)
    assert facts is not None
    assert alive(facts.trainer), "the run is not the teller's"
    done = subprocess.run([*tell, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = {e["technique"]: e for e in json.loads(done.stdout)["experiments"]}
    base, sft, gained = told["baseline"], told["sft"], told["grpo"]
    assert [e["n_items"] for e in (base, sft, gained)] == [200] * 3
    assert 0.2 < base["held_out_score"] < 0.7
    assert (sft["held_out_score"], sft["state"], sft["status"]) == (0.0, "early_stopped", "discarded")
    assert gained["interval"][0] > base["interval"][1]
    assert (gained["delta_kind"], gained["status"]) == ("gained", "committed")
    said = {
        id_: [f.headline for f in lifecycle.findings_of(Workspace(root), id_)]
        for id_ in ("exp_0001", "exp_0002")
    }
    assert any("no answer parses any more" in line for line in said["exp_0001"])
    assert said["exp_0002"] == [], "quiet on a healthy run"
    assert steps(grpo) == list(range(1, steps(grpo)[-1] + 1))
    log = (root / "methodlog.md").read_text()
    marks = [line.partition("<!--")[2] for line in log.splitlines() if "<!-- k:" in line]
    assert len(marks) == len(set(marks))
    for text in ("sha256:", "exp_0001: sft", "exp_0002: committed", "Gained", "exp_0001: discarded", "Lost"):
        assert text in log, log
