"""The run screen: every tab, its lists and texts, search, charts' keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.ui.dashboard.screen import Dashboard
from cockpit.ui.run.item import ItemScreen
from cockpit.ui.run.screen import RunScreen
from cockpit.ui.run.tabs import TABS
from tests.support.ui.drive import LARGE, SMALL, Cockpit, opened
from tests.support.ui.gallery import build

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])


async def _open(cockpit: Cockpit, tab: str, experiment: int | None = None) -> None:
    if experiment is not None:
        await cockpit.press("g", *["j"] * experiment)
    await cockpit.press("enter", *["tab"] * [name for name, _ in TABS].index(tab))
    assert isinstance(cockpit.screen, RunScreen)
    assert cockpit.screen.tab == tab


@SIZES
async def test_the_answers_of_each_mid_eval_with_the_best_marked(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with opened(build("story", tmp_path), size=size) as cockpit:
        await _open(cockpit, "answers")
        await cockpit.until("★ step 30")
        await cockpit.until("Step 40: 7 right, 2 wrong, 1 unparsed")
        assert "8/10" in cockpit.text
        await cockpit.press("j")
        await cockpit.until("Step 30: 8 right")
        assert "<answer>" in cockpit.text
        assert "gold" in cockpit.text


async def test_an_item_whole(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await _open(cockpit, "answers")
        await cockpit.until("Step 40")
        await cockpit.press("enter", "j", "enter")
        assert isinstance(cockpit.screen, ItemScreen)
        await cockpit.until("parsed   8")
        assert "1+7=?" in cockpit.text
        await cockpit.press("slash", *"gold", "enter")
        await cockpit.until("parsed   8", gone=True)
        await cockpit.press("escape", "escape")
        assert isinstance(cockpit.screen, RunScreen)
        await cockpit.press("escape", "escape")
        assert isinstance(cockpit.screen, Dashboard)


@SIZES
async def test_rollouts_by_step_and_group_with_their_rewards(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("story", tmp_path), size=size) as cockpit:
        await _open(cockpit, "rollouts")
        await cockpit.until("Step 45: 8 samples")
        assert "g0 3+21=?" in cockpit.text
        assert "mean 0.5" in cockpit.text
        assert "verifier 1  format 1" in cockpit.text
        await cockpit.press("j", "j")
        await cockpit.until("Step 15: 8 samples")


async def test_checkpoints_newest_first_with_the_best_marked(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await _open(cockpit, "checkpoints")
        await cockpit.until("★ best step 30")
        rows = [row for row in cockpit.rows if "step_0000" in row]
        assert [row.split("step ")[1].split()[0] for row in rows] == ["40", "30", "20", "10"]
        assert "mini-eval .800" in rows[1]


@SIZES
async def test_held_out_items_in_slices(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("finished", tmp_path), size=size) as cockpit:
        await _open(cockpit, "held_out")
        await cockpit.until("161 right")
        assert "never make training data from these" in cockpit.text
        await cockpit.press("j")
        await cockpit.until("─ 27 wrong ─")
        await cockpit.press("j")
        await cockpit.until("─ 12 unparsed ─")


async def test_without_a_full_pass_it_says_how_to_make_one(tmp_path: Path) -> None:
    async with opened(build("stopped", tmp_path)) as cockpit:
        await _open(cockpit, "held_out")
        await cockpit.until("no full held-out pass was made; e makes one")
        await cockpit.press("e")
        await cockpit.until("score was asked for")


async def test_the_log_is_searched(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await _open(cockpit, "log")
        await cockpit.until("Log, 50 lines")
        await cockpit.press("g")
        await cockpit.until("loading tiny/base0 with LoRA")
        await cockpit.press("slash", *"step 3")
        await cockpit.until("11 lines hold “step 3”")
        await cockpit.press("enter", "n", "n")
        await cockpit.until("step 31 reward")
        await cockpit.press("N", "G")
        await cockpit.until("step 46 reward")
        await cockpit.press("escape")
        await cockpit.until("lines hold", gone=True)
        assert isinstance(cockpit.screen, RunScreen)


async def test_the_recipe_is_all_there(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path), size=LARGE) as cockpit:
        await _open(cockpit, "recipe")
        await cockpit.until("learning_rate")
        for words in ("max_steps", "tagged:answer", "name_or_path", "every_steps", "lora_alpha"):
            assert words in cockpit.text


@SIZES
async def test_the_charts_keys(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("story", tmp_path), size=size) as cockpit:
        state = cockpit.app.state
        await cockpit.press("enter")
        await cockpit.until("reward")
        await cockpit.press("y")
        assert state.log_scale
        await cockpit.until("log")
        await cockpit.press("w")
        assert state.smoothing == 0.9
        await cockpit.press("w", "w")
        assert state.smoothing == 0.0
        await cockpit.press("z")
        assert state.zoomed == "reward"
        await cockpit.press("j")
        assert state.zoomed != "reward", "j goes to the next chart"
        await cockpit.press("escape")
        assert state.zoomed is None
        await cockpit.press("plus")
        assert state.steps == 23
        await cockpit.press("minus")
        assert state.steps is None
        await cockpit.press("left")
        assert state.cursor is not None
        await cockpit.press("escape")
        assert state.cursor is None
        assert isinstance(cockpit.screen, RunScreen)


async def test_a_draft_has_a_run_screen_too(tmp_path: Path) -> None:
    async with opened(build("draft", tmp_path)) as cockpit:
        await cockpit.press("enter")
        for says in (
            "no mini-eval yet",
            "kept no samples",
            "no checkpoint yet",
            "no full held-out pass",
            "its log is empty",
        ):
            await cockpit.press("tab")
            await cockpit.until(says)
        await cockpit.press("tab")
        await cockpit.until("learning_rate")
        await cockpit.press("l")
        await cockpit.until("launch was asked for")


@pytest.mark.parametrize(
    ("key", "says"), [("f", "Findings"), ("m", "Method log"), ("d", "Doctor"), ("question_mark", "Help")]
)
async def test_pages_open_over_it_and_close(tmp_path: Path, key: str, says: str) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("enter", key)
        await cockpit.until(f"▸ {says}")
        await cockpit.press("escape")
        assert isinstance(cockpit.screen, RunScreen)


async def test_stop_and_quit_work_from_here(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("enter", "s")
        await cockpit.until("Stop exp_0002")
        await cockpit.press("g")
        await cockpit.until("stop was asked for")
        await cockpit.press("q")
        assert cockpit.app.return_value == 0


async def test_new_answers_come_up_while_it_is_open(tmp_path: Path) -> None:
    """A checkpoint made while the tab is open brings its line, and its answers can be read."""
    from cockpit.contract.writer import AttemptWriter
    from tests.support.ui.stage import answer_row

    stage = build("story", tmp_path)
    async with opened(stage) as cockpit:
        await _open(cockpit, "answers")
        await cockpit.until("Step 40")
        out = AttemptWriter(stage.layout.experiment("exp_0002").attempt(1).root, clock=lambda: stage.now)
        items = out.samples(50, "eval", [answer_row(f"mini-{n}", n, True, 50) for n in range(10)])
        out.mid_eval(
            50, 1.0, passed=10, parsed=10, n=10, best=True, best_score=1.0, best_step=50, items=items
        )
        await cockpit.until("★ step 50")
        await cockpit.press("g")
        await cockpit.until("Step 50: 10 right")
