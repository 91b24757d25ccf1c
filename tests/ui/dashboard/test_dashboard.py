"""The flight deck under the keys: moving, panes, filter, select, pin, stop, launch, leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.contract.errors import CockpitError, GateClosed
from cockpit.ui.backend.local import LocalBackend
from cockpit.ui.dashboard.screen import Dashboard
from cockpit.ui.experiments.decide import ReasonScreen
from cockpit.ui.run.screen import RunScreen
from tests.support.ui.drive import LARGE, SMALL, Cockpit, StageBackend, opened
from tests.support.ui.gallery import build


def _selected(cockpit: Cockpit) -> str | None:
    return cockpit.app.state.selected


@pytest.mark.parametrize("keys", [("j", "k", "g", "G"), ("down", "up", "home", "end")], ids=["vi", "arrows"])
async def test_the_cursor_selects(tmp_path: Path, keys: tuple[str, ...]) -> None:
    down, up, first, last = keys
    async with opened(build("decided", tmp_path)) as cockpit:
        await cockpit.press(first)
        assert _selected(cockpit) == "exp_0000"
        await cockpit.until("exp_0000 baseline ·")
        await cockpit.press(down, down)
        assert _selected(cockpit) == "exp_0002"
        await cockpit.press(up)
        assert _selected(cockpit) == "exp_0001"
        await cockpit.press(last, down)
        assert _selected(cockpit) == "exp_0004"
        await cockpit.until("Method log of exp_0004")


async def test_pages_of_a_long_tree(tmp_path: Path) -> None:
    async with opened(build("crowded", tmp_path)) as cockpit:
        await cockpit.press("g", "ctrl+d")
        below = _selected(cockpit)
        assert below is not None
        assert below > "exp_0003"
        await cockpit.press("pageup")
        assert _selected(cockpit) == "exp_0000"


async def test_at_the_start_it_stands_on_what_runs_and_the_newest_decision_is_in_sight(
    tmp_path: Path,
) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        assert _selected(cockpit) == "exp_0002"
        assert "decided: technique · exp_0002: grpo, LoRA r=32" in cockpit.text


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
async def test_at_the_start_the_method_log_is_shown(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("finished", tmp_path), size=size) as cockpit:
        assert "Method log of exp_0002" in cockpit.text
        assert "2026-11-18 · technique · exp_0002: grpo, LoRA r=32, on tiny/base0" in cockpit.text
        assert "9f2c6c1b7d2e4a10" not in cockpit.text, "what another experiment stands on is not"


async def test_tab_goes_round_the_panes_and_back(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        for title in ("▸ Charts", "▸ Findings", "▸ Method log", "▸ Log of exp_0002", "▸ Experiments"):
            await cockpit.press("tab")
            await cockpit.until(title)
        await cockpit.press("shift+tab")
        await cockpit.until("▸ Log of exp_0002")
        assert "step 46 reward" in cockpit.text
        await cockpit.press("escape")
        await cockpit.until("▸ Experiments")


async def test_all_panes_stand_side_by_side_where_there_is_room(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path), size=LARGE) as cockpit:
        for title in ("Experiments", "Findings", "Method log", "Charts", "Log of exp_0002"):
            assert f"─ {title}" in cockpit.text or f"▸ {title}" in cockpit.text
        for _ in range(5):
            await cockpit.press("tab")
        assert cockpit.app.focused is not None
        assert cockpit.app.focused.id == "tree"


async def test_the_filter_keeps_what_holds_every_word_and_takes_the_selection_along(tmp_path: Path) -> None:
    async with opened(build("decided", tmp_path)) as cockpit:
        await cockpit.press("slash", *"sft draft")
        await cockpit.until("Experiments /sft draft")
        assert "exp_0003" in cockpit.text
        assert "├exp_0001" not in cockpit.text
        assert _selected(cockpit) == "exp_0003", "s or l would meet what is not in sight otherwise"
        await cockpit.press("enter")
        assert cockpit.app.focused is not None
        assert cockpit.app.focused.id == "tree"
        assert "exp_0001 SFT" not in cockpit.text
        await cockpit.press("escape")
        await cockpit.until("├exp_0001")


async def test_a_filter_that_finds_nothing_says_so_and_esc_drops_it_while_typing(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("slash", *"zzz")
        await cockpit.until("none holds “zzz”")
        assert _selected(cockpit) == "exp_0002"
        await cockpit.press("escape")
        await cockpit.until("exp_0001 SFT")
        assert isinstance(cockpit.screen, Dashboard)


async def test_keys_are_letters_while_a_filter_is_typed(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("slash", *"qsn?")
        assert cockpit.app.is_running
        assert isinstance(cockpit.screen, Dashboard)
        assert cockpit.app.state.words == "qsn?"


async def test_space_selects_and_p_pins(tmp_path: Path) -> None:
    async with opened(build("decided", tmp_path)) as cockpit:
        await cockpit.press("g", "j", "space", "j", "space")
        assert cockpit.app.state.marked == ["exp_0001", "exp_0002"]
        await cockpit.until("2 selected")
        await cockpit.press("space")
        assert cockpit.app.state.marked == ["exp_0001"]
        await cockpit.press("p", "j")
        await cockpit.until("⌖ exp_0002 GRPO LoRA")
        assert _selected(cockpit) == "exp_0003"
        assert cockpit.app.state.shown_id == "exp_0002"
        await cockpit.press("p")
        assert cockpit.app.state.pinned == "exp_0003"


async def test_more_than_can_be_laid_over_each_other_is_refused(tmp_path: Path) -> None:
    async with opened(build("crowded", tmp_path)) as cockpit:
        await cockpit.press("g")
        for _ in range(6):
            await cockpit.press("space", "j")
        await cockpit.until("space on a selected one drops it")
        assert len(cockpit.app.state.marked) == 5


async def test_enter_opens_the_run_and_esc_comes_back(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("enter")
        assert isinstance(cockpit.screen, RunScreen)
        await cockpit.press("escape")
        assert isinstance(cockpit.screen, Dashboard)


async def test_stop_asks_first_and_no_is_no(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        for no in ("n", "escape"):
            await cockpit.press("s")
            await cockpit.until("Stop exp_0002 (GRPO LoRA) at step 46?")
            assert "Leaving the cockpit (q) does not stop a run" in cockpit.text
            await cockpit.press(no)
            await cockpit.until("Stop exp_0002", gone=True)
        assert cockpit.backend.asked == []


@pytest.mark.parametrize(
    ("keys", "now"), [(("g",), False), (("x",), True), (("enter",), False), (("j", "enter"), True)]
)
async def test_stop_stops_as_it_was_told(tmp_path: Path, keys: tuple[str, ...], now: bool) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("s", *keys)
        await cockpit.until("stop was asked for")
        assert cockpit.backend.asked == [("stop", "exp_0002", now)]


async def test_what_does_not_run_is_not_stopped(tmp_path: Path) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        await cockpit.press("s")
        await cockpit.until("there is nothing to stop")
        assert cockpit.backend.asked == []


async def test_launch_starts_a_draft(tmp_path: Path) -> None:
    async with opened(build("draft", tmp_path)) as cockpit:
        await cockpit.press("l")
        await cockpit.until("launch was asked for")
        assert cockpit.backend.asked == [("launch", "exp_0001", None)]
        await cockpit.press("g", "l")
        await cockpit.until("only a draft is launched")


SWAP = GateClosed(
    "the held-out set is another one than before; also, this ablation was run already",
    "Take the old file. Or give a reason to go without (--reason).",
    closed=("the held-out set is another one than before", "this ablation was run already"),
    instead="Take the old file.",
)


@pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])
async def test_a_gate_that_the_service_names_wants_a_reason(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("draft", tmp_path), size=size) as cockpit:
        cockpit.backend.fails["launch"] = SWAP
        await cockpit.press("l")
        await cockpit.until("The held-out set is another one than before.")
        assert "This ablation was run already." in cockpit.text
        assert "Take the old file." in cockpit.text
        assert "--reason" not in cockpit.text, "on the screen the reason is typed below"
        await cockpit.press("enter")
        await cockpit.until("It needs a reason")
        await cockpit.press(*"no time", "enter")
        await cockpit.until("launch was asked for")
        assert cockpit.backend.asked == [("launch", "exp_0001", None), ("launch", "exp_0001", "no time")]


async def test_a_gate_may_be_left_closed(tmp_path: Path) -> None:
    async with opened(build("draft", tmp_path)) as cockpit:
        cockpit.backend.fails["launch"] = SWAP
        await cockpit.press("l")
        await cockpit.until("The held-out set is another one than before.")
        await cockpit.press("escape")
        await cockpit.until("The held-out set is another one", gone=True)
        assert cockpit.backend.asked == [("launch", "exp_0001", None)]
        assert not cockpit.app.state.busy


async def test_what_no_reason_opens_is_refused(tmp_path: Path) -> None:
    async with opened(build("draft", tmp_path)) as cockpit:
        cockpit.backend.fails["launch"] = CockpitError(
            "held-out items are in the training data", "Drop them."
        )
        await cockpit.press("l")
        await cockpit.until("held-out items are in the training data")
        assert not isinstance(cockpit.screen, ReasonScreen)


async def test_launch_before_the_baseline_wants_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real service behind the screen, up to the process."""
    stage = build("empty", tmp_path)
    stage.draft("exp_0001", "sft", hypothesis="at once")
    for name, number in (("train", 1), ("mini_eval", 2), ("held_out", 3)):
        (stage.root / f"{name}.jsonl").write_text(f'{{"prompt": "{number}+1=?", "answer": "{number + 1}"}}\n')
    started: list[Path] = []
    monkeypatch.setattr(
        "cockpit.services.runs.launcher.launch", lambda attempt, **_: started.append(attempt.root)
    )
    async with opened(stage) as cockpit:
        monkeypatch.setattr(StageBackend, "launch", LocalBackend.launch)
        await cockpit.press("l")
        await cockpit.until("The base model has not been scored yet")
        assert not started
        await cockpit.press(*"no time", "enter")
        await cockpit.until("is launched")
        assert len(started) == 1
    assert "the base model has not been scored yet" in stage.layout.methodlog.read_text()
    assert "no time" in stage.layout.methodlog.read_text()


async def test_resume_and_score_ask_the_services(tmp_path: Path) -> None:
    async with opened(build("stopped", tmp_path)) as cockpit:
        await cockpit.press("r")
        await cockpit.until("resume was asked for")
        await cockpit.press("e")
        await cockpit.until("score was asked for")
        assert cockpit.backend.asked == [("resume", "exp_0001"), ("score", "exp_0001")]


@pytest.mark.parametrize("key", ["r", "e", "c"])
async def test_what_runs_is_not_resumed_scored_or_decided(tmp_path: Path, key: str) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press(key)
        await cockpit.until("exp_0002 is running:")
        assert cockpit.backend.asked == []


async def test_a_refusal_is_said_with_its_mend(tmp_path: Path) -> None:
    async with opened(build("stopped", tmp_path)) as cockpit:
        cockpit.backend.fails["resume"] = CockpitError("the disk is full", "Free some space.", file="/data")
        await cockpit.press("r")
        await cockpit.until("Free some space.")
        assert "/data: the disk is full" in cockpit.text
        cockpit.backend.fails["score"] = ValueError("\x1b[31mboom\x07")
        await cockpit.press("e")
        await cockpit.until("that failed: ␛[31mboom␇")
        assert len(cockpit.backend.complaints) == 1, "the traceback goes to the log"


async def test_quit_leaves_at_once_and_nothing_is_asked_of_the_runs(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("q")
        assert cockpit.app.return_value == 0
        assert cockpit.backend.asked == []


async def test_the_mouse_selects_opens_and_presses_keys(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.pilot.click("#tree", offset=(5, 2))
        assert _selected(cockpit) == "exp_0001"
        column = cockpit.rows[-1].index("? help")
        await cockpit.pilot.click("#keys", offset=(column, 0))
        await cockpit.until("this list of keys")
        await cockpit.press("escape")
        await cockpit.pilot.click("#tree", offset=(5, 2))
        await cockpit.until("[Charts]")
        tabs = next(row for row in cockpit.rows if "[Charts]" in row)
        await cockpit.pilot.click("#tabs", offset=(tabs.index("Log"), 0))
        await cockpit.until("mini-eval 1 of 10")


async def test_a_new_look_keeps_the_selection_and_says_what_changed(tmp_path: Path) -> None:
    stage = build("draft", tmp_path)
    async with opened(stage) as cockpit:
        await cockpit.press("g")
        stage.draft("exp_0002", "sft", parent="exp_0000", hypothesis="made by another cockpit")
        cockpit.app.poller.poke()
        await cockpit.until("made by another cockpit")
        assert _selected(cockpit) == "exp_0000"


async def test_an_experiment_that_is_deleted_leaves_without_a_fault(tmp_path: Path) -> None:
    import shutil

    stage = build("story", tmp_path)
    async with opened(stage) as cockpit:
        shutil.rmtree(stage.layout.experiment("exp_0002").root)
        cockpit.app.poller.poke()
        await cockpit.until("exp_0002 GRPO", gone=True)
        assert _selected(cockpit) in ("exp_0000", "exp_0001")
        assert not cockpit.backend.complaints


async def test_the_selection_goes_to_what_begins_until_somebody_moves_it(tmp_path: Path) -> None:
    stage = build("draft", tmp_path)
    async with opened(stage) as cockpit:
        stage.run("exp_0002", "sft", steps=4, ended_ago=1)
        stage.process(stage.layout.experiment("exp_0002").attempt(1), started=stage.now - 20)
        cockpit.app.poller.poke()
        await cockpit.until(lambda: _selected(cockpit) == "exp_0002")
        await cockpit.press("g")
        stage.run("exp_0003", "sft", steps=4, ended_ago=1)
        stage.process(stage.layout.experiment("exp_0003").attempt(1), started=stage.now - 20)
        cockpit.app.poller.poke()
        await cockpit.until("exp_0003")
        assert _selected(cockpit) == "exp_0000"


async def test_the_demo_tells_how_far_it_is(tmp_path: Path) -> None:
    import json
    import os

    from cockpit.services.experiments import demo
    from cockpit.services.system import processes

    stage = build("empty", tmp_path)
    stage.layout.config.unlink()
    path = demo.state_file(tmp_path)
    path.parent.mkdir(exist_ok=True)
    told = {"title": "pretraining the tiny model", "done": False, "error": "", **processes.me()}
    path.write_text(json.dumps(told))
    async with opened(stage) as cockpit:
        await cockpit.until("Demo: pretraining the tiny model.")
        assert "the demo's come up here as they begin" in cockpit.text
        path.write_text(json.dumps(told | {"error": "the disk is full"}))
        os.utime(path)
        cockpit.app.poller.poke()
        await cockpit.until("the disk is full")
        path.write_text(json.dumps(told | {"pid": 4_000_000}))
        cockpit.app.poller.poke()
        await cockpit.until("The demo was cut short.")


async def test_a_pass_that_takes_minutes_is_asked_for_first(tmp_path: Path) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        cockpit.backend.timed = 840.0
        await cockpit.press("e")
        await cockpit.until("It takes about 14 min")
        await cockpit.press("n")
        await cockpit.until(lambda: "about 14 min" not in cockpit.text)
        assert cockpit.backend.asked == []
        await cockpit.press("e")
        await cockpit.until("It takes about 14 min")
        await cockpit.press("enter")
        await cockpit.until(lambda: [ask[0] for ask in cockpit.backend.asked] == ["score"])
