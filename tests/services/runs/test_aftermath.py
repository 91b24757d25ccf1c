"""What a run sets off: it is waited for while there is time, and ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cockpit.contract.layout import AttemptLayout
from cockpit.contract.writer import AttemptWriter
from cockpit.services.runs import aftermath
from cockpit.services.runs.slurm_job import TrainingJob
from cockpit.services.system import processes
from tests.support.attempts import until

LOOK = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
pathlib.Path(sys.argv[1], "child").write_text(str(child.pid))
time.sleep(600)
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that starts another process in a session of its own, and takes its time."""
    (tmp_path / "takes_its_time.py").write_text(LOOK)
    known = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{known}")
    return tmp_path


def child_of(folder: Path) -> int:
    return int(until(lambda: (folder / "child").exists() and (folder / "child").read_text()))


def gone(pid: int) -> bool:
    row = processes.look(pid)
    return row is None or row.zombie


def test_a_check_beside_a_run_is_ended_with_what_it_started(
    slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "SPOT_CHECK", "takes_its_time")
    attempt = AttemptLayout(slow / ".cockpit/experiments/exp_0001/attempts/001")
    (slow / "cockpit.toml").write_text("")
    out = AttemptWriter(attempt.root)
    out.event("mid_eval", step=1, score=0.0, best_score=0.0)
    beside = aftermath.Beside(attempt, print)
    beside.look()
    try:
        child = child_of(slow)
    finally:
        beside.end()
    until(lambda: gone(child))


def test_nobody_waits_once_there_is_no_time_left(slow: Path) -> None:
    said: list[str] = []
    attempt = AttemptLayout(slow)
    answers = iter([False, True])
    words = [str(slow)]
    aftermath.run(
        attempt, "takes_its_time", words, within_s=600, say=said.append, leave=lambda: next(answers)
    )
    assert len(said) == 1
    assert "goes on alone" in said[0]
    assert list(answers) == [], "it was asked until it said so"
    child = child_of(slow)
    row = processes.look(child)
    assert row is not None
    os.killpg(row.parent, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)


def test_a_job_that_is_over_leaves_before_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its supervisor is deaf here: what it still does is not waited for to its end."""
    monkeypatch.setattr("cockpit.services.runs.slurm_job.LEAVE_S", 0.2)
    out = AttemptWriter(tmp_path)
    out.end("finished", step=9)
    job = TrainingJob(str(tmp_path), "launch")
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        job._supervisor = supervisor
        last = threading.Timer(180.0, supervisor.kill)  # else the failing test would hang
        last.start()
        with pytest.raises(SystemExit) as left:
            job.checkpoint()
        assert (left.value.code, supervisor.poll()) == (0, None)
        last.cancel()
        supervisor.kill()
