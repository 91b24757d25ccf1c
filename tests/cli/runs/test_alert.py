"""Alerts as a user has them: a run is launched, and a real server on the loopback is told of its end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cockpit.contract.layout import AttemptLayout
from cockpit.services.alerts import record
from cockpit.services.runs import aftermath
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import alive
from cockpit.services.workspace.workspace import Workspace
from tests.support.attempts import free_port, until
from tests.support.cli import Cli
from tests.support.listener import Listener, listener

__all__ = ["listener"]
Loop = Callable[[int], str]
SECRET = "hunter2hunter2"


@pytest.fixture(autouse=True)
def ended(tmp_path: Path) -> Iterator[None]:
    """No look that still tries again outlives its test."""
    yield
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if aftermath.ALERTS in words and any(word.startswith(str(tmp_path)) for word in words):
            process.kill()


def told(cli: Cli, section: str = 'to = ["env:COCKPIT_TOLD"]') -> None:
    with (cli.root / "cockpit.toml").open("a") as config:
        config.write(f"\n[alerts]\n{section}\n")


def run(cli: Cli, command: str) -> AttemptLayout:
    """Launch an experiment, and wait until it has ended and its supervisor, too."""
    id_ = cli.json("new", "custom", "-m", "a loop", "--command", command)["id"]
    code, text = cli("launch", id_, "--reason", "a test", "--wait")
    assert code == 0, text
    attempt = Workspace(cli.root).attempt_dir(id_)
    assert attempt is not None
    until(lambda: (facts := read_facts(attempt.process)) and facts.ended and not alive(facts.supervisor))
    return attempt


def holding(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_an_end_is_told_once_whoever_looks_and_no_secret_is_left(
    workspace: Cli, loop: Loop, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_TOLD", f"json://me:{SECRET}@{listener.place}/hook/{SECRET}")
    told(workspace)
    attempt = run(workspace, loop(3))
    layout = Workspace(workspace.root).layout
    until(lambda: record.read(layout).sent)
    words = [sys.executable, "-m", "cockpit.services.alerts.look", str(workspace.root), "exp_0001"]
    others = [subprocess.Popen(words) for _ in range(2)]
    assert [other.wait() for other in others] == [0, 0]
    [message] = listener.got
    assert message["title"].startswith("ws · exp_0001 finished")
    assert "exp_0001: custom: " in message["message"]
    assert "Next: `cockpit " in message["message"]
    assert workspace.json("alert")["sent"][0]["cause"].startswith("end/exp_0001/1/")
    assert "cockpit.services.alerts.look" in listener.command_lines
    assert SECRET not in listener.command_lines
    assert holding(workspace.root, SECRET) == []
    assert attempt.supervisor_log.read_text().count("alerts") == 0


def test_a_dead_server_costs_the_run_nothing_and_is_said(
    workspace: Cli, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_TOLD", f"json://me:{SECRET}@127.0.0.1:{free_port()}")
    told(workspace)
    run(workspace, loop(3))
    layout = Workspace(workspace.root).layout
    until(lambda: record.read(layout).failed)
    assert "env:COCKPIT_TOLD" in workspace.json("status")["alerts"]
    assert "exp_0001" in record.log_of(layout).read_text()
    assert "not delivered" in workspace("status")[1]
    [check] = [
        one for one in workspace.json("doctor", "--quick", code=0)["checks"] if one["name"] == "alerts"
    ]
    assert check["level"] == "warn"
    assert holding(workspace.root, SECRET) == []


def test_nothing_is_started_where_nobody_is_told(
    workspace: Cli, loop: Loop, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_TOLD", f"json://{listener.place}")
    told(workspace, 'on = ["end"]  # to = ["env:COCKPIT_TOLD"]')
    assert not aftermath.tells(workspace.root)
    run(workspace, loop(3))
    assert listener.got == []
    private = Workspace(workspace.root).layout.private
    assert not [path.name for path in private.iterdir() if "alert" in path.name]


def test_a_test_says_what_each_target_answered(
    workspace: Cli, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = workspace("alert", "test")
    assert (code, "names nobody to tell" in text) == (2, True)
    monkeypatch.setenv("COCKPIT_TOLD", f"json://me:{SECRET}@{listener.place}/{SECRET}")
    monkeypatch.setenv("COCKPIT_ODD", SECRET)
    told(workspace, 'to = ["env:COCKPIT_TOLD", "env:NOWHERE_SET", "env:COCKPIT_ODD", "keyring:x"]')
    answer = workspace.json("alert", "test", code=1)
    assert [row["delivered"] for row in answer["targets"]] == [True, False, False, False]
    says = [row["answer"] for row in answer["targets"]]
    assert "not set" in says[1]
    assert "no service" in says[2]
    assert "keyring" in says[3]
    listener.status = 500
    refused = workspace.json("alert", "test", code=1)["targets"][0]
    assert "500" in refused["answer"]
    assert SECRET not in str([answer, refused, workspace("alert", "ls"), workspace.json("alert")])
    assert len(listener.got) == 2


def test_an_address_in_the_file_is_refused_without_being_repeated(workspace: Cli) -> None:
    told(workspace, f'to = ["json://me:{SECRET}@127.0.0.1"]')
    for words in (("alert", "test"), ("alert",), ("ls",)):
        code, text = workspace(*words)
        assert code in (0, 2)
        assert SECRET not in text
    assert "environment variable" in workspace("alert")[1]
