"""The spot check on screen: both sizes, every key, before, during and after the rendering."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from cockpit.services.dataset import render
from cockpit.ui.spotcheck.layout import spot as places
from cockpit.ui.spotcheck.screen import SpotCheckScreen
from tests.cli.spotcheck.test_command import fake_rendering
from tests.support.spot_cases import CHINESE, HEBREW, held_out, said, train
from tests.support.ui.drive import LARGE, SMALL, Cockpit, opened
from tests.support.ui.stage import Stage


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(render, "_ask", pieces)
    made = Stage(tmp_path / "ws")
    made.baseline()
    made.sft_wrong_format()
    write(made.root / "train.jsonl", train(said("The answer is {a}.")))
    write(made.root / "mini.jsonl", held_out())
    write(made.root / "held_out.jsonl", held_out())
    return made


def pieces(request: render.Request) -> dict[str, Any]:
    """A rendering of the real rows, as ChatML would have it."""
    answer = fake_rendering(request)
    data = request.recipe["data"]
    rows = [json.loads(line) for line in Path(data["train"]).read_text().splitlines()]
    items = [json.loads(line) for line in Path(data["held_out"]).read_text().splitlines()]
    for shown in answer["train_examples"]:
        turns = rows[shown["row"] - 1]["messages"]
        asked = [["<|im_start|>", 1], [f"user\n{turns[0]['content']}", 0], ["<|im_end|>", 1], ["\n", 0]]
        said_ = [["<|im_start|>", 1], ["assistant\n", 0], [turns[1]["content"], 2], ["<|im_end|>", 3]]
        shown["pieces"] = asked + said_
    for shown in answer["eval_examples"]:
        prompt = items[shown["row"] - 1]["prompt"]
        shown["pieces"] = [["<|im_start|>", 1], [f"user\n{prompt}", 0], ["<|im_end|>", 1], ["\n", 0],
                           ["<|im_start|>", 1], ["assistant\n", 0]]  # fmt: skip
    return answer


async def opened_spot_check(cockpit: Cockpit) -> SpotCheckScreen:
    await cockpit.press("x")
    await cockpit.until("‹<|im_start|>›")
    screen = cockpit.screen
    assert isinstance(screen, SpotCheckScreen)
    return screen


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
async def test_it_names_the_mismatch_and_shows_both_sides(stage: Stage, size: tuple[int, int]):
    async with opened(stage, size=size, select="exp_0001") as cockpit:
        await opened_spot_check(cockpit)
        for words in ("Mismatched: answer-marker", "⟪The answer is 3.⟫", "⟪<answer>3</answer>⟫", "Training examples",
                      "Eval prompts", "‹<|im_start|>›user⏎"):  # fmt: skip
            assert words in cockpit.text
        if size == LARGE:
            assert "⟦The answer is" in cockpit.text
            assert "ends with EOS" in cockpit.text
            assert "gold in training's form" in cockpit.text


async def test_it_waits_for_the_tokenizer_without_standing_still(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    go = threading.Event()

    def slow(request: render.Request) -> dict[str, Any]:
        go.wait(180)
        return pieces(request)

    monkeypatch.setattr(render, "_ask", slow)
    async with opened(stage, size=LARGE, select="exp_0001") as cockpit:
        await cockpit.press("x")
        await cockpit.until("waiting for the tokenizer")
        assert "Mismatched: answer-marker" in cockpit.text, "what the data tells needs no tokenizer"
        assert "not tokenized" in cockpit.text
        await cockpit.press("n", "tab")
        go.set()
        await cockpit.until("‹<|im_start|>›")
        await cockpit.until("waiting for the tokenizer", gone=True)


async def test_a_kept_page_is_painted_before_the_files_are_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    async with opened(stage, size=LARGE, select="exp_0001") as cockpit:
        await opened_spot_check(cockpit)
        await cockpit.until(lambda: list((stage.layout.cache / "render").glob("page-*.json")))
    from cockpit.services.spotcheck import check

    go, read = threading.Event(), check.Bench.read

    def late(self: Any) -> None:
        go.wait(180)
        read(self)

    monkeypatch.setattr(check.Bench, "read", late)
    async with opened(stage, size=LARGE, select="exp_0001") as cockpit:
        await opened_spot_check(cockpit)
        assert "Mismatched: answer-marker" in cockpit.text
        assert "reading the rows behind it" in cockpit.text
        go.set()
        await cockpit.until("reading the rows behind it", gone=True)


async def test_other_examples_pins_and_the_filter(stage: Stage):
    async with opened(stage, size=LARGE, select="exp_0001") as cockpit:
        screen = await opened_spot_check(cockpit)
        first = [example.id for example in screen.examples("train")]
        await cockpit.press("n")
        await cockpit.until("page 2")
        await cockpit.until(lambda: [e.id for e in screen.examples("train")] != first)
        assert not set(first) & {e.id for e in screen.examples("train")}
        await cockpit.press("N")
        await cockpit.until(lambda: [e.id for e in screen.examples("train")] == first)
        await cockpit.press("tab", "p")
        await cockpit.until("⌖ row")
        pinned = screen.examples("train")[0].id
        await cockpit.press("n")
        await cockpit.until(lambda: [e.id for e in screen.examples("train")][1:] != first[1:])
        assert screen.examples("train")[0].id == pinned
        await cockpit.press("p")
        await cockpit.until("⌖ row", gone=True)
        await cockpit.press("slash", *"tom 17", "enter")
        await cockpit.until("holding “tom 17”")
        await cockpit.until(lambda: sorted(e.id for e in screen.examples("train")) == ["row 15", "row 18"])
        await cockpit.press("escape")
        await cockpit.until("holding", gone=True)
        await cockpit.press("escape")
        await cockpit.until(lambda: not isinstance(cockpit.screen, SpotCheckScreen))


async def test_enter_shows_the_whole(stage: Stage):
    async with opened(stage, size=SMALL, select="exp_0001") as cockpit:
        await opened_spot_check(cockpit)
        await cockpit.press("enter")
        await cockpit.until("What differs; esc goes back")
        assert "The other way" in cockpit.text
        await cockpit.press("escape", "tab", "enter")
        await cockpit.until("One example, whole")
        assert "⟦The answer is" in cockpit.text


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
async def test_mending_asks_with_a_preview_and_does_it(stage: Stage, size: tuple[int, int]):
    async with opened(stage, size=size, select="exp_0001") as cockpit:
        await opened_spot_check(cockpit)
        await cockpit.press("m")
        await cockpit.until("+<answer>3</answer>")
        assert "leave it" in cockpit.text
        await cockpit.press(*"so be it", "enter")
        await cockpit.until(lambda: list((stage.layout.cache / "datasets").glob("train-realigned-*.jsonl")))
        await cockpit.until(lambda: "so be it" in stage.layout.methodlog.read_text())
        await cockpit.until("Checked: matched")


async def test_changing_the_eval_prompt_needs_its_reason(stage: Stage):
    async with opened(stage, size=SMALL, select="exp_0001") as cockpit:
        await opened_spot_check(cockpit)
        await cockpit.press("m")
        await cockpit.until("+<answer>3</answer>")
        await cockpit.press("down", "enter")
        await cockpit.until("Say why the rules allow it")
        await cockpit.press(*"open task", "enter")
        await cockpit.until(lambda: "system_prompt" in stage.layout.config.read_text())


async def test_hostile_and_wide_text_stays_in_its_cells(stage: Stage):
    evil = said("\x1b]0;owned\x07\x1b[2J[bold red]\u202e👩‍👩‍👧 The answer is {a}.")
    write(stage.root / "train.jsonl", [*train(evil, CHINESE)[:6], *train(evil, HEBREW)[:6]])
    async with opened(stage, size=SMALL, select="exp_0001") as cockpit:
        await opened_spot_check(cockpit)
        for _ in range(3):
            await cockpit.press("tab")
            assert "\x1b" not in cockpit.text
            assert "\u202e" not in cockpit.text
        assert "[bold red]" in cockpit.text


async def test_a_tokenizer_that_fails_leaves_the_data_on_screen(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    from cockpit.contract.errors import CockpitError

    def broken(request: render.Request) -> dict[str, Any]:
        raise CockpitError("the tokenizer can't be loaded: no such folder", "Correct model.name_or_path.")

    monkeypatch.setattr(render, "_ask", broken)
    async with opened(stage, size=LARGE, select="exp_0001") as cockpit:
        await cockpit.press("x")
        await cockpit.until("can't be loaded")
        assert "Mismatched: answer-marker" in cockpit.text
        assert not cockpit.backend.complaints


async def test_in_ascii_nothing_hangs_on_colour(stage: Stage):
    async with opened(stage, size=LARGE, select="exp_0001", ascii=True) as cockpit:
        await cockpit.press("x")
        await cockpit.until("{<|im_start|>}")
        assert cockpit.text.isascii()
        assert "[[The answer is" in cockpit.text
        assert ">>The answer is 3.<<" in cockpit.text


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (80, 24), (110, 28), (160, 45)])
@pytest.mark.parametrize("pane", ["mismatches", "train", "eval"])
@pytest.mark.parametrize("found", [0, 5, 60])
def test_panes_lie_within_the_screen_and_apart(size: tuple[int, int], pane: str, found: int):
    width, height = size
    boxes = [
        box
        for box in places(width, height, pane=pane, found=found).values()
        if box.width > 0 and box.height > 0
    ]
    cells = [(x, y) for b in boxes for x in range(b.x, b.x + b.width) for y in range(b.y, b.y + b.height)]
    assert len(cells) == len(set(cells))
    assert all(0 <= x < width and 0 <= y < height for x, y in cells)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
def test_it_looks_like_this(stage: Stage, size: tuple[int, int], snap_compare: Any):
    from tests.support.ui.drive import cockpit_app, ready, until

    app = cockpit_app(stage, select="exp_0001")

    async def drive(pilot: Any) -> None:
        await ready(pilot)
        await pilot.press("x")
        await until(
            pilot, lambda: getattr(app.screen, "check", None) is not None and app.screen.check.rendered
        )  # type: ignore[attr-defined]
        await until(pilot, lambda: not app.screen.waiting)  # type: ignore[attr-defined]
        await pilot.pause()

    assert snap_compare(app, run_before=drive, terminal_size=size)
