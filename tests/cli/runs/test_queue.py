"""The queue on real processes: one run at a time on a box without GPUs, in order, whoever is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.core.runs.gpu_placement import Device, Need
from cockpit.services.experiments import queue
from cockpit.services.runs import gpu_leases
from cockpit.services.system.processes import start_time
from cockpit.services.workspace.workspace import Workspace
from tests.support.attempts import until
from tests.support.cli import Cli

pytestmark = pytest.mark.fault
Loop = Callable[[int], str]
GIB = 2**30


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(queue, "EVERY_S", 0.05)


def draft(cli: Cli, loop: Loop, steps: int) -> str:
    made = cli.json("new", "custom", "-m", f"{steps} steps", "--command", loop(steps))
    return str(made["id"])


def statuses(ws: Workspace) -> dict[str, str]:
    return {view.id: view.status for view in ws.experiments()}


@pytest.mark.usefixtures("no_gpu")
def test_those_in_line_run_one_after_another(workspace: Cli, loop: Loop) -> None:
    first, second, third = (
        draft(workspace, loop, 100_000),
        draft(workspace, loop, 20),
        draft(workspace, loop, 20),
    )
    ws = Workspace(workspace.root)
    for id_ in (first, second, third):
        told = workspace.json("launch", id_, "--queue")
        assert told["id"] == id_
    workspace("queue", "rm", third)
    until(lambda: statuses(ws)[first] == "running")
    until(lambda: "waits for a slot" in ws.experiment(second).note)
    assert statuses(ws)[second] == "draft"
    assert ws.experiment(second).queued == 1
    assert [row["experiment"] for row in workspace.json("queue")["waiting"]] == [second]
    (workspace.root / "enough").touch()
    until(lambda: statuses(ws)[second] == "evaluated")
    assert statuses(ws) | {"exp_0000": ""} == {
        "exp_0000": "",
        first: "evaluated",
        second: "evaluated",
        third: "draft",
    }
    started = [ws.experiment(id_).attempt for id_ in (first, second)]
    assert all(started)
    until(lambda: not queue.runner_alive(ws))


@pytest.mark.usefixtures("no_gpu")
def test_a_killed_runner_is_replaced_when_somebody_looks(workspace: Cli, loop: Loop) -> None:
    ws = Workspace(workspace.root)
    busy, waiting = draft(workspace, loop, 100_000), draft(workspace, loop, 20)
    workspace("launch", busy)
    workspace("launch", waiting, "--queue")
    until(lambda: "waits for a slot" in ws.experiment(waiting).note)
    runners = [int(p.name) for p in Path("/proc").glob("[0-9]*") if _is_runner(p, workspace.root)]
    assert len(runners) == 1
    began = start_time(runners[0])
    os.kill(runners[0], signal.SIGKILL)
    until(lambda: start_time(runners[0]) != began)
    until(lambda: not queue.runner_alive(ws))
    workspace("queue")
    until(lambda: queue.runner_alive(ws))
    workspace("stop", busy, "--now", "--wait")
    until(lambda: statuses(ws)[waiting] == "evaluated")


@pytest.mark.usefixtures("no_gpu")
def test_one_that_cant_be_launched_leaves_the_line_and_says_why(workspace: Cli, loop: Loop) -> None:
    ws = Workspace(workspace.root)
    broken, good = draft(workspace, loop, 5), draft(workspace, loop, 5)
    layout = ws.layout.experiment(broken)
    layout.draft.write_text(
        layout.draft.read_text().replace(str(workspace.root / "loop.py"), "/no/such/file")
    )
    workspace("launch", broken, "--queue")
    workspace("launch", good, "--queue")
    until(lambda: statuses(ws)[good] == "evaluated")
    assert "queue could not launch it" in (workspace.root / "methodlog.md").read_text()


def test_only_a_draft_is_queued(workspace: Cli, loop: Loop) -> None:
    id_ = draft(workspace, loop, 5)
    workspace("launch", id_, "--wait")
    code, text = workspace("launch", id_, "--queue")
    assert code == 2
    assert "only a draft is queued" in text


def test_two_runs_never_get_one_gpu(tmp_path: Path, workspace: Cli, loop: Loop) -> None:
    """A run that lives holds its GPU; another gets the next one, or is told who is in the way."""
    id_ = draft(workspace, loop, 100_000)
    ws = Workspace(workspace.root)
    box = [Device(0, GIB, 80 * GIB), Device(1, GIB, 80 * GIB)]
    workspace("launch", id_)
    attempt = ws.attempt_dir(id_)
    assert attempt is not None
    with gpu_leases.hold(Need(), there=box) as held:
        assert held.gpus == (0,)
        held.record(attempt.root, "exp_a")
    with gpu_leases.hold(Need(), there=box) as held:
        assert held.gpus == (1,)
    with (
        pytest.raises(gpu_leases.Busy, match="GPU 0 is taken by exp_a"),
        gpu_leases.hold(Need(wanted=(0,)), there=box),
    ):
        pass
    workspace("stop", id_, "--now", "--wait")
    until(lambda: gpu_leases.living() == [])
    with gpu_leases.hold(Need(wanted=(0,)), there=box) as held:
        assert held.gpus == (0,)


def _is_runner(process: Path, root: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"cockpit.services.experiments.queue" in words and str(root).encode() in words
