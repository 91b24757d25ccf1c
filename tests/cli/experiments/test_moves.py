"""Drafting, launching, stopping and looking, on real processes that need no torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.services.runs import launcher
from cockpit.services.workspace.workspace import Workspace
from tests.support.attempts import PATIENCE_S, until
from tests.support.cli import Cli

pytestmark = pytest.mark.fault

Loop = Callable[[int], str]


def test_a_loop_of_ones_own_from_draft_to_decision(workspace: Cli, loop: Loop) -> None:
    made = workspace.json("new", "custom", "-m", "a loop", "--command", loop(20))
    assert (made["id"], made["status"], made["parent"]) == ("exp_0001", "draft", "exp_0000")
    code, text = workspace("launch", "1", "--wait")
    assert code == 0, text
    shown = workspace.json("show", "exp_0001")
    assert shown["state"] == "finished"
    assert shown["status"] == "evaluated"
    code, text = workspace("logs", "1")
    assert "hello ␛]0;owned␇ from the loop" in text, "escapes of a log never act"
    assert "nothing is running" in workspace("status")[1].lower()
    assert workspace("status", "--tmux")[1].strip() == "exp_0001 custom evaluated"
    code, text = workspace("discard", "1", "--reason", "only a try")
    assert code == 0, text
    log = (workspace.root / "methodlog.md").read_text()
    assert "discarded: only a try" in log
    assert "custom Finished" in log
    again = workspace("launch", "1")
    assert again[0] == 2
    assert "has had its attempt" in again[1]
    assert (workspace.root / "methodlog.md").read_text() == log, "a refused retry adds nothing"


def test_stop_is_graceful_and_on_record(workspace: Cli, loop: Loop) -> None:
    workspace.json("new", "custom", "--command", loop(100_000), "--launch")
    ws = Workspace(workspace.root)
    until(lambda: (ws.experiment("1").attempt or ws).__getattribute__("step") is not None)
    assert workspace.json("status")["running"][0]["id"] == "exp_0001"
    assert workspace("status", "--tmux")[1].startswith("exp_0001 custom running")
    code, text = workspace("stop", "1", "--wait")
    assert code == 0, text
    assert ws.experiment("1").attempt.state == "stopped"  # pyright: ignore[reportOptionalMemberAccess]
    assert workspace("stop", "1")[0] == 2, "nothing runs any more"


def test_a_trainer_that_ends_at_once_is_an_error_with_its_reason(
    workspace: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "CONFIRM_S", PATIENCE_S)  # the machine may be slow to start it
    workspace.json("new", "custom", "--command", "false")
    code, text = workspace("launch", "1")
    assert code == 2
    assert "ended at once" in text
    assert workspace.json("show", "1")["status"] == "failed"


def test_a_command_that_is_not_there_is_named(workspace: Cli) -> None:
    workspace.json("new", "custom", "--command", "/no/such/trainer")
    code, text = workspace("launch", "1")
    assert code == 2
    assert "/no/such/trainer" in text


def test_training_waits_for_the_baseline_unless_a_reason_is_given(workspace: Cli) -> None:
    workspace.json("new", "sft")
    code, text = workspace("launch", "1")
    assert code == 2
    assert "base model has not been scored" in text


def test_data_that_changed_since_is_refused(workspace: Cli) -> None:
    workspace.json("new", "sft")
    draft = Workspace(workspace.root).layout.experiment("exp_0001").draft
    train = Path(json.loads(draft.read_text())["data"]["train"])
    train.write_text(train.read_text() + '{"prompt": "new", "answer": "1"}\n')
    code, text = workspace("launch", "1", "--reason", "never mind")
    assert code == 2
    assert "has changed" in text


def test_held_out_items_in_the_training_data_are_refused(workspace: Cli) -> None:
    held_out = Workspace(workspace.root).config.held_out
    code, text = workspace("new", "sft", "--data", str(held_out))
    assert code == 2
    assert "held-out" in text
    assert len(workspace.json("ls")["experiments"]) == 1, "nothing half-made is left"


def test_an_unknown_experiment_names_those_there_are(workspace: Cli) -> None:
    code, text = workspace("show", "17")
    assert code == 2
    assert "exp_0000" in text


def test_a_note_is_written_once(workspace: Cli) -> None:
    assert workspace.json("note", "never use more than 8 GB")["added"] is True
    assert workspace.json("note", "never use more than 8 GB")["added"] is False
    assert (workspace.root / "methodlog.md").read_text().count("8 GB") == 1


def test_a_hand_edit_of_the_log_survives(workspace: Cli) -> None:
    path = workspace.root / "methodlog.md"
    path.write_text(path.read_text() + "\nMy own words,   with blanks.  \n")
    workspace("note", "another")
    assert "\nMy own words,   with blanks.  \n" in path.read_text()


def test_a_deleted_attempt_is_no_crash(workspace: Cli, loop: Loop) -> None:
    import shutil

    workspace.json("new", "custom", "--command", loop(3))
    workspace("launch", "1", "--wait")
    folder = Workspace(workspace.root).layout.experiment("exp_0001").root

    def gone() -> bool:  # its supervisor may be writing its last word
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    until(gone)
    assert [e["id"] for e in workspace.json("ls")["experiments"]] == ["exp_0000"]


@pytest.mark.parametrize("words", [["bogus"], ["lauch", "1"]])
def test_an_unknown_command_is_named(cli: Cli, words: list[str]) -> None:
    code, text = cli(*words)
    assert code == 2
    assert words[0] in text


def test_a_short_run_that_broke_may_be_tried_again_until_it_is_decided_on(workspace: Cli, loop: Loop) -> None:
    workspace.json("new", "custom", "-m", "a loop", "--command", loop(100_000), "--launch")
    ws = Workspace(workspace.root)
    until(lambda: (ws.experiment("1").attempt or ws).__getattribute__("step") is not None)
    assert workspace("stop", "1", "--wait")[0] == 0
    draft = ws.layout.experiment("exp_0001").draft
    recipe = json.loads(draft.read_text())
    recipe["resources"]["command"] = loop(3).split()
    draft.write_text(json.dumps(recipe))
    assert workspace("launch", "1", "--wait")[0] == 0
    assert ws.experiment("1").attempts == 2
    code, text = workspace("launch", "1")
    assert (code, "came to its own end" in text) == (2, True)
    assert "--parent exp_0000" in text
    code, text = workspace("discard", "1", "-m", "no better")
    assert "Another hypothesis from its parent: `cockpit new TECHNIQUE --parent exp_0000" in text
