"""The dialogs, the palette, the pages and the form for a new experiment."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from cockpit.contract.errors import CockpitError
from cockpit.services.recipe.field_check import DraftFields
from cockpit.ui import actions
from cockpit.ui.dashboard.screen import Dashboard
from cockpit.ui.experiments.new_experiment import NewExperimentScreen
from cockpit.ui.widgets.form import ChoiceRow
from cockpit.ui.wizard.screen import WizardScreen
from tests.support.ui.drive import LARGE, SMALL, opened
from tests.support.ui.gallery import build

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])


# -- palette -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["ctrl+p", "colon"])
async def test_the_palette_finds_and_does(tmp_path: Path, key: str) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press(key, *"end the run")
        await cockpit.until("stop ")
        await cockpit.press("enter")
        await cockpit.until("Stop exp_0002")
        await cockpit.press("escape", "ctrl+p", *"zzzz")
        await cockpit.until("no action holds these words")
        await cockpit.press("enter")
        await cockpit.press("escape")
        assert isinstance(cockpit.screen, Dashboard)


async def test_the_palette_moves_with_the_arrows(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("ctrl+p", *"screens", "ctrl+u", *"machine", "down", "up", "enter")
        await cockpit.until("▸ Doctor")


# -- commit, discard ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("down", "status"), [(0, "committed"), (1, "discarded")])
async def test_a_decision_needs_its_reason(tmp_path: Path, down: int, status: str) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        await cockpit.press("c")
        await cockpit.until("Decide on exp_0002")
        assert "Gained 0.485" in cockpit.text
        await cockpit.press("enter")
        await cockpit.until("A decision needs its reason")
        await cockpit.press(*"all of it", *["down"] * down, "enter")
        await cockpit.until("decide was asked for")
        assert cockpit.backend.asked == [("decide", "exp_0002", status, "all of it")]


async def test_one_dialog_commits_what_speaks_against_it(tmp_path: Path) -> None:
    stage = build("story", tmp_path)
    stage.score(stage.layout.experiment("exp_0001").attempt(1), passed=10, n=200, parsed=40)
    async with opened(stage, select="exp_0001") as cockpit:
        await cockpit.press("c")
        await cockpit.until("A regression")
        assert "Why, all the same?" in cockpit.text
        await cockpit.press(*"a step on the way", "down", "enter")
        await cockpit.until("decide was asked for")
        said = "a step on the way"
        assert cockpit.backend.asked == [("decide", "exp_0001", "committed", said, said)]


@pytest.mark.parametrize(
    ("stage", "select", "key", "allowed"),
    [
        ("draft", "exp_0001", "s", "l launches it"),
        ("draft", "exp_0001", "e", "l launches it"),
        ("story", "exp_0002", "c", "s stops it"),
    ],
)
async def test_a_key_that_can_do_nothing_names_one_that_can(
    tmp_path: Path, stage: str, select: str, key: str, allowed: str
) -> None:
    async with opened(build(stage, tmp_path), select=select) as cockpit:
        await cockpit.press(key)
        await cockpit.until(allowed)
        assert "resumes" not in cockpit.text
        assert cockpit.backend.asked == []


async def test_a_decision_can_be_put_off(tmp_path: Path) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        await cockpit.press("c", *"never", "escape")
        assert isinstance(cockpit.screen, Dashboard)
        assert cockpit.backend.asked == []


# -- a new experiment --------------------------------------------------------------------------------------------------


@SIZES
async def test_the_form_makes_a_draft(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("decided", tmp_path), size=size) as cockpit:
        await cockpit.press("n")
        await cockpit.until("New experiment")
        assert isinstance(cockpit.screen, NewExperimentScreen)
        await cockpit.press(
            "right", "tab", "right", "tab", "tab", "tab", *"longer", "tab", *"max_steps=200 peft.r=16"
        )
        await cockpit.press("enter")
        await cockpit.until(lambda: cockpit.backend.asked)
        draft = cockpit.backend.asked[0][1]
        assert draft == DraftFields(
            cockpit.backend.techniques()[1], "longer", "exp_0002", "", ("max_steps=200", "peft.r=16"), False
        )
        await cockpit.until("exp_0001 is a draft: l launches it")


async def test_what_a_short_name_stands_for_is_said_below_the_settings(tmp_path: Path) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        await cockpit.press("n")
        await cockpit.until("New experiment")
        cockpit.app.screen.query_one("#settings", Input).value = "lr=1e-5 max_steps=20 bs=4"
        await cockpit.until("lr is learning_rate; bs is per_device_train_batch_size")
        cockpit.app.screen.query_one("#settings", Input).value = "max_steps=20"
        await cockpit.until(lambda: "learning_rate" not in cockpit.text)


async def test_what_is_wrong_stands_below_its_field_and_has_the_focus(tmp_path: Path) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        cockpit.backend.fails["check"] = CockpitError(
            "it isn't JSON", "Mend the line.", file="train.jsonl", line=3
        )
        await cockpit.press("n", "enter")
        await cockpit.until("train.jsonl:3: it isn't JSON. Mend the line.")
        assert cockpit.app.focused is not None
        assert cockpit.app.focused.id == "data"
        del cockpit.backend.fails["check"]
        cockpit.backend.fails["new"] = CockpitError("the held-out set overlaps", "Take other data.")
        await cockpit.press("enter")
        await cockpit.until("the held-out set overlaps. Take other data.")
        await cockpit.press("escape")
        assert isinstance(cockpit.screen, Dashboard)


async def test_after_a_discard_the_next_hypothesis_branches_from_the_parent(tmp_path: Path) -> None:
    stage = build("finished", tmp_path)
    stage.decide("exp_0002", "discarded", "no better")
    async with opened(stage) as cockpit:
        assert cockpit.app.state.selected == "exp_0002"
        await cockpit.press("n")
        await cockpit.until("New experiment")
        assert cockpit.app.screen.query_one("#parent", Input).value == "exp_0000"


async def test_the_wizard_is_one_key_away_from_the_form(tmp_path: Path) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        await cockpit.press("n")
        await cockpit.until("f2 wizard")
        await cockpit.press("f2")
        await cockpit.until(lambda: isinstance(cockpit.screen, WizardScreen))
        await cockpit.until("What the log says")
        await cockpit.press("escape")
        assert isinstance(cockpit.screen, Dashboard)


async def test_in_an_empty_workspace_the_baseline_comes_first(tmp_path: Path) -> None:
    async with opened(build("empty", tmp_path)) as cockpit:
        await cockpit.press("n")
        await cockpit.until("[baseline]")
        await cockpit.press("enter")
        await cockpit.until(lambda: cockpit.backend.asked)
        assert cockpit.backend.asked[0][1].technique == "baseline"


# -- pages -------------------------------------------------------------------------------------------------------------


@SIZES
async def test_help_scrolls_and_filters(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("story", tmp_path), size=size) as cockpit:
        await cockpit.press("question_mark")
        await cockpit.until("▸ Help")
        await cockpit.press("slash", *"checkpoint")
        await cockpit.until("cockpit stop")
        assert "down a line" not in cockpit.text
        await cockpit.press("enter", "escape")
        await cockpit.until("this list of keys")
        await cockpit.press("pagedown")
        await cockpit.until("down a line")
        await cockpit.press("G")
        await cockpit.until("The mouse works")
        await cockpit.press("escape")
        assert isinstance(cockpit.screen, Dashboard)


async def test_the_method_log_opens_at_its_end_and_is_shown_whole(tmp_path: Path) -> None:
    stage = build("finished", tmp_path)
    path = stage.layout.methodlog
    path.write_text(path.read_text() + "".join(f"- note · number {n}\n" for n in range(60)))
    async with opened(stage) as cockpit:
        await cockpit.press("m")
        await cockpit.until("number 59")
        await cockpit.press("g")
        await cockpit.until("# Method log")
        assert "9f2c6c1b7d2e4a10" in cockpit.text


async def test_the_doctor_says_what_and_how_to_mend_it(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("d")
        await cockpit.until("FAIL  disk: 1.2 GB left in /data")
        assert "Checkpoints need room: free some." in cockpit.text
        assert "warn  gpu: no GPU" in cockpit.text


async def test_a_doctor_that_fails_says_so(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        cockpit.backend.fails["doctor"] = ValueError("no /proc")
        await cockpit.press("d")
        await cockpit.until("the checks could not be made: no /proc")


@SIZES
async def test_findings_with_their_evidence(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("story", tmp_path), size=size, select="exp_0001") as cockpit:
        assert cockpit.app.state.shown_findings(), "the SFT that unlearned the format is found"
        await cockpit.press("f")
        finding = cockpit.app.state.shown_findings()[0]
        await cockpit.until(finding.rule)
        await cockpit.until(" ".join(finding.headline.split()[:4]))


@pytest.mark.parametrize("key", [action.keys.split(",")[0] for action in actions.in_scope(actions.LIST)])
async def test_no_key_does_harm_on_a_page(tmp_path: Path, key: str) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await cockpit.press("m", key)
        await cockpit.pilot.pause()
        assert not cockpit.backend.asked
        assert not cockpit.backend.complaints


@SIZES
async def test_slash_lists_every_setting_and_enter_takes_one(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(build("decided", tmp_path), size=size) as cockpit:
        await cockpit.press("n")
        await cockpit.until("New experiment")
        cockpit.app.screen.query_one("#technique", ChoiceRow).value = "grpo"
        await cockpit.press("slash")
        await cockpit.until("GRPO takes")
        assert cockpit.text.index("learning_rate") < cockpit.text.index("num_generations")
        await cockpit.press(*"sequence level")
        await cockpit.until("one of token, sequence")
        await cockpit.press("enter")
        await cockpit.until("importance_sampling_level=")
        await cockpit.press(*"sequence")
        field = cockpit.app.screen.query_one("#settings", Input)
        assert field.value == "importance_sampling_level=sequence"
        await cockpit.press(*" chat_template_path=a/b")
        assert field.value.endswith("=a/b")


async def test_a_technique_without_a_trainer_of_trl_says_so(tmp_path: Path) -> None:
    async with opened(build("decided", tmp_path)) as cockpit:
        await cockpit.press("n")
        await cockpit.until("New experiment")
        cockpit.app.screen.query_one("#technique", ChoiceRow).value = "baseline"
        await cockpit.press("slash")
        await cockpit.until("no settings of TRL's")
