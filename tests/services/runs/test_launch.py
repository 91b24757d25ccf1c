"""Starting: one run of one attempt, and a sentence for everything that stands in the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cockpit.contract import atomic, control
from cockpit.contract.errors import CockpitError
from cockpit.contract.lock import take
from cockpit.services.runs import launcher, observe
from cockpit.services.runs.lock import SUPERVISOR_LOCK
from cockpit.services.runs.record import ProcessFile
from cockpit.services.system import processes
from cockpit.services.system.processes import alive
from tests.support.attempts import PATIENCE_S, StandIn, clean_up, until
from tests.support.disks import fill, mounted

pytestmark = pytest.mark.fault

COUNTS = """
open(root / "starts", "a").write("x")
event("stage", name="training", detail="")
print("up")
forever(lambda: (root / "go").exists() or asked())
"""


def test_two_cockpits_start_one_run(standin: StandIn) -> None:
    standin.trainer(COUNTS)
    code = (
        "import sys; from cockpit.contract.errors import CockpitError\n"
        "from cockpit.services.runs import launcher, observe\n"
        "import cockpit.contract.recipe\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try: launcher.launch(sys.argv[1], confirm_s=0); print('started')\n"
        "except CockpitError as error: print('refused', error)"
    )
    argv = [sys.executable, "-c", code, str(standin.layout.root)]
    both = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for one in both:
        assert one.stdout
        assert one.stdout.readline() == "ready\n"
    for one in both:
        assert one.stdin
        one.stdin.write("\n")
        one.stdin.flush()
    answers = sorted(one.communicate()[0].split()[0] for one in both)
    assert answers == ["refused", "refused", "started"]
    until(lambda: standin.says("up"))
    assert (standin.layout.root / "starts").read_text() == "x"
    assert not (standin.layout.root / observe.LOCK).exists()


def test_supervisor_lets_no_second_one_in(standin: StandIn) -> None:
    """The launcher's lock apart: a supervisor started by hand sees that the attempt is taken."""
    standin.trainer(COUNTS)
    launcher.launch(standin.layout, confirm_s=0)
    argv = [
        sys.executable,
        "-m",
        "cockpit.services.runs.supervisor",
        "--foreground",
        str(standin.layout.root),
    ]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 1
    assert "another supervisor" in done.stderr


def test_a_launch_is_withdrawn_only_where_nothing_starts_any_more(standin: StandIn) -> None:
    standin.trainer(COUNTS)
    attempt = standin.layout
    hear, tell = os.pipe()
    late = [sys.executable, "-m", "cockpit.services.runs.supervisor", "--ready-fd", str(tell), "--"]

    with take(attempt.root / SUPERVISOR_LOCK):
        with ThreadPoolExecutor(1) as other:
            answer = other.submit(launcher.withdraw, attempt)
            attempt.process.write_text("{}")  # what the supervisor that holds the lock does next
            assert not answer.result()
        attempt.process.unlink()
    assert attempt.recipe.exists()
    assert launcher.withdraw(attempt)
    assert not attempt.root.exists()
    subprocess.run([*late, str(attempt.root)], pass_fds=(tell,))  # forked before, and slow
    os.close(tell)
    with open(hear) as said:
        assert "no recipe" in said.read()
    assert not attempt.root.exists()


def test_lock_of_a_dead_launcher_is_taken_over(standin: StandIn) -> None:
    standin.trainer(COUNTS)
    lock = standin.layout.root / observe.LOCK
    lock.write_text(json.dumps(processes.me() | {"start_time": 1.0}))
    facts = launcher.launch(standin.layout, confirm_s=0)
    assert alive(facts.trainer)
    assert not lock.exists()


def test_lock_of_a_living_launcher_is_respected(standin: StandIn) -> None:
    standin.trainer(COUNTS)
    (standin.layout.root / observe.LOCK).write_text(json.dumps(processes.me()))
    assert standin.status.state == "starting"
    with pytest.raises(CockpitError, match="being launched right now"):
        launcher.launch(standin.layout)


def test_a_reused_pid_is_not_the_run(standin: StandIn) -> None:
    standin.trainer(COUNTS)
    me = processes.me()
    pid = {"pid": os.getpid(), "start_time": 1.0}
    record = {**me, "trainer": pid, "supervisor": pid, "launch": "x", "started": time.time(), "outcome": None}
    atomic.write_json(standin.layout.process, record)
    assert standin.status.state == "lost"
    with pytest.raises(CockpitError, match="nothing runs"):
        launcher.stop(standin.layout)
    record["trainer"] = {"pid": me["pid"], "start_time": me["start_time"]}
    atomic.write_json(standin.layout.process, record)
    assert standin.status.state == "starting"
    record["boot_id"] = "another"
    atomic.write_json(standin.layout.process, record)
    assert standin.status.state == "lost"
    assert "restarted" in standin.status.sentence


@pytest.mark.parametrize(
    ("resources", "technique", "says"),
    [
        ({"python": "/no/such/python"}, "sft", "/no/such/python does not exist"),
        ({"command": ["/no/such/trainer"]}, "custom", "/no/such/trainer does not exist"),
        ({"command": ["/etc/hostname"]}, "custom", "may not be run"),
        ({}, "custom", "resources.command"),
    ],
)
def test_unstartable_is_said(
    standin: StandIn, resources: dict[str, object], technique: str, says: str
) -> None:
    standin.recipe(None, technique=technique, resources=resources)
    with pytest.raises(CockpitError, match=says):
        launcher.launch(standin.layout)
    if standin.layout.process.exists():
        assert standin.status.state == "failed"
        assert says in standin.status.sentence
    standin.trainer(COUNTS)  # mended: a spawn that failed is not a run
    assert alive(launcher.launch(standin.layout, confirm_s=0).trainer)


def test_a_trainer_that_ends_at_once_is_said_at_once(standin: StandIn) -> None:
    standin.trainer("sys.exit('no such model: /nowhere')")
    with pytest.raises(CockpitError, match="no such model: /nowhere"):
        launcher.launch(standin.layout, confirm_s=PATIENCE_S)


def test_modules_are_found_from_any_folder(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-m` works in the workspace, and a folder there that is named like a library shadows nothing."""
    workspace = standin.layout.root.parents[4]
    (workspace / "json").mkdir()
    (workspace / "json/__init__.py").write_text("raise ImportError('shadowed')")
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    standin.recipe(None, technique="sft")
    facts = launcher.launch(standin.layout, module="cockpit.core.runs.evidence", confirm_s=PATIENCE_S)
    assert (facts.exit_code, facts.cwd) == (0, str(workspace)), standin.layout.log.read_text()
    assert facts.argv[1:4] == ("-u", "-m", "cockpit.core.runs.evidence")


def test_one_attempt_is_one_run_until_resumed(standin: StandIn) -> None:
    standin.trainer(COUNTS + 'print("resume", os.environ.get("COCKPIT_RESUME"))')
    with pytest.raises(CockpitError, match="never started"):
        launcher.resume(standin.layout)
    launcher.launch(standin.layout, confirm_s=0)
    until(lambda: standin.says("up"))
    control.request(standin.layout, "stop")
    until(standin.over)
    with pytest.raises(CockpitError, match="has run already"):
        launcher.launch(standin.layout)
    assert control.pending(standin.layout)  # nobody answered it: it must not stop the resumed run
    facts = launcher.resume(standin.layout, confirm_s=0)
    assert facts.resumed
    assert not control.pending(standin.layout)
    (standin.layout.root / "go").touch()
    until(standin.over)
    assert standin.says("resume None\nup\nresume 1")
    assert [run["exit_code"] for run in json.loads(standin.layout.process.read_text())["earlier"]] == [0]


def test_environment_is_inherited_and_never_written(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "s3cret-value")
    monkeypatch.setenv("EVO_RESULT_PATH", "/evo/result.json")
    monkeypatch.delenv("EVO_EXPERIMENT_ID", raising=False)
    standin.trainer(
        """
        keys = ("WANDB_API_KEY", "EVO_RESULT_PATH", "EVO_EXPERIMENT_ID", "CUDA_VISIBLE_DEVICES", "EXTRA")
        ok = [os.environ.get(key) for key in keys]
        print("ok" if ok == ["s3cret" + "-value", "/evo/result.json", "exp_0001", "1,3", "yes"] else "bad")
        """,
        resources={"cuda_visible_devices": "1,3", "env": {"EXTRA": "yes"}},
    )
    launcher.launch(standin.layout, confirm_s=0)
    until(standin.over)
    assert standin.says("ok")
    for path in standin.layout.root.rglob("*"):
        assert not path.is_file() or "s3cret-value" not in path.read_text()


def test_folder_deleted_under_a_running_supervisor(standin: StandIn) -> None:
    standin.trainer(COUNTS)
    facts = launcher.launch(standin.layout, confirm_s=0)
    until(lambda: standin.says("up"))
    shutil.rmtree(standin.layout.root)
    assert standin.status.state == "queued"
    until(lambda: not alive(facts.trainer) and not alive(facts.supervisor))
    assert not standin.layout.root.exists()
    with pytest.raises(CockpitError, match="folder is gone"):
        launcher.launch(standin.layout)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as disk:
        yield disk


def test_disk_that_fills_up_during_the_run(small_disk: Path) -> None:
    standin = StandIn(small_disk / "attempt")
    standin.trainer(COUNTS)
    launcher.launch(standin.layout, confirm_s=0)
    until(lambda: standin.says("up"))
    fill(small_disk)
    try:
        launcher.stop(standin.layout, grace_s=0.2)
        until(standin.over)
        assert standin.facts.ended
        # the request did not fit on the disk: the supervisor's signal had to do
        assert (standin.facts.stop_reason, standin.facts.signal) == ("signal", "SIGTERM")
        assert standin.status.state == "stopped"
    finally:
        clean_up(standin.layout)


def test_disk_that_is_full_from_the_start(small_disk: Path) -> None:
    standin = StandIn(small_disk / "attempt")
    standin.trainer(COUNTS)
    fill(small_disk)
    with pytest.raises(CockpitError, match="the disk is full"):
        launcher.launch(standin.layout)
    assert not (standin.layout.root / "starts").exists()


def test_record_is_rewritten_in_place_where_nothing_new_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "process.json"
    record = ProcessFile.begin(path, launch="a", now=1.0, supervisor=processes.Pid(1, 1.0))
    assert record.write() is None

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "write_json", full)
    record.update(outcome="exited", exit_code=3)
    assert record.write() is None
    assert atomic.read_json(path)["exit_code"] == 3
    path.unlink()
    error = record.write()
    assert error
    assert error.errno == 28
