"""The wizard: every page and answer, quitting and resuming, the plain terminal, and the screen by its keys."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from cockpit.cli import main
from cockpit.cli.wizard import walk
from cockpit.contract.errors import CockpitError
from cockpit.services.smoke import run
from cockpit.services.wizard import paths, steps
from cockpit.services.wizard.setup_pages import chance_level
from cockpit.services.wizard.wizard import Wizard
from cockpit.ui.app import CockpitApp
from cockpit.ui.backend.local import LocalBackend
from cockpit.ui.text.glyphs import ASCII, UNICODE
from cockpit.ui.wizard.screen import WizardScreen
from tests.support.standin_workspace import Behave
from tests.support.ui import drive
from trainers.tiny import task

SETUP, EXPERIMENT = (tuple(step.name for step in walk) for walk in (steps.SETUP, steps.EXPERIMENT))


def to(wizard: Wizard, step: str, given: tuple[Path, str, str]) -> Wizard:
    """Answer up to `step`."""
    answers = {"data": given[1], "model": given[2], "verifier": "exact", "chance": "0", "rules": "no ppo", "log": "go",
               "make": "make", "advice": "grpo", "literature": "skip", "recipe": "", "hypothesis": "it helps",
               "fit": "go", "smoke": "go"}  # fmt: skip
    while wizard.step != step:
        if wizard.step == "advice" and "=" in wizard.page().choices[0].value:
            wizard.answer("assume")
            continue
        wizard.answer(answers.get(wizard.step, ""), "a toy" if wizard.step == "literature" else "")
    return wizard


def test_a_whole_walk_resumed_after_every_answer(given: tuple[Path, str, str]) -> None:
    steps: list[str] = []
    while True:
        wizard = Wizard(given[0])  # as if the terminal had been closed in between
        steps.append(wizard.step)
        page = wizard.page()
        assert page.title
        assert page.question
        assert page.lines
        if wizard.step == "end":
            break
        after = (*SETUP, *EXPERIMENT)[(*SETUP, *EXPERIMENT).index(wizard.step) + 1]
        to(wizard, after, given)
    assert steps == [*SETUP, *EXPERIMENT]
    log = wizard.ws.layout.methodlog.read_text()
    for said in (
        "constraint · no ppo",
        "advice · GRPO, as advised",
        "literature · skipped: a toy",
        "grpo, LoRA r=32",
    ):
        assert said in log
    assert wizard.ws.config.constraints == ("no ppo",)
    wizard.answer("leave")
    assert wizard.finished
    assert Wizard(given[0]).state.experiment == "exp_0001"


@pytest.mark.parametrize(
    ("step", "value", "says"),
    [
        ("data", "/nowhere.jsonl", "no such data file"),
        ("data", "", "no data yet"),
        ("data", "owner/name", "no such"),
        ("held_out", "/nowhere.jsonl", "no such data file"),
        ("model", "/nowhere/at/all", "no such model"),
        ("verifier", "magic", "no verifier"),
        ("verifier", "boxed:3", "takes no argument"),
        ("chance", "2", "no score"),
        ("chance", "often", "no score"),
        ("advice", "base=perhaps", "not among its answers"),
        ("advice", "magic", "no technique"),
        ("advice", "sft", "Choose it with a reason"),
        ("advice", "dpo", "dpo can use"),
        ("literature", "go", "nothing of the literature"),
        ("recipe", "learning_rate=9", "allowed is"),
        ("recipe", "device_map=auto", "device_map"),
        ("hypothesis", "", "needs a hypothesis"),
    ],
)
def test_what_cannot_be_taken_stays_a_question(
    given: tuple[Path, str, str], step: str, value: str, says: str
) -> None:
    wizard = to(Wizard(given[0]), step, given)
    with pytest.raises(CockpitError, match=says):
        wizard.answer(value, "but I want to" if value == "dpo" else "")
    assert wizard.step == step
    assert wizard.page()


@pytest.mark.parametrize(
    ("step", "row", "n", "says"),
    [
        ("data", {"x1": 3, "x2": 4}, 40, "of no shape that a trainer reads"),
        ("held_out", {"text": "Once upon a time."}, 40, "holds no answers to score"),
        ("held_out", {"question": "1+1?", "answer": "2"}, 9, "9 rows are too few"),
        ("held_out", {"prompt": "1+1?", "completion": "2", "label": False}, 40, "could become an item"),
    ],
)
def test_data_that_can_become_no_workspace_is_refused_on_its_page(
    tmp_path: Path, step: str, row: dict[str, Any], n: int, says: str
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({**row, "n": i}) + "\n" for i in range(n)))
    wizard = Wizard(tmp_path / "fresh")
    answers = {"data": str(data), "look": "go", "held_out": ""}
    while wizard.step != step:
        wizard.answer(answers[wizard.step])
    with pytest.raises(CockpitError, match=says):
        wizard.answer(answers[step])
    assert wizard.step == step


def test_a_path_goes_on_as_far_as_it_is_clear(tmp_path: Path) -> None:
    for name in ("train_small.jsonl", "train_large.jsonl", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "models").mkdir()
    at = f"{tmp_path}/"
    given = ("t", "train_s", "m", "models/", "x", ".h", "", "train_small.jsonl")
    wanted = ("train_", "train_small.jsonl", "models/", None, None, ".hidden", None, None)
    assert [paths.completed(at + name) for name in given] == [at + name if name else None for name in wanted]
    assert paths.completed("/nowhere/at/all") is None


def test_going_on_without_a_smoke_run_is_written_down_at_once(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "end", given)
    assert "exp_0001: skipped in the wizard" in wizard.ws.layout.methodlog.read_text()


@pytest.mark.ui
async def test_tab_completes_a_path_and_brings_in_what_enter_would_take(
    given: tuple[Path, str, str], tmp_path: Path
) -> None:
    async with screen(given[0]) as pilot:
        line = pilot.app.screen.query_one("#line", Input)
        line.value = str(tmp_path / "sum")
        await pilot.press("tab")
        await settled(pilot)
        assert line.value == given[1]
        assert line.selected_text == ""
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("f2")
        await settled(pilot)
        assert (line.value, line.placeholder) == ("", given[1])
        await pilot.press("tab", "home", "x")
        await settled(pilot)
        assert line.value == f"x{given[1]}"


def test_a_choice_against_the_advice_is_recorded_with_its_reason(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "advice", given)
    wizard.answer("assume")
    first, *others = wizard.page().choices
    assert (first.value, first.reason) == ("grpo", False)
    assert all(choice.reason for choice in others)
    wizard.answer("sft", "traces first")
    assert (
        "override · chose SFT although GRPO was advised: traces first"
        in wizard.ws.layout.methodlog.read_text()
    )


def test_settings_are_changed_shown_and_taken_back(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "recipe", given)
    wizard.answer("learning_rate=2e-5 num_generations=4")
    text = "\n".join(wizard.page().lines)
    assert "learning_rate = 2e-05 (default 1e-05)" in text
    assert "allowed" not in text
    assert "source text" in text
    wizard.answer("undo")
    wizard.answer("undo")
    assert wizard.state.settings == []


def test_a_short_name_is_said_stored_under_trls_and_replaced_by_it(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "recipe", given)
    wizard.answer("lr=2e-5 rank=8")
    assert wizard.page().confirmed == (
        "lr is learning_rate.",
        "rank is peft.r.",
        "learning_rate: 1e-05 -> 2e-05",
        "peft.lora_alpha: 64 -> 16",
        "peft.r: 32 -> 8",
    )
    assert wizard.state.settings == ["learning_rate=2e-5", "peft.r=8"]
    wizard.answer("learning_rate=3e-5")  # no conflict with what was said before: it is said anew
    wizard.answer("r=")
    assert wizard.state.settings == ["learning_rate=3e-5"]
    with pytest.raises(CockpitError, match="both set learning_rate"):
        wizard.answer("lr=1e-5 learning_rate=2e-5")
    assert wizard.state.settings == ["learning_rate=3e-5"]


def test_what_an_earlier_answer_changes_is_done_again(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "smoke", given)
    for _ in ("fit", "hypothesis", "recipe"):
        wizard.back()
    assert {place.step: place.where for place in wizard.places()}["fit"] == "behind"
    wizard.answer("max_steps=20")
    wizard = Wizard(given[0])  # as if the terminal had been closed in between
    stale = [(place.step, place.answer) for place in wizard.places() if place.where == "stale"]
    assert stale == [("hypothesis", "again"), ("fit", "again")]
    to(wizard, "fit", given)
    assert wizard.page().lines[0] == "exp_0002 holds what you changed; exp_0001 stays as it was."
    wizard.answer("go")
    assert (wizard.state.experiment, wizard.state.stale) == ("exp_0002", [])
    assert json.loads(wizard.ws.layout.experiment("exp_0002").draft.read_text())["trainer"]["max_steps"] == 20
    assert "exp_0002" in wizard.page().cli_equivalent
    assert [choice.value for choice in wizard.page().choices] == ["run", "go"]  # no verdict of another recipe


def test_going_back_alone_changes_nothing(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "smoke", given)
    for _ in ("fit", "hypothesis", "recipe"):
        wizard.back()
    to(wizard, "smoke", given)
    assert wizard.state.experiment == "exp_0001"


def test_another_technique_keeps_the_settings_that_it_has(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "recipe", given)
    wizard.answer("learning_rate=2e-5 num_generations=4")
    wizard.back()
    wizard.back()
    wizard.answer("sft", "to see")
    assert wizard.state.settings == ["learning_rate=2e-5"]
    assert wizard.page().lines[0].startswith("num_generations=4 was taken out: ")


def test_the_trees_questions_are_taken_back_one_by_one(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "advice", given)
    question = wizard.page().question
    wizard.answer(wizard.page().choices[1].value)
    assert wizard.page().question != question
    wizard.back()
    assert (wizard.step, wizard.page().question) == ("advice", question)
    wizard.back()
    assert wizard.step == "log"


def test_a_second_experiment_shows_what_differs_from_its_parent(given: tuple[Path, str, str]) -> None:
    wizard = to(Wizard(given[0]), "end", given)
    wizard.answer("leave")
    again = Wizard(given[0])
    again.restart()
    assert again.steps == EXPERIMENT
    again.state.parent = "exp_0001"
    to(again, "recipe", given)
    again.answer("beta=0.1")
    text = "\n".join(again.page().lines)
    assert "Against exp_0001:" in text
    assert re.search(r"beta: 0\.04 -> 0\.1", text)


def test_the_smoke_run_from_the_wizard(given: tuple[Path, str, str], ws: Any, behave: Behave) -> None:
    wizard = to(Wizard(given[0]), "smoke", given)
    python = ws.config.sections["resources"]["python"]
    draft = wizard.ws.layout.experiment("exp_0001").draft
    recipe = json.loads(draft.read_text())
    recipe["resources"]["python"] = python
    draft.write_text(json.dumps(recipe))
    behave(rollouts=[True, False])
    wizard.answer("run")
    assert "GREEN" in "\n".join(wizard.page().lines)
    wizard.answer("go")
    assert "Smoke run green" in "\n".join(wizard.page().lines)
    behave(rollouts=[False] * 8, scores=[0.0])
    run.run(wizard.ws, "exp_0001")
    page = wizard.page()
    assert "red at no signal" in "\n".join(page.lines)
    assert [c.reason for c in page.choices if c.value == "launch"] == [True]


def test_guessing_is_derived_from_the_answers(tmp_path: Path, ws: Any) -> None:
    data = tmp_path / "choices.jsonl"
    rows = [{"question": f"q{n}", "answer": "ABCD"[n % 4]} for n in range(40)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    wizard = Wizard(tmp_path / "fresh")
    wizard.state.data, wizard.state.verifier = str(data), "choice"
    assert chance_level(wizard)[0] == 0.25
    wizard.state.data, wizard.state.verifier = str(tmp_path / "sums.jsonl"), "exact"
    assert chance_level(wizard)[0] == 0.0


def test_the_plain_terminal(given: tuple[Path, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    said = iter([given[1], "", "", given[2], "", "0", "", "", "2", "5", "99", "", "3", "a toy", "", "it helps", "", "2",
                 "back", "2", "2", ""])  # fmt: skip
    wizard = Wizard(given[0])

    def read(prompt: str) -> str:
        try:
            return next(said)
        except StopIteration:
            raise EOFError from None

    with pytest.raises(KeyboardInterrupt):
        walk(wizard, read)
    shown = capsys.readouterr().out
    for title in ("Your data", "Base model", "Technique", "Literature", "Recipe", "Will it fit", "Smoke run"):
        assert f"== {title}" in shown
    assert Wizard(given[0]).state.experiment == "exp_0001"


def test_as_data_for_scripts(given: tuple[Path, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    given[0].mkdir()
    assert main(["-C", str(given[0]), "wizard", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["step"], told["page"]["title"]) == ("data", "Your data")
    assert set(told["page"]) == {  # what scripts read must not go by another name one day
        "title", "lines", "question", "choices", "default", "optional", "twin", "busy", "picks", "path",
        "confirmed",
    }  # fmt: skip
    assert main(["-C", str(given[0]), "wizard"]) == 2
    assert main(["-C", str(given[0]), "init", "--data", given[1], "--model", given[2], "--verifier", "exact",
                 "--yes", "--json"]) == 0  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert told["advice"]["technique"] == "grpo"


# -- the screen ------------------------------------------------------------------------------------------------------


Screens = AsyncGenerator[Pilot[int]]


@asynccontextmanager
async def screen(root: Path, *, size: tuple[int, int] = (80, 24), ascii_only: bool = False) -> Screens:
    app = CockpitApp(
        LocalBackend(None), glyphs=ASCII if ascii_only else UNICODE, clock=lambda: 0.0, live=False
    )
    async with app.run_test(size=size) as pilot:
        app.push_screen(WizardScreen(app, Wizard(root)))
        await settled(pilot)
        yield pilot


async def settled(pilot: Pilot[int]) -> None:
    """Wait until the wizard's page is there."""

    def at_rest() -> bool:
        at = pilot.app.screen
        return not isinstance(at, WizardScreen) or (at.turn is not None and not at.busy)

    await pilot.pause()
    await drive.until(pilot, at_rest)
    await pilot.pause()


def seen(pilot: Pilot[int]) -> str:
    """The screen as text."""
    width, height = pilot.app.size
    lines = pilot.app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]
    assert len(lines) == height
    text = ["".join(segment.text for segment in strip) for strip in lines]
    assert all(len(row) <= width for row in text)
    return "\n".join(text)


async def type_in(pilot: Pilot[int], text: str) -> None:
    pilot.app.screen.query_one("#line", Input).value = text
    await pilot.press("enter")
    await settled(pilot)


@pytest.mark.ui
@pytest.mark.parametrize(
    ("step", "size", "ascii_only"),
    [*((step, (80, 24), False) for step in (*SETUP, *EXPERIMENT)),
     *((step, (160, 45), True) for step in ("look", "advice", "recipe"))],
)  # fmt: skip
async def test_each_step_can_be_used(
    given: tuple[Path, str, str], step: str, size: tuple[int, int], ascii_only: bool
) -> None:
    """At 80x24 and at home: the step, its question, a way to answer, the keys; in ASCII nothing else is drawn."""
    wizard = to(Wizard(given[0]), step, given)
    wizard.save()
    asked = wizard.page()
    async with screen(given[0], size=size, ascii_only=ascii_only) as pilot:
        text = seen(pilot)
        assert f"{'>' if ascii_only else '▸'} {steps.BY_NAME[step].title}" in text
        assert asked.question[:20] in text
        assert ("enter edit, or go on" if asked.picks else "enter answer") in text
        for number, choice in enumerate(asked.choices[:2], 1):
            assert f" {number}  {choice.label[:20]}" in text
        if ascii_only:
            assert text.isascii()


@pytest.mark.ui
async def test_a_walk_by_keys(given: tuple[Path, str, str]) -> None:
    async with screen(given[0]) as pilot:
        await type_in(pilot, "/nowhere.jsonl")
        assert "there is no such data file" in seen(pilot)
        assert pilot.app.screen.query_one("#line", Input).value == "/nowhere.jsonl"  # to be mended
        await type_in(pilot, given[1])
        assert "120 rows" in seen(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("f2")
        await settled(pilot)
        assert "Is that what you meant?" in seen(pilot)
        await pilot.press("enter")
        await settled(pilot)
        for text in ("", given[2]):
            await type_in(pilot, text)
        assert "Most answers in your data" in seen(pilot)
        await pilot.press(*"exact", "enter")  # replaces what was suggested
        await settled(pilot)
        for text in ("0", ""):
            await type_in(pilot, text)
        assert "1  make the workspace" in seen(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("2", "enter")
        await settled(pilot)
        await pilot.press("1", "5")  # a digit only goes there
        await settled(pilot)
        assert "1  GRPO: best" not in seen(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert "1  GRPO: best" in seen(pilot)
        await pilot.press("down", "down", "enter")
        assert "The reason goes into methodlog.md" in seen(pilot)
        await pilot.press("enter")
        assert "only with a reason" in seen(pilot)
        await pilot.press("escape")
        assert "1  GRPO: best" in seen(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, WizardScreen)
    assert Wizard(given[0]).step == "advice"


@pytest.mark.ui
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_a_setting_is_edited_under_the_cursor(
    given: tuple[Path, str, str], size: tuple[int, int]
) -> None:
    to(Wizard(given[0]), "recipe", given).save()
    async with screen(given[0], size=size) as pilot:

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            await settled(pilot)
            return " ".join(seen(pilot).split())

        names = ["learning_rate", "num_train_epochs", "num_generations", "beta", "peft.r"]
        assert [seen(pilot).index(f"{name} = ") for name in names] == sorted(
            seen(pilot).index(f"{name} = ") for name in names
        )
        text = await press(*["down"] * 6, "enter")
        assert (
            "per_device_train_batch_size: rows a forward pass on each device. Allowed: a whole number, 1 to"
            in text
        )
        assert "From: TRL's default" in text
        text = await press(*"none", "enter")
        assert "per_device_train_batch_size=null" in text
        assert "allowed is a whole number" in text
        assert "esc leave it as it is" in text  # the value is typed again
        text = await press("ctrl+u", *"16", "enter")
        assert "per_device_train_batch_size: 8 -> 16" in text  # beside the line, whatever the list shows
        assert "per_device_train_batch_size = 16 (default 8)" in text
        assert Wizard(given[0]).state.settings == ["per_device_train_batch_size=16"]
        await press("enter", "backspace", "enter")  # the cursor stayed; empty is the default again
        assert Wizard(given[0]).state.settings == []
        await press("enter", "9", "escape")
        assert Wizard(given[0]).state.settings == []
        await press("tab", *"beta=0.1", "enter")
        assert Wizard(given[0]).state.settings == ["beta=0.1"]
        await press(*"seed=7", "enter")  # who types settings goes on typing
        assert Wizard(given[0]).state.settings == ["beta=0.1", "seed=7"]
        await press("up")
        await press(*"seed=8", "enter")  # and a letter begins, wherever the cursor is
        assert Wizard(given[0]).state.settings[-1] == "seed=8"
        assert "Go on with these settings" in seen(pilot)
        await press("enter")
    assert Wizard(given[0]).step == "hypothesis"


@pytest.mark.parametrize(
    ("name", "verifier", "technique"),
    [
        ("gsm8k_test.jsonl", "hashes", "grpo"),
        ("pairs.json", "f1", "dpo"),
        ("labelled.json", "f1", "kto"),
        ("alpaca.json", "f1", "sft"),
        ("tiny", "numeric", "grpo"),
    ],
)
def test_files_of_public_shapes_end_in_their_technique_and_a_recipe(
    given: tuple[Path, str, str], tmp_path: Path, shapes: Path, name: str, verifier: str, technique: str
) -> None:
    """With nothing but enter: the verifier that is suggested, the technique that is advised, a draft."""
    data = task.write_data(tmp_path / "task")["train"] if name == "tiny" else str(shapes / name)
    wizard = Wizard(given[0])
    while wizard.step != "hypothesis":
        page = wizard.page()
        if wizard.step == "verifier":
            assert page.default == verifier
        default = page.choices[0].value if page.choices else page.default
        if wizard.step == "advice" and "=" in default:
            default = "assume"
        answer = {"data": data, "model": given[2], "log": "go", "literature": "skip"}.get(
            wizard.step, default
        )
        wizard.answer(answer, "a test" if answer == "skip" else "")
    wizard.answer("it helps")
    assert wizard.ws.experiment("exp_0001").technique == technique


@pytest.mark.ui
async def test_a_recipe_changed_by_keys_after_steps_back_is_drafted_anew(
    given: tuple[Path, str, str],
) -> None:
    to(Wizard(given[0]), "fit", given)
    async with screen(given[0], size=(160, 45)) as pilot:
        for _ in ("hypothesis", "recipe"):
            await pilot.press("f2")
            await settled(pilot)
        await pilot.press(*"max_steps=20", "enter")
        await settled(pilot)
        assert "! Hypothesis  again" in seen(pilot)
        await pilot.press("enter")  # the line, now empty: go on
        await settled(pilot)
        await pilot.press("enter")  # the hypothesis stands
        await settled(pilot)
        assert "exp_0002 holds what you changed; exp_0001 stays as it was." in seen(pilot)
    assert Wizard(given[0]).state.experiment == "exp_0002"
