"""The live path to its end: a file grows, and the screen shows it, cell by cell, and only where somebody looks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len

from cockpit.contract.writer import AttemptWriter
from cockpit.ui import textual_patch
from cockpit.ui.messages import DataArrived
from cockpit.ui.widgets.charts_pane import ChartsPane
from tests.support.ui.counting import CountingApp, look, until
from tests.support.ui.drive import opened
from tests.support.ui.gallery import build
from tests.support.ui.stage import NOW, Stage

pytestmark = pytest.mark.ui
WIDE, SMALL = (160, 45), (80, 24)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.story()
    return stage


@pytest.fixture
def writer(stage: Stage) -> AttemptWriter:
    attempt = stage.layout.experiment("exp_0002").attempt(1)
    return AttemptWriter(attempt.root, clock=lambda: NOW)


async def test_a_growing_file_appears_on_the_chart(stage: Stage, writer: AttemptWriter) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        assert "★" in app.text()
        assert "baseline 0.4" in app.text()
        writer.metrics(47, {"reward": 0.4321, "loss": 0.1})
        await until(pilot, lambda: "reward 0.4321" in app.text())
        writer.mid_eval(50, 0.95, passed=9, n=10, best=True, best_score=0.95, best_step=50, baseline=0.3)
        await until(pilot, lambda: "mid-eval 0.9500" in app.text())
        app.leave()


async def test_at_80x24_too(stage: Stage, writer: AttemptWriter) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=SMALL) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text() and "baseline 0.4" in app.text())
        app.leave()


async def test_a_marked_run_lies_over_the_shown_one(stage: Stage) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        app.state.toggle_mark("exp_0001")
        app.follow_shown()
        await until(pilot, lambda: "b ── exp_0001 0" in app.text())
        assert "over exp_0001" in app.text()
        app.leave()


async def test_range_log_scale_zoom_and_reading_line(stage: Stage) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        await pilot.press("plus")
        await until(pilot, lambda: "newest 23 steps" in app.text())
        await pilot.press("minus", "y")
        await until(pilot, lambda: "log y" in app.text() and "newest" not in app.text())
        pane = app.screen.query_one(ChartsPane)
        pane.focus()
        await pilot.press("j", "z")
        await until(pilot, lambda: app.state.zoomed == "mid-eval")
        assert "reward 0." not in app.text().split("Charts of exp_0002")[1].split("Log")[0].split("\n")[1]
        await pilot.press("z", "left")
        await until(pilot, lambda: "  at " in app.text())
        await pilot.press("escape")
        await until(pilot, lambda: app.state.cursor is None)
        app.leave()


async def test_the_reading_line_leaves_at_the_end(stage: Stage) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        app.screen.query_one(ChartsPane).focus()
        await pilot.press("right", "right")
        assert app.state.cursor is not None
        assert app.state.cursor < 5
        await pilot.press("left", "left")
        assert app.state.cursor is None
        app.leave()


async def test_all_series_on_the_run_screen(stage: Stage) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=SMALL) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        await pilot.press("enter")
        await until(pilot, lambda: "of 8" in app.text())
        await pilot.press("G")
        await until(pilot, lambda: "completions/mean" in app.text())
        app.leave()


async def test_a_quiet_run_sends_nothing(stage: Stage) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text() and "step 46" in app.text())
        for _ in range(
            40
        ):  # what is found out late (findings, their line in the method log) has its say first
            app.sent.clear()
            await look(pilot)
            await pilot.pause(0.25)
            if not app.sent_bytes:
                break
        for _ in range(5):
            app.poller.refresh()
            app._tick()
            app.post_message(DataArrived())
            await pilot.pause(0.05)
        assert app.sent_bytes == 0, app.sent
        app.leave()


async def test_a_row_costs_a_few_hundred_bytes(stage: Stage, writer: AttemptWriter) -> None:
    assert textual_patch.install(), "this Textual is not the one that the cropping was written for"
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        await pilot.pause(0.2)
        costs: list[int] = []
        for step in range(47, 50):
            app.sent.clear()
            writer.metrics(step, {"reward": 0.8 + step / 1000, "loss": 0.001, "kl": 0.01, "grad_norm": 1.0})
            await until(pilot, lambda step=step: f"reward 0.{800 + step}" in app.text())
            await pilot.pause(0.1)
            costs.append(app.sent_bytes)
        assert max(costs) < 900, costs
        app.leave()


async def test_hidden_charts_rest_and_catch_up(stage: Stage, writer: AttemptWriter) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        pane = app.screen.query_one(ChartsPane)
        await pilot.press("m")
        await until(pilot, lambda: "Method log" in app.text())
        builds = pane.builds
        writer.metrics(47, {"reward": 0.4321})
        await until(pilot, lambda: app.state.live["exp_0002"].latest()["reward"] == 0.4321)
        assert pane.builds == builds
        await pilot.press("escape")
        await until(pilot, lambda: "reward 0.4321" in app.text())
        assert pane.builds > builds
        app.leave()


async def test_a_deleted_folder_is_said(stage: Stage, writer: AttemptWriter) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        shutil.rmtree(writer.layout.root)
        await look(pilot)
        await until(pilot, lambda: "its folder is gone" in app.text())
        assert "reward 0.8" in app.text(), "what was read stays on the screen"
        app.leave()


async def test_back_at_a_run_its_curve_is_there_at_once(stage: Stage, writer: AttemptWriter) -> None:
    app = CountingApp(stage.root)
    async with app.run_test(size=WIDE) as pilot:
        await look(pilot)
        await until(pilot, lambda: "reward 0.8" in app.text())
        run = app.state.live["exp_0002"]
        app.select("exp_0001")
        await until(pilot, lambda: "loss 0." in app.text())
        writer.metrics(47, {"reward": 0.4321})
        app.select("exp_0002")
        assert app.state.live["exp_0002"] is run
        await until(pilot, lambda: "reward 0.4321" in app.text())
        app.leave()


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x45"])
async def test_no_workspace_says_how_to_get_one(size: tuple[int, int]) -> None:
    async with opened(None, size=size) as cockpit:
        assert "There is no workspace here." in cockpit.text
        assert "cockpit init" in cockpit.text
        assert "cockpit demo" in cockpit.text
        assert "n new" not in cockpit.text
        for key in ("n", "s", "f"):
            await cockpit.press(key)
            await cockpit.until("W makes one, step by step")


@pytest.mark.parametrize("size", [(20, 6), (30, 8), (40, 12), (1, 1), (79, 23), (400, 100)])
async def test_a_screen_of_any_size_is_drawn(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("story", tmp_path / "ws"), size=size) as cockpit:
        await cockpit.press("enter")
        for _ in range(7):
            await cockpit.press("tab")
        await cockpit.press("escape", "question_mark", "escape", "m", "escape")
        assert len(cockpit.rows) == size[1]
        assert [row for row in cockpit.rows if cell_len(row) > size[0]] == []
