"""Looking at runs writes nothing and starts nothing: neither the log, nor the spot check that a run calls for."""

from __future__ import annotations

from pathlib import Path

from cockpit.ui.run.screen import RunScreen
from tests.support.ui.drive import LARGE, opened
from tests.support.ui.stage import Stage
from tests.support.untouched import changed, snapshot


def stuck(root: Path) -> Stage:
    """A story whose first SFT ended early, and a second one that runs, learns, and scores nothing."""
    stage = Stage(root)
    stage.story()
    out, clock, layout = stage.experiment(
        "exp_0003", "sft", parent="exp_0000", hypothesis="format B", ago=200
    )
    stage._train(out, clock, steps=40, every=10, scores=[0.0, 0.0, 0.0, 0.0], reward=False)
    stage.process(layout, started=stage.now - 200)
    stage.settle()
    return stage


async def test_a_dashboard_and_every_run_screen(tmp_path: Path) -> None:
    stage = stuck(tmp_path / "ws")
    before = snapshot(stage.root)
    async with opened(stage, size=LARGE) as cockpit:
        for row in range(4):
            await cockpit.press("g", *["j"] * row, "enter")
            await cockpit.until(f"exp_000{row}")
            assert isinstance(cockpit.screen, RunScreen)
            await cockpit.ready()
            await cockpit.press("tab", "tab", "tab", "escape")
        await cockpit.ready()
    assert changed(before, stage.root) == []
