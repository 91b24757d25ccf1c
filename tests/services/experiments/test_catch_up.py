"""What the log lacks is told in the order and with the days in which it happened, and nothing is told twice."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from cockpit.cli import main
from cockpit.core.methodlog import HEADER, Entry, parse
from cockpit.services.experiments import catch_up, lifecycle
from cockpit.services.workspace.workspace import Workspace
from tests.support.ui.stage import Stage

DAY = 86_400.0


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Two runs that ended two days ago, and a third that ended yesterday; the log knows of none."""
    made = Stage(tmp_path / "ws")
    made.now -= 2 * DAY
    made.baseline()
    made.sft_wrong_format()
    made.now += DAY
    made.grpo(running=False)
    made.now += DAY
    return made


def note(stage: Stage, text: str) -> list[Entry]:
    assert main(["--dir", str(stage.root), "note", text]) == 0
    return parse(stage.layout.methodlog.read_text())


def test_each_line_has_the_day_on_which_it_happened(stage: Stage) -> None:
    told = note(stage, "back from the week-end")
    verdicts = [(entry.experiment, entry.date) for entry in told if entry.kind == "verdict"]
    early = date.fromtimestamp(stage.now - 2 * DAY).isoformat()
    late = date.fromtimestamp(stage.now - DAY).isoformat()
    assert sorted(verdicts) == [("exp_0000", early), ("exp_0001", early), ("exp_0002", late)]
    assert told[-1].kind == "note"
    assert {entry.kind for entry in told} >= {"verdict", "finding"}
    quick = [entry.date for entry in told if "items are in the training data" not in entry.text]
    assert quick == sorted(quick), "but for what only a comparison of files tells"


def test_a_second_look_adds_nothing(stage: Stage) -> None:
    first = note(stage, "one")
    assert note(stage, "two")[:-1] == first


def test_what_an_earlier_version_wrote_is_not_written_again(stage: Stage) -> None:
    """Its keys, as they stand in the logs that it left behind."""
    lines = [
        "- 2026-11-18 · verdict · exp_0000: baseline held-out 0.320 <!-- k:verdict/exp_0000/1/0.3200-200 -->",
        "- 2026-11-18 · verdict · exp_0001: sft Stopped early <!-- k:verdict/exp_0001/1/early_stopped-30 -->",
        "- 2026-11-18 · verdict · exp_0002: grpo held-out 0.805 <!-- k:verdict/exp_0002/1/0.8050-200 -->",
        "- 2026-11-18 · decision · exp_0002: committed: good <!-- k:decision/exp_0002/committed/1795000000 -->",
    ]
    stage.layout.methodlog.write_text(HEADER + "\n".join(lines) + "\n")
    told = note(stage, "after the upgrade")
    assert [entry.experiment for entry in told if entry.kind == "verdict"] == [
        "exp_0000",
        "exp_0001",
        "exp_0002",
    ]
    assert [entry.kind for entry in told] == ["verdict"] * 3 + ["decision", "note"]


def in_milliseconds(stage: Stage) -> None:
    """A run whose record is lost, and whose events tell the time in milliseconds."""
    layout = stage.layout.experiment("exp_0002").attempt(1)
    layout.process.unlink()
    rows = [json.loads(line) for line in layout.events.read_text().splitlines()]
    layout.events.write_text("".join(json.dumps({**row, "time": row["time"] * 1000}) + "\n" for row in rows))


@pytest.mark.parametrize("known", [True, False])
def test_a_time_that_is_no_day_stops_no_move(stage: Stage, known: bool) -> None:
    if known:
        note(stage, "the verdict is written already")
    in_milliseconds(stage)
    ws = Workspace(stage.root, clock=lambda: stage.now)
    lifecycle.decide(ws, "exp_0002", "discarded", "the clock is wrong")
    told = parse(stage.layout.methodlog.read_text())
    assert [entry.kind for entry in told if entry.experiment == "exp_0002"].count("verdict") == 1
    dated = [entry.date for entry in told if entry.experiment == "exp_0002" and entry.kind == "verdict"]
    assert known or dated == [date.fromtimestamp(stage.now).isoformat()]


def test_what_cannot_be_caught_up_is_one_line(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> float:
        raise ZeroDivisionError("a clock that can't be read")

    catch_up.before_move(Workspace(stage.root, clock=broken))
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(str(stage.layout.methodlog))
    assert "a clock that can't be read" in line
