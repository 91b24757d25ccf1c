"""`methodlog.md` writes itself: a run that nobody waits for leaves its verdict and its findings there, once, in order.

Runs are launched as a user launches them; the tests look at files and call nothing that writes the log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from cockpit.core.methodlog import Entry, parse
from cockpit.core.runs.evidence import ProcessFacts
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import alive
from cockpit.services.workspace.workspace import Workspace
from cockpit.ui.backend.local import LocalBackend
from tests.support.attempts import until
from tests.support.cli import Cli

pytestmark = pytest.mark.fault
Loop = Callable[[int], str]
LONG = 100_000  # it ends when the test says so, however slow the machine is

FINDS = """
import json, os, time
root = os.environ["COCKPIT_ATTEMPT_DIR"]
with open(root + "/events.jsonl", "a") as out:
    def event(seq, ago, **fields):
        print(json.dumps({"v": 1, "seq": seq, "time": time.time() - ago, **fields}), file=out, flush=True)
    event(1, 200000, kind="stage", name="training")
    event(2, 172800, kind="finding", rule="degenerate-reward", severity="alarm",
          headline="every group of samples has one score", next_step="Look at the samples.")
    event(3, 0, kind="end", outcome="finished", reason="", step=20)
"""


def entries(root: Path) -> list[Entry]:
    log = root / "methodlog.md"
    return parse(log.read_text()) if log.exists() else []


def about(root: Path, kind: str, experiment: str = "exp_0001") -> list[Entry]:
    return [entry for entry in entries(root) if entry.kind == kind and entry.experiment == experiment]


def facts_of(root: Path, experiment: str = "exp_0001") -> ProcessFacts | None:
    return read_facts(Workspace(root).layout.experiment(experiment).attempt(1).process)


def gone(root: Path, experiment: str = "exp_0001") -> bool:
    """Whether all is over: the trainer, and the supervisor with what it does at the end."""
    facts = facts_of(root, experiment)
    return facts is not None and not alive(facts.trainer) and not alive(facts.supervisor)


def launch(root: Path, experiment: str = "1", *more: str) -> None:
    """The command as a process of its own, which ends long before the run does."""
    argv = [
        sys.executable,
        "-m",
        "cockpit",
        "--dir",
        str(root),
        "launch",
        experiment,
        "--reason",
        "a test",
        *more,
    ]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def done(workspace: Cli, *words: str) -> None:
    """Any other command, in this process."""
    code, said = workspace(*words)
    assert code == 0, said


def draft(workspace: Cli, command: str) -> None:
    workspace.json("new", "custom", "-m", "a try", "--command", command)


def end_it(workspace: Cli) -> None:
    """Let a long run come to its end."""
    (workspace.root / "enough").touch()


def kinds_since_launch(root: Path) -> list[str]:
    return [e.kind for e in entries(root) if e.kind in ("verdict", "decision", "note", "finding")]


def test_a_run_that_nobody_waits_for_writes_its_verdict(workspace: Cli, loop: Loop) -> None:
    draft(workspace, loop(LONG))
    launch(workspace.root)
    assert about(workspace.root, "verdict") == []
    end_it(workspace)
    until(lambda: about(workspace.root, "verdict"))
    until(lambda: gone(workspace.root))
    (verdict,) = about(workspace.root, "verdict")
    assert "finished" in verdict.text.lower()
    facts = facts_of(workspace.root)
    assert facts is not None
    assert facts.ended is not None
    assert verdict.date == date.fromtimestamp(facts.ended).isoformat()
    done(workspace, "discard", "1", "-m", "nothing gained")
    done(workspace, "note", "so much for that")
    assert kinds_since_launch(workspace.root) == ["verdict", "decision", "note"]


def test_from_a_screen(workspace: Cli, loop: Loop) -> None:
    draft(workspace, loop(LONG))
    LocalBackend(workspace.root).launch("exp_0001", "a test")
    end_it(workspace)
    until(lambda: about(workspace.root, "verdict"))
    until(lambda: gone(workspace.root))
    assert len(about(workspace.root, "verdict")) == 1


def test_from_the_queue(workspace: Cli, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    draft(workspace, loop(20))
    draft(workspace, loop(20))
    launch(workspace.root, "1", "--queue")
    launch(workspace.root, "2", "--queue")
    until(lambda: about(workspace.root, "verdict") and about(workspace.root, "verdict", "exp_0002"))
    until(lambda: gone(workspace.root, "exp_0002"))
    ended = [
        facts.ended or 0.0 for id_ in ("exp_0001", "exp_0002") if (facts := facts_of(workspace.root, id_))
    ]
    told = [entry.experiment for entry in entries(workspace.root) if entry.kind == "verdict"]
    assert sorted(told) == ["exp_0001", "exp_0002"]
    assert ended == sorted(ended)
    assert told == sorted(told), "in the order in which they ended"


@pytest.mark.parametrize("move", ["discard", "note", "new"])
def test_with_the_supervisor_killed_the_next_move_writes_it_first(
    workspace: Cli, loop: Loop, move: str
) -> None:
    draft(workspace, loop(LONG))
    launch(workspace.root)
    facts = facts_of(workspace.root)
    assert facts is not None
    assert facts.supervisor is not None
    os.kill(facts.supervisor.pid, signal.SIGKILL)
    until(lambda: not alive(facts.supervisor))
    end_it(workspace)
    until(lambda: gone(workspace.root))
    for query in (("ls",), ("show", "1"), ("findings",), ("status",), ("methodlog",)):
        done(workspace, *query)
    assert about(workspace.root, "verdict") == [], "a query writes nothing"
    words = {
        "discard": ("discard", "1", "-m", "nothing gained"),
        "note": ("note", "looked at it"),
        "new": ("new", "custom", "-m", "another", "--command", loop(3)),
    }
    done(workspace, *words[move])
    done(workspace, "note", "and on")
    told = [entry for entry in entries(workspace.root) if entry.experiment != "exp_0002" or move == "new"]
    (place,) = [n for n, entry in enumerate(told) if entry.kind == "verdict"]
    moved = {"discard": "decision", "note": "note", "new": "technique"}[move]
    after = [entry for entry in told[place + 1 :] if entry.kind == moved]
    assert after, "the move stands below the verdict"
    assert len(about(workspace.root, "verdict")) == 1


def test_what_was_found_while_it_ran_stands_before_the_verdict_with_its_day(workspace: Cli) -> None:
    (workspace.root / "finds.py").write_text(FINDS)
    draft(workspace, f"{sys.executable} {workspace.root / 'finds.py'}")
    launch(workspace.root)
    until(lambda: about(workspace.root, "verdict"))
    until(lambda: gone(workspace.root))
    (found,) = about(workspace.root, "finding")
    (verdict,) = about(workspace.root, "verdict")
    assert "every group of samples has one score" in found.text
    told = entries(workspace.root)
    assert told.index(found) < told.index(verdict)
    assert found.date == date.fromtimestamp(time.time() - 172800).isoformat()
    assert verdict.date >= date.fromtimestamp(time.time() - 600).isoformat()


def test_a_log_that_cannot_be_written_changes_nothing_about_the_run(workspace: Cli, loop: Loop) -> None:
    draft(workspace, loop(LONG))
    launch(workspace.root)
    log = workspace.root / "methodlog.md"
    kept = log.read_bytes()
    log.unlink()
    log.mkdir()
    end_it(workspace)
    until(lambda: gone(workspace.root))
    facts = facts_of(workspace.root)
    assert facts is not None
    assert (facts.outcome, facts.exit_code) == ("exited", 0)
    said = Workspace(workspace.root).layout.experiment("exp_0001").attempt(1).supervisor_log.read_text()
    assert "the method log can't be read" in said
    assert "experiments.catch_up" in said
    assert "Traceback" not in said
    assert Workspace(workspace.root).experiment("1").status == "evaluated"
    log.rmdir()
    log.write_bytes(kept)
    done(workspace, "note", "mended")
    assert kinds_since_launch(workspace.root) == ["verdict", "note"]
