"""Compare and Findings: what they show, and that a finding can be acted on from where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.core.dataset.chat_templates import asked
from cockpit.core.findings import Finding
from cockpit.core.pass_at import Sampled
from cockpit.core.scores import Score
from cockpit.core.tree.comparing import Comparison, Side, comparison
from cockpit.ui.compare.screen import CompareScreen
from cockpit.ui.compare.view import scores, settings
from cockpit.ui.findings.screen import FindingActionsScreen, FindingsScreen
from cockpit.ui.run.screen import RunScreen
from cockpit.ui.text.glyphs import UNICODE
from cockpit.ui.widgets.chart import Chart
from cockpit.ui.widgets.line_view import LineView
from tests.support.ui.drive import Cockpit, opened
from tests.support.ui.stage import Stage

pytestmark = pytest.mark.ui
SIZES = [(80, 24), (160, 45)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "ws")
    made.story(running=False)
    return made


FINDING = Finding("mid-eval-regression", "warn", "the mini-eval fell", ("step 20: 0/10",), "stop it", "source",
                  ("exp_0001",), 20)  # fmt: skip


def words(cockpit: Cockpit, selector: str = "#body") -> str:
    return "\n".join(item.plain for item in cockpit.app.screen.query_one(selector, LineView).lines)


async def until(cockpit: Cockpit, there) -> None:  # type: ignore[no-untyped-def]
    await cockpit.pilot.pause()
    await cockpit.until(there)


def test_pass_at_k_has_its_line_below_the_run_that_was_sampled() -> None:
    sides: list[Side] = []
    for id_, right in (("exp_0000", 1), ("exp_0001", 4)):
        counts = {str(k): right for k in range(40)}
        like = Score.of(right / 4, 40).sampled(dict.fromkeys(counts, right / 4), 4)
        sides.append(Side(id_, "sft", "evaluated", score=Score.of(0.5, 40), sampled=Sampled(4, counts, like)))
    said = [item.plain for item in scores(comparison(sides), 200, UNICODE)]
    assert len([text for text in said if "pass@1" in text]) == 1
    assert "Against exp_0000: pass@1 +0.75 gained, pass@4 +0.00 level." in "".join(said)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x45"])
async def test_compare_shows_scores_settings_and_items(stage: Stage, size: tuple[int, int]) -> None:
    async with opened(stage, size=size, select="exp_0002") as cockpit:
        await cockpit.pilot.press("v")
        await until(
            cockpit, lambda: isinstance(cockpit.app.screen, CompareScreen) and "won" in words(cockpit)
        )
        said = words(cockpit)
        assert "exp_0000" in said
        assert "the reference" in said
        assert "gained" in said
        assert "Settings that differ" in said
        assert "peft" in said
        assert "exp_0002 won" in said
        assert "never to write training data from" in " ".join(said.split())
        chart = cockpit.app.screen.query_one("#chart", Chart)
        assert chart.lines, "a curve is drawn"
        assert chart.size.height >= 7


async def test_left_and_right_turn_the_metric_and_enter_the_axis(stage: Stage) -> None:
    async with opened(stage, select="exp_0002") as cockpit:
        cockpit.app.commands.compare(["exp_0001", "exp_0002"])
        await until(
            cockpit, lambda: isinstance(cockpit.app.screen, CompareScreen) and "reference" in words(cockpit)
        )
        screen = cockpit.app.screen
        assert isinstance(screen, CompareScreen)
        assert screen.metric == "mini_eval"
        assert len(screen.query_one("#chart", Chart).lines) == 2, "both are overlaid"
        await cockpit.pilot.press("right")
        assert screen.metric == "reward"
        await cockpit.pilot.press("left")
        assert screen.metric == "mini_eval"
        await cockpit.pilot.press("enter")
        await until(cockpit, lambda: screen.axis == "tokens" and "over tokens seen" in words(cockpit))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x45"])
async def test_w_writes_markdown_and_csv_and_says_where(stage: Stage, size: tuple[int, int]) -> None:
    async with opened(stage, size=size, select="exp_0002") as cockpit:
        cockpit.app.commands.compare(["exp_0001", "exp_0002"])
        await until(
            cockpit, lambda: isinstance(cockpit.app.screen, CompareScreen) and "reference" in words(cockpit)
        )
        assert "w write" in words(cockpit, "#foot")
        await cockpit.pilot.press("w")
        await cockpit.until("Written:")
        markdown = (stage.root / "comparisons" / "exp_0001_exp_0002.md").read_text()
        assert markdown.startswith("# exp_0001 vs exp_0002")
        assert "## Settings that differ" in markdown
        table = (stage.root / "comparisons" / "exp_0001_exp_0002.csv").read_text()
        assert table.startswith("kind,name,exp_0001,exp_0002\n")
        assert "\nitem," in table


async def test_a_comparison_that_cannot_be_written_says_so(stage: Stage) -> None:
    (stage.root / "comparisons").write_text("in the way")
    async with opened(stage, select="exp_0002") as cockpit:
        cockpit.app.commands.compare(["exp_0001", "exp_0002"])
        await until(
            cockpit, lambda: isinstance(cockpit.app.screen, CompareScreen) and "reference" in words(cockpit)
        )
        await cockpit.pilot.press("w")
        await cockpit.until("the comparison can")


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("<|im_start|>system\nBe.<|im_end|>\n<|im_start|>user\n2+2=?<|im_end|>\n<|im_start|>assistant\n", "2+2=?"),
        ("<start_of_turn>user\n2+2=?<end_of_turn>\n<start_of_turn>model\n", "2+2=?"),
        ("<s>[INST] 2+2=? [/INST]", "2+2=?"),
        ("Is 1 <|> 2? [x]", "Is 1 <|> 2? [x]"),
        ("user\nnames and\nlines", "names and\nlines"),
        ("", ""),
        ("### Instruction:\nAdd.\n\n### Response:\n5\n\n### Instruction:\n2+2=?\n\n### Response:\n", "2+2=?"),
        ("Be.\n<|user|>\nHi<|end|>\n<|assistant|>\nHello<|end|>\n<|user|>\n2+2=?<|end|>\n<|assistant|>\n", "2+2=?"),
    ],
)  # fmt: skip
def test_an_item_shows_what_was_asked_without_the_templates_marks(prompt: str, shown: str) -> None:
    assert asked(prompt) == shown


def test_two_long_paths_can_be_told_apart() -> None:
    sides = tuple(Side(id_, "sft", "evaluated") for id_ in ("exp_0001", "exp_0002"))
    paths = ("/data/a/long/way/to/train.jsonl", "/data/a/long/way/to/other.jsonl")
    shown = "\n".join(item.plain for item in settings(Comparison(sides, {"data.train": paths}, ()), 50))
    assert "train.jsonl" in shown
    assert "other.jsonl" in shown


async def test_one_alone_is_not_compared(stage: Stage) -> None:
    async with opened(stage, select="exp_0000") as cockpit:
        await cockpit.pilot.press("v")
        await cockpit.pilot.pause()
        assert not isinstance(cockpit.app.screen, CompareScreen)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x45"])
async def test_a_finding_is_acted_on_from_where_it_stands(stage: Stage, size: tuple[int, int]) -> None:
    async with opened(stage, size=size, select="exp_0001") as cockpit:
        cockpit.app.state.findings["exp_0001"] = (FINDING,)
        await cockpit.pilot.press("f")
        await until(cockpit, lambda: isinstance(cockpit.app.screen, FindingsScreen))
        await cockpit.pilot.press("enter")
        await until(cockpit, lambda: isinstance(cockpit.app.screen, FindingActionsScreen))
        screen = cockpit.app.screen
        assert isinstance(screen, FindingActionsScreen)
        commands = [act.command for act in screen.offered.values()]
        assert "cockpit show exp_0001" in commands
        key = next(key for key, act in screen.offered.items() if act.do == "open")
        await cockpit.pilot.press(key)
        await until(cockpit, lambda: isinstance(cockpit.app.screen, RunScreen))
