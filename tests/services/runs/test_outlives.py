"""The run outlives whatever started it: cockpit, terminal, supervisor."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.services.runs import launcher
from cockpit.services.system.processes import alive, look
from tests.support.attempts import PATIENCE_S, StandIn, until

pytestmark = pytest.mark.fault

WAITS = """
event("stage", name="training", detail="")
print("up")
forever(lambda: (root / "go").exists() or asked())
event("end", outcome="stopped" if asked() else "finished", reason="", step=7)
"""
LAUNCH = (
    "import sys; from cockpit.services.runs.launcher import launch; "
    "launch(sys.argv[1]); print('launched', flush=True)"
)


def test_sessions_and_parents_are_its_own(standin: StandIn) -> None:
    standin.trainer(WAITS)
    facts = launcher.launch(standin.layout, confirm_s=0)
    assert facts.trainer
    assert facts.supervisor
    supervisor, trainer = look(facts.supervisor.pid), look(facts.trainer.pid)
    assert supervisor
    assert trainer
    assert len({os.getsid(0), supervisor.session, trainer.session}) == 3
    assert supervisor.parent != os.getpid()
    assert os.readlink(f"/proc/{trainer.pid}/fd/1") == str(standin.layout.log)
    (standin.layout.root / "go").touch()
    ended = launcher.wait(standin.layout, PATIENCE_S)
    assert ended
    assert (ended.outcome, ended.exit_code, standin.status.state) == ("exited", 0, "finished")


def test_killed_cockpit(standin: StandIn) -> None:
    standin.trainer(WAITS)
    code = LAUNCH + "; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(standin.layout.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as cockpit:
        assert cockpit.stdout
        assert cockpit.stdout.readline() == b"launched\n"
        cockpit.kill()
    until(lambda: standin.says("up"))
    assert standin.status.state == "running"
    assert alive(standin.facts.supervisor)
    (standin.layout.root / "go").touch()
    until(standin.over)
    assert (standin.facts.exit_code, standin.status.state) == (0, "finished")


def test_closed_terminal(standin: StandIn) -> None:
    """The pty's hangup reaches the session that launched, not the run."""
    standin.trainer(WAITS)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(
            sys.executable, [sys.executable, "-c", LAUNCH + "; sys.stdin.read()", str(standin.layout.root)]
        )
    seen = b""
    while b"launched" not in seen:
        seen += os.read(terminal, 1024)
    os.close(terminal)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert ended in (-signal.SIGHUP, 1), "hung up, or its read failed first"
    until(lambda: standin.says("up"))
    assert standin.status.state == "running"
    (standin.layout.root / "go").touch()
    until(standin.over)
    assert (standin.facts.exit_code, standin.facts.signal) == (0, None)


def test_killed_supervisor_leaves_the_trainer_to_be_found_and_stopped(standin: StandIn) -> None:
    standin.trainer(WAITS)
    facts = launcher.launch(standin.layout, confirm_s=0)
    assert facts.supervisor
    until(lambda: standin.says("up"))
    os.kill(facts.supervisor.pid, signal.SIGKILL)
    until(lambda: not alive(facts.supervisor))
    assert alive(facts.trainer)
    assert standin.status.state == "running"
    assert "supervisor is gone" in standin.status.sentence
    with pytest.raises(CockpitError, match="runs already"):
        launcher.launch(standin.layout)
    launcher.stop(standin.layout)
    until(standin.over)
    assert not alive(facts.trainer)
    assert standin.facts.supervisor != facts.supervisor
    assert (standin.status.state, standin.facts.stop_reason) == ("stopped", "user")


def test_all_killed_is_lost_not_running(standin: StandIn) -> None:
    standin.trainer(WAITS)
    facts = launcher.launch(standin.layout, confirm_s=0)
    assert facts.supervisor
    assert facts.trainer
    until(lambda: standin.says("up"))
    os.kill(facts.supervisor.pid, signal.SIGKILL)
    until(lambda: not alive(facts.supervisor))
    os.kill(facts.trainer.pid, signal.SIGKILL)
    until(lambda: not alive(facts.trainer))
    assert standin.status.state == "lost"
    ended = launcher.wait(standin.layout, PATIENCE_S)
    assert ended
    assert ended.ended is None
    with pytest.raises(CockpitError, match="has run already"):
        launcher.launch(standin.layout)


def test_hangup_and_interrupt_to_the_supervisor(standin: StandIn) -> None:
    """SIGHUP is nothing to it; SIGTERM stops the trainer gracefully."""
    standin.trainer(WAITS)
    facts = launcher.launch(standin.layout, confirm_s=0)
    assert facts.supervisor
    until(lambda: standin.says("up"))
    os.kill(facts.supervisor.pid, signal.SIGHUP)
    os.kill(facts.supervisor.pid, signal.SIGTERM)
    until(standin.over)
    assert (standin.facts.exit_code, standin.facts.stop_reason, standin.status.state) == (
        0,
        "signal",
        "stopped",
    )


def test_reattach_from_another_process(standin: StandIn) -> None:
    standin.trainer(WAITS)
    launcher.launch(standin.layout, confirm_s=0)
    until(lambda: standin.says("up"))
    code = (
        "import sys; from pathlib import Path; from cockpit.contract.layout import AttemptLayout; "
        "from cockpit.services.runs import launcher, observe; a = AttemptLayout(Path(sys.argv[1])); "
        "print(observe.observe(a).state); launcher.stop(a); print(launcher.wait(a, 180).exit_code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(standin.layout.root)], capture_output=True, text=True, cwd=Path("/")
    )
    assert done.stdout.split() == ["running", "0"], done.stderr
