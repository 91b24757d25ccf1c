"""How a run ended is recorded as what it was."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.contract import control
from cockpit.contract.errors import CockpitError
from cockpit.core.runs.evidence import Pid
from cockpit.services.runs import launcher
from cockpit.services.system.oom import OomWatch
from cockpit.services.system.processes import alive, start_time
from tests.support.attempts import StandIn, until

pytestmark = pytest.mark.fault

OBEYS = """
event("stage", name="training", detail="")
print("up")
forever(asked)
event("end", outcome="stopped", reason="asked", step=3)
"""
IGNORES_ALL = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
event("stage", name="training", detail="")
print("up")
forever()
"""
TERM_ONLY = """
def stop(number, frame):
    event("end", outcome="stopped", reason="asked by SIGTERM", step=3)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
event("stage", name="training", detail="")
print("up")
forever()
"""


def start_it(standin: StandIn) -> Pid:
    facts = launcher.launch(standin.layout, confirm_s=0)
    assert facts.trainer
    until(lambda: standin.says("up"))
    return facts.trainer


def test_killed_from_outside(standin: StandIn) -> None:
    standin.trainer(OBEYS)
    trainer = start_it(standin)
    os.kill(trainer.pid, signal.SIGKILL)
    until(standin.over)
    facts = standin.facts
    assert (facts.outcome, facts.signal, facts.exit_code, facts.stop_reason) == (
        "signaled",
        "SIGKILL",
        None,
        None,
    )
    assert standin.status.state == "killed"
    assert "no sign that memory ran out" in standin.status.sentence


def test_crash_in_native_code(standin: StandIn) -> None:
    standin.trainer(OBEYS)
    trainer = start_it(standin)
    os.kill(trainer.pid, signal.SIGSEGV)
    until(standin.over)
    assert (standin.facts.signal, standin.status.state) == ("SIGSEGV", "failed")
    assert "Crashed while training" in standin.status.sentence


def test_python_error_is_told_in_its_own_words(standin: StandIn) -> None:
    standin.trainer('event("stage", name="loading", detail="")\nprint("up")\nforever(asked)\nint("seven")')
    launcher.launch(standin.layout, confirm_s=0)
    until(lambda: standin.says("up"))
    (standin.layout.control).mkdir(exist_ok=True)
    (standin.layout.control / "001-stop.json").write_text("{}")  # as somebody without our code would
    until(standin.over)
    assert (standin.facts.exit_code, standin.status.state) == (1, "failed")
    assert "while loading the model" in standin.status.sentence
    assert "ValueError: invalid literal" in standin.status.sentence


def test_graceful_stop(standin: StandIn) -> None:
    standin.trainer(OBEYS)
    start_it(standin)
    assert "checkpoint" in launcher.stop(standin.layout)
    until(standin.over)
    facts = standin.facts
    assert (facts.outcome, facts.exit_code, facts.stop_reason, facts.forced) == ("exited", 0, "user", False)
    assert standin.status.state == "stopped"
    with pytest.raises(CockpitError, match="nothing runs"):
        launcher.stop(standin.layout)


def test_sigterm_follows_an_unheard_request(standin: StandIn) -> None:
    standin.trainer(TERM_ONLY, budget={"grace_s": 0.2})
    start_it(standin)
    launcher.stop(standin.layout)
    assert standin.status.state in ("stopping", "stopped")
    until(standin.over)
    assert (standin.facts.exit_code, standin.facts.forced, standin.status.state) == (0, False, "stopped")
    assert "asked by SIGTERM" in standin.status.sentence


def test_sigkill_follows_an_ignored_sigterm(standin: StandIn) -> None:
    standin.trainer(IGNORES_ALL, budget={"grace_s": 30})
    trainer = start_it(standin)
    launcher.stop(standin.layout, grace_s=0.2)
    until(standin.over)
    facts = standin.facts
    assert not alive(trainer)
    assert (facts.signal, facts.stop_reason, facts.forced, facts.outcome) == (
        "SIGKILL",
        "user",
        True,
        "signaled",
    )
    assert standin.status.state == "killed"
    assert "did not stop in time" in standin.status.sentence


def test_a_checkpoint_in_the_making_is_not_cut_short(standin: StandIn) -> None:
    """Who answered the request and is writing its checkpoint has another grace before SIGTERM."""
    standin.trainer(
        """
        print("up")
        forever(asked)
        for path in (root / "control").glob("*-stop.json"):
            path.rename(path.with_suffix(".done"))
        end = time.monotonic() + 11
        forever(lambda: time.monotonic() > end)
        event("end", outcome="stopped", reason="", step=3)
        """,
        budget={
            "grace_s": 10
        },  # longer than one grace, shorter than two: nine seconds to spare on a busy machine
    )
    start_it(standin)
    launcher.stop(standin.layout)
    until(standin.over)
    assert (standin.facts.exit_code, standin.facts.signal, standin.status.state) == (0, None, "stopped")


def test_a_trainer_that_answers_before_the_supervisor_looks_is_not_asked_twice(standin: StandIn) -> None:
    standin.trainer(
        """
        print("up")
        forever((root / "go").exists)
        event("end", outcome="stopped", reason="", step=3)
        """
    )
    start_it(standin)
    control.request(standin.layout, "stop").rename(standin.layout.control / "001-stop.done")
    supervisor = standin.facts.supervisor
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGTERM)
    until(lambda: standin.facts.stop_requested)
    assert (standin.facts.stop_reason, control.pending(standin.layout)) == ("user", [])
    (standin.layout.root / "go").touch()
    until(standin.over)
    assert (standin.facts.exit_code, standin.status.state) == (0, "stopped")


def test_stop_now_overtakes_a_patient_stop(standin: StandIn) -> None:
    standin.trainer(TERM_ONLY)
    start_it(standin)
    launcher.stop(standin.layout)
    until(lambda: standin.facts.stop_requested)
    assert standin.status.state == "stopping"
    launcher.stop(standin.layout, now=True)
    until(standin.over)  # the patient one would take a minute
    assert (standin.facts.exit_code, standin.facts.stop_now, standin.status.state) == (0, True, "stopped")


def test_a_request_in_the_folder_alone_is_followed_up(standin: StandIn) -> None:
    """Another machine can only reach the folder: the supervisor sees the request and its grace begins."""
    standin.trainer(TERM_ONLY, budget={"grace_s": 0.1})
    start_it(standin)
    standin.layout.control.mkdir()
    (standin.layout.control / "001-stop.json").write_text("{}")
    until(standin.over)
    assert (standin.facts.stop_reason, standin.status.state) == ("user", "stopped")


def test_time_budget(standin: StandIn) -> None:
    standin.trainer(OBEYS, budget={"seconds": 0.5})
    start_it(standin)
    until(standin.over)
    facts = standin.facts
    assert (facts.outcome, facts.stop_reason, facts.exit_code) == ("time_budget", "time_budget", 0)
    assert standin.status.state == "stopped"
    assert "time budget" in standin.status.sentence


def test_time_budget_of_a_deaf_trainer(standin: StandIn) -> None:
    standin.trainer(
        IGNORES_ALL, budget={"seconds": 10, "grace_s": 0.1}
    )  # deaf by then, on a busy machine too
    start_it(standin)
    until(standin.over)
    assert (standin.facts.outcome, standin.facts.signal, standin.facts.forced) == (
        "time_budget",
        "SIGKILL",
        True,
    )
    assert "had to be killed" in standin.status.sentence


def test_orphans_are_swept(standin: StandIn) -> None:
    """One that left group and session but kept its environment, and one that did the opposite."""
    standin.trainer(
        """
        wait = "import time; print('child', flush=True); time.sleep(600)"
        a = subprocess.Popen([sys.executable, "-c", wait], start_new_session=True)
        b = subprocess.Popen([sys.executable, "-c", wait], env={})
        (root / "children").write_text(f"{a.pid} {b.pid}")
        event("end", outcome="finished", reason="")
        os._exit(0)
        """
    )
    launcher.launch(standin.layout, confirm_s=0)
    until(lambda: standin.facts.ended)
    children = [int(pid) for pid in (standin.layout.root / "children").read_text().split()]
    assert standin.status.state == "finished"  # on record before the sweep
    until(standin.over)
    assert [start_time(pid) for pid in children] == [None, None]
    assert "swept" in standin.layout.process.read_text()


def test_an_exec_is_the_same_run(standin: StandIn) -> None:
    """Training ends by becoming the evaluation: same pid, a new stage after no end yet."""
    standin.trainer(
        """
        event("stage", name="training", detail="")
        after = "import os; print('up', flush=True)\\nwhile not os.path.exists('go'): os.sched_yield()"
        os.chdir(root)
        os.execv(sys.executable, [sys.executable, "-c", after])
        """
    )
    trainer = start_it(standin)
    assert alive(trainer)
    assert standin.status.state == "running"
    (standin.layout.root / "go").touch()
    until(standin.over)
    assert standin.facts.exit_code == 0


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group with a memory limit, where we may make one."""
    group = _make_group("/sys/fs/cgroup/memory", "memory.limit_in_bytes") or _make_group(
        "/sys/fs/cgroup", "memory.max"
    )
    if group is None:
        pytest.skip("no control group may be made here")
    yield group
    until(lambda: _removed(group))


def _make_group(base: str, limit: str) -> Path | None:
    group = Path(base) / f"cockpit-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
        (group / limit).write_text(str(60 << 20))
    except OSError:
        if group.is_dir():
            group.rmdir()
        return None
    return group


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


def test_killed_by_the_kernel_for_memory(standin: StandIn, small_group: Path) -> None:
    standin.trainer(
        """
        event("stage", name="training", detail="")
        print("up")
        hold = []
        forever(lambda: hold.append(b"x" * (1 << 20)) and False)
        """
    )
    # The supervisor is put into the group by its starter, and the trainer inherits it.
    code = (
        "import os, sys; open(sys.argv[2] + '/cgroup.procs', 'w').write(str(os.getpid())); "
        "from cockpit.services.runs.launcher import launch; launch(sys.argv[1], confirm_s=0)"
    )
    pid = os.posix_spawn(
        sys.executable, [sys.executable, "-c", code, str(standin.layout.root), str(small_group)], os.environ
    )
    assert os.waitpid(pid, 0)[1] == 0
    until(standin.over)
    assert (standin.facts.outcome, standin.facts.signal) == ("oom_killed", "SIGKILL")
    assert standin.status.state == "oom_killed"
    assert "want of memory" in standin.status.sentence


def test_oom_evidence_of_each_kind(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/job.slice"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/job.slice\n")
    vmstat, events = tmp_path / "proc/vmstat", group / "memory.events"
    log = tmp_path / "kmsg"

    def stand(in_group: int, on_machine: int) -> None:
        events.write_text(f"low 0\noom {in_group}\noom_kill {in_group}\n")
        vmstat.write_text(f"pgfault 1\noom_kill {on_machine}\n")

    stand(2, 5)
    log.write_text("")
    watch = OomWatch(tmp_path, log)
    assert watch.verdict(77) is None
    stand(2, 6)
    likely = watch.verdict(77)
    assert likely
    assert not likely.sure
    stand(3, 6)
    counted = watch.verdict(77)
    assert counted
    assert counted.sure
    with log.open("a") as out:
        out.write(
            "3,1,1,-;Memory cgroup out of memory: Killed process 77 (python) total-vm:9kB, anon-rss:2048000kB\n"
        )
    named = watch.verdict(77)
    assert named
    assert "2.0 GB" in named.message
    watch.close()
