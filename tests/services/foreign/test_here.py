"""What is seen in a folder that is no workspace, and that enter opens the newest run."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest

from cockpit.services.foreign import here
from cockpit.ui.backend.local import LocalBackend
from tests.support.ui.drive import LARGE, SMALL, Cockpit, cockpit_app

NOW = 2_000_000_000.0


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A Trainer's run, LLaMA-Factory's that is written to now, data, a model, and what is nothing."""
    root = tmp_path / "lab"
    for name in ("out/checkpoint-2", "saves/live", "tiny", ".git", "notes"):
        (root / name).mkdir(parents=True)
    state = {
        "global_step": 2,
        "max_steps": 9,
        "log_history": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5}],
    }
    (root / "out/checkpoint-2/trainer_state.json").write_text(json.dumps(state))
    (root / "saves/live/trainer_log.jsonl").write_text(
        '{"current_steps": 1, "total_steps": 9, "loss": 0.7}\n'
    )
    (root / "sums.jsonl").write_text('{"prompt": "1+1=?", "answer": "2"}\n' * 3)
    (root / "\x1b[31mred.csv").write_text("instruction,input,output\nSay hi,,hi\n")
    (root / "notes/log.json").write_text('{"a": 1}')
    (root / "broken.jsonl").write_text("{")
    (root / "tiny/config.json").write_text("{}")
    (root / "tiny/model.safetensors").write_text("-")
    for path in [*root.rglob("*"), root]:
        os.utime(path, (NOW - 9000, NOW - 9000))
    os.utime(root / "saves/live/trainer_log.jsonl", (NOW - 5, NOW - 5))
    return root


def test_runs_data_and_models_are_seen_the_newest_run_first(lab: Path) -> None:
    seen = here.look(lab)
    assert [(run.name, run.kind) for run in seen.runs] == [("saves/live", "llamafactory"), ("out", "trainer")]
    assert [name for name, _ in seen.data] == ["\x1b[31mred.csv", "sums.jsonl"]
    assert seen.models == ("tiny",)
    assert seen.whole


def test_a_large_folder_is_not_looked_through_for_ever(lab: Path) -> None:
    ticks = itertools.count(0, 10)
    assert not here.look(lab, clock=lambda: next(ticks)).whole


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert here.look(tmp_path) == here.Here()


@pytest.mark.ui
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
async def test_the_screen_lists_them_and_enter_opens_the_newest(
    lab: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lab)
    app = cockpit_app(None)
    app.backend, app.clock, app.live = LocalBackend(None), lambda: NOW, True
    async with app.run_test(size=size) as pilot:
        cockpit = Cockpit(app, pilot)
        await cockpit.until("saves/live")
        for words in ("live", "2 h ago", "sums.jsonl", "tiny", "W  or  cockpit wizard", "enter open"):
            assert words in cockpit.text
        assert "\x1b" not in cockpit.text
        await cockpit.press("enter")
    assert app.watched == str(lab / "saves/live")
