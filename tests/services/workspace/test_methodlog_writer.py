"""The method log under many writers: every line that was promised is there, with locks and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.contract import lock
from cockpit.contract.errors import CockpitError
from cockpit.core.methodlog import HEADER, Entry, parse
from cockpit.services.experiments import lifecycle
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import Workspace
from tests.support.ui.stage import Stage

NOTES = """
import sys, pathlib
from cockpit.contract.lock import Lock
from cockpit.core.methodlog import Entry
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import Workspace
root, who, count, locks = sys.argv[1:]
ws = Workspace(pathlib.Path(root))
none = None if locks == "locks" else lambda path, wait_s: Lock("none", -1)
for n in range(int(count)):
    assert methodlog_writer.record(ws, [Entry("note", f"{who} says {n}")], take=none) == 1
"""


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace(Stage(tmp_path / "ws").root)


def texts(ws: Workspace) -> list[str]:
    return [entry.text for entry in parse(ws.layout.methodlog.read_text())]


@pytest.mark.parametrize(("locks", "writers", "count"), [("locks", 8, 25), ("none", 5, 3)])
def test_many_processes_note_at_once(ws: Workspace, locks: str, writers: int, count: int) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", NOTES, str(ws.root), f"w{n}", str(count), locks])
        for n in range(writers)
    ]
    assert [process.wait(180) for process in running] == [0] * writers
    assert sorted(texts(ws)) == sorted(f"w{n} says {k}" for n in range(writers) for k in range(count))
    assert ws.layout.methodlog.read_text().count(HEADER) == 1


def test_the_command_says_noted_for_what_is_there(ws: Workspace) -> None:
    words = [sys.executable, "-m", "cockpit", "--dir", str(ws.root), "note"]
    running = [subprocess.Popen([*words, f"line {n}"], stdout=subprocess.PIPE, text=True) for n in range(6)]
    assert [process.communicate(timeout=180)[0] for process in running] == ["Noted in methodlog.md.\n"] * 6
    assert sorted(texts(ws)) == [f"line {n}" for n in range(6)]


def test_a_log_that_another_keeps_to_itself_is_said(ws: Workspace) -> None:
    methodlog_writer.note(ws, "the first")
    with lock.take(ws.layout.private / "methodlog.lock"), pytest.raises(CockpitError, match="kept") as said:
        methodlog_writer.record(ws, [Entry("note", "the second")], wait_s=0.1)
    assert said.value.fix.startswith("Try again")
    assert texts(ws) == ["the first"]


def test_a_log_that_cannot_be_read_is_a_sentence(ws: Workspace) -> None:
    ws.layout.methodlog.mkdir()
    with pytest.raises(CockpitError, match="can't be read"):
        methodlog_writer.note(ws, "x")


def test_two_decisions_within_a_second_are_two_lines(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "ws")
    stage.baseline()
    stage.grpo(running=False)
    ws = Workspace(stage.root, clock=lambda: stage.now)
    lifecycle.decide(ws, "2", "discarded", "the gain is not real")
    lifecycle.decide(ws, "2", "discarded", "the wrong base")
    lifecycle.decide(ws, "2", "discarded", "it was the right base")
    decisions = [entry.text for entry in parse(ws.layout.methodlog.read_text()) if entry.kind == "decision"]
    assert [text.split(": ")[1] for text in decisions] == [
        "the gain is not real", "the wrong base", "it was the right base"
    ]  # fmt: skip
