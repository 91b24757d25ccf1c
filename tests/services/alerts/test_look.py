"""Looks at a run that goes on: its findings are told while it does, by a process of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.contract.layout import AttemptLayout
from cockpit.contract.writer import AttemptWriter
from cockpit.services.alerts import look, record
from cockpit.services.alerts.sending import Target
from cockpit.services.runs import aftermath
from cockpit.services.workspace.workspace import Workspace
from tests.support.attempts import until
from tests.support.listener import Listener, listener
from tests.support.standin_workspace import draft, ws

__all__ = ["draft", "listener", "ws"]


def told(ws: Workspace, section: str) -> None:
    with ws.layout.config.open("a") as config:
        config.write(f"\n[alerts]\n{section}\n")


@pytest.fixture
def attempt(ws: Workspace, draft: str) -> AttemptLayout:
    """A run that has said something odd."""
    made = ws.layout.experiment(draft).attempt(1)
    made.root.mkdir(parents=True)
    made.recipe.write_text(ws.layout.experiment(draft).draft.read_text())
    AttemptWriter(made.root).event(
        "finding", rule="own", severity="alarm", headline="the loss is \x1b[2Jodd", next_step="stop it"
    )
    return made


def test_a_finding_is_told_while_the_run_goes_on(
    ws: Workspace, attempt: AttemptLayout, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_TOLD", f"json://{listener.place}")
    said: list[str] = []
    beside = aftermath.Alerts(attempt, said.append, every_s=0)
    beside.look()
    assert beside.processes({}) == set(), "nobody is told yet"
    told(ws, 'to = ["env:COCKPIT_TOLD"]')
    for _ in range(2):  # the second time nothing was written since, but it may be stalled
        beside.look()
        until(lambda: not beside.processes({}))
    [message] = listener.got
    assert "exp_0001: the loss is ␛[2Jodd" in message["message"]
    assert message["message"].endswith("Next: stop it")
    assert said == []


def test_a_look_tries_again_later_and_keeps_quiet_hours(ws: Workspace, attempt: AttemptLayout) -> None:
    told(ws, 'to = ["env:NOWHERE_SET"]\nquiet = "22:00-07:00"')
    tried: list[str] = []
    slept: list[float] = []

    def refuses(title: str, text: str) -> tuple[bool, str]:
        tried.append(text)
        return False, "busy"

    targets = [Target("env:NOWHERE_SET", refuses)]
    for minute in (23 * 60, 8 * 60):
        look.look(ws, "exp_0001", targets=targets, minute=lambda minute=minute: minute, sleep=slept.append)
        assert len(tried) == (0 if minute == 23 * 60 else record.TRIES)
    assert slept == list(record.PAUSES_S)


def test_what_is_wrong_is_said_in_the_log_and_no_fault_of_the_run(ws: Workspace, draft: str) -> None:
    told(ws, 'to = ["json://me:hunter2hunter2@127.0.0.1"]')
    assert look.main([str(ws.root), draft]) == 1
    text = record.log_of(ws.layout).read_text()
    assert "nothing was sent" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("text", ["[alerts", "alerts = 3", "# alerts", "[alerts]\nto = []", "\x00alerts"])
def test_nobody_is_told_by_a_file_that_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "cockpit.toml").write_text(text)
    assert not aftermath.tells(tmp_path)
