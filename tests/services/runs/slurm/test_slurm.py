"""Runs on a real Slurm: submitted, pending with its reason, stopped with a checkpoint, preempted and resumed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cockpit.contract.layout import AttemptLayout
from cockpit.services.runs import slurm
from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli, sums
from tests.support.cluster import Cluster, missing

pytestmark = [
    pytest.mark.fault,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=f"no Slurm here: {missing()}"),
    pytest.mark.xdist_group("slurm"),
]

LOOP = """
import os, signal, sys, time
from pathlib import Path
from cockpit.contract import AttemptLayout, AttemptWriter, control
layout = AttemptLayout(Path(os.environ["COCKPIT_ATTEMPT_DIR"]))
out = AttemptWriter(layout.root)
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append("a signal"))
done = max((int(p.name[5:]) for p in layout.checkpoints.glob("step_*")), default=0)
out.stage("training", f"from {done}" if os.environ.get("COCKPIT_RESUME") else "")
print("resumed from" if os.environ.get("COCKPIT_RESUME") else "began at", done, flush=True)
hurry = Path(sys.argv[0]).with_name("hurry")  # a step takes a while, until the test has seen what it waits for
for step in range(done + 1, int(sys.argv[1]) + 1):
    time.sleep(0 if hurry.exists() else 0.05)
    out.metrics(step, {"loss": 1 / step})
    asked = [r for r in control.pending(layout) if r.name == "stop"]
    if stop or asked:
        layout.checkpoint(step).mkdir(parents=True, exist_ok=True)
        out.checkpoint(step, reason="stop")
        for request in asked:
            request.done()
        out.end("stopped", (stop or ["asked to"])[0], step=step)
        sys.exit(0)
out.end("finished", step=int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("slurm")) as made:
        before = dict(os.environ)
        os.environ.update(made.env)
        yield made
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def ws(cluster: Cluster, cli: Cli, model: Path, write_rows: Callable[..., Path]) -> Iterator[Cli]:
    data = write_rows("sums.jsonl", sums(0, 100))
    code, text = cli("init", "--model", str(model), "--data", str(data), "--verifier", "exact", "--yes")
    assert code == 0, text
    (cli.root / "loop.py").write_text(LOOP)
    slurm._ASKED.forget()  # pyright: ignore[reportPrivateUsage] - answers of the test before must not stay
    yield cli
    cluster("scancel", "--user=root", "--signal=KILL")
    until(lambda: not cluster("squeue", "-h").strip())


def submitted(cli: Cli, steps: int, *settings: str) -> tuple[str, AttemptLayout]:
    command = f"{sys.executable} {cli.root / 'loop.py'} {steps}"
    made = cli.json("new", "custom", "--command", command, "launcher=slurm", "slurm.grace_s=20", *settings)
    code, text = cli("launch", made["id"])
    assert code == 0, text
    attempt = Workspace(cli.root).attempt_dir(made["id"])
    assert attempt is not None
    return made["id"], attempt


def until(condition: Callable[[], bool]) -> None:
    """Wait for what Slurm does, which takes its time, and asks it anew each time."""
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        slurm._ASKED.forget()  # pyright: ignore[reportPrivateUsage]
        time.sleep(0.2)


def state(cli: Cli, id_: str) -> str:
    view = Workspace(cli.root).experiment(id_)
    return view.attempt.state if view.attempt else ""


def step(cli: Cli, id_: str) -> int:
    view = Workspace(cli.root).experiment(id_)
    return (view.attempt.step or 0) if view.attempt else 0


def sentence(cli: Cli, id_: str) -> str:
    view = Workspace(cli.root).experiment(id_)
    return view.attempt.sentence if view.attempt else ""


def test_a_job_runs_to_its_end_through_the_same_folder(ws: Cli) -> None:
    id_, attempt = submitted(ws, 20)
    assert slurm.job_id(attempt)
    until(lambda: state(ws, id_) == "finished")
    assert "began at 0" in attempt.log.read_text()
    assert ws.json("show", id_)["status"] == "evaluated"
    log = Workspace(ws.root).layout.methodlog
    until(lambda: f"verdict · {id_}" in log.read_text())  # the job itself wrote it: nobody waits here
    assert log.read_text().count(f"verdict · {id_}") == 1


def test_a_pending_job_says_why_and_is_cancelled_at_once(ws: Cli, cluster: Cluster) -> None:
    first, _ = submitted(ws, 100_000, "slurm.cpus_per_task=2")
    until(lambda: state(ws, first) == "running")
    second, _ = submitted(ws, 20, "slurm.cpus_per_task=2")
    until(lambda: "waits for free nodes" in sentence(ws, second) or "higher priority" in sentence(ws, second))
    assert Workspace(ws.root).experiment(second).status == "running", "what is in Slurm is not launched twice"
    code, text = ws("stop", second)
    assert code == 0, text
    until(lambda: state(ws, second) == "stopped")
    assert "cancelled" in sentence(ws, second)
    ws("stop", first, "--now")
    until(lambda: state(ws, first) != "running")


def test_stop_makes_a_checkpoint_and_resume_goes_on_from_it(ws: Cli) -> None:
    id_, attempt = submitted(ws, 2000)
    until(lambda: step(ws, id_) > 3)
    code, text = ws("stop", id_)
    assert code == 0, text
    until(lambda: state(ws, id_) == "stopped")
    (checkpoint,) = attempt.checkpoints.glob("step_*")
    until(lambda: (job := slurm.job_of(attempt)) is None or not job.alive)
    (ws.root / "hurry").touch()
    code, text = ws("resume", id_)
    assert code == 0, text
    until(lambda: state(ws, id_) == "finished")
    assert f"resumed from {int(checkpoint.name[5:])}" in attempt.log.read_text()


def test_a_preempted_job_is_requeued_and_resumes(ws: Cli, cluster: Cluster) -> None:
    id_, attempt = submitted(ws, 100_000, "slurm.cpus_per_task=2", "slurm.partition=main")
    until(lambda: step(ws, id_) > 3)
    urgent = cluster(
        "sbatch", "--parsable", "-p", "urgent", "-c", "2", "-o", "/dev/null", "--wrap", "sleep 3"
    ).strip()
    assert urgent.isdigit(), urgent
    until(lambda: state(ws, id_) == "queued")
    assert "Requeued in Slurm after step" in sentence(ws, id_)
    assert "resumes from its checkpoint" in sentence(ws, id_)
    job = slurm.job_id(attempt)
    cluster(
        "scontrol", "update", f"JobId={job}", "StartTime=now"
    )  # Slurm lets a requeued job wait two minutes
    until(lambda: "resumed from" in attempt.log.read_text())
    until(lambda: state(ws, id_) == "running")
    ws("stop", id_, "--now")


def test_the_time_limit_makes_a_checkpoint_and_the_job_is_requeued(ws: Cli) -> None:
    """It is told at once: Slurm looks every half minute, and tells those who would be told before it looks again."""
    id_, attempt = submitted(ws, 100_000, "slurm.time_min=2", "slurm.grace_s=115")
    until(lambda: any(attempt.checkpoints.glob("step_*")))
    until(lambda: state(ws, id_) == "queued")
    assert "Requeued in Slurm after step" in sentence(ws, id_)
    code, text = ws("stop", id_)
    assert code == 0, text
    until(lambda: state(ws, id_) == "stopped")


def test_sbatchs_refusal_is_said_in_a_sentence(ws: Cli) -> None:
    made = ws.json("new", "custom", "--command", "true", "launcher=slurm", "slurm.partition=nosuch")
    code, text = ws("launch", made["id"])
    assert code == 2
    assert "Slurm did not take the job" in text
    assert "partition" in text


def test_a_failed_node_is_said_and_the_job_goes_on_where_one_is_up_again(ws: Cli, cluster: Cluster) -> None:
    """Slurm requeues what its node lost; the trainer has no time for a checkpoint, so it begins where it had one."""
    id_, _ = submitted(ws, 100_000)
    until(lambda: step(ws, id_) > 3)
    try:
        cluster("scontrol", "update", "NodeName=one", "State=DOWN", "Reason=a test")
        until(lambda: state(ws, id_) == "queued")
        assert "in Slurm" in sentence(ws, id_)
    finally:
        cluster("scontrol", "update", "NodeName=one", "State=RESUME")
    ws("stop", id_, "--now")
    until(lambda: state(ws, id_) not in ("queued", "running", "stopping", "starting"))
