"""A screen is closed while its worker still looks: the answer comes to nobody, and the cockpit goes on."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from cockpit.contract.errors import CockpitError
from cockpit.core.tree.comparing import Axis, Comparison
from cockpit.services.recipe.field_check import DraftFields
from cockpit.services.spotcheck.check import Bench
from cockpit.services.wizard.page import Page
from cockpit.services.wizard.wizard import Wizard
from cockpit.services.workspace.workspace import ExperimentView
from cockpit.ui.backend.summary import Check, SampleFile
from cockpit.ui.compare.screen import CompareScreen
from cockpit.ui.dashboard.screen import Dashboard
from cockpit.ui.experiments.confirm import StopScreen
from cockpit.ui.experiments.decide import DecideScreen
from cockpit.ui.experiments.new_experiment import NewExperimentScreen
from cockpit.ui.findings.screen import FindingsScreen
from cockpit.ui.pages.help import HelpScreen
from cockpit.ui.pages.lists import DoctorScreen, MethodLogScreen
from cockpit.ui.pages.palette import PaletteScreen
from cockpit.ui.pages.worker_screen import WorkerScreen
from cockpit.ui.run.screen import RunScreen
from cockpit.ui.spotcheck.screen import SpotCheckScreen
from cockpit.ui.wizard.screen import WizardScreen
from tests.support.ui.drive import Cockpit, StageBackend, opened
from tests.support.ui.gallery import build
from tests.support.ui.stage import Stage


class HeldBackend(StageBackend):
    """Answers what screens ask in threads only once it is let go."""

    def __init__(self, stage: Stage | None) -> None:
        super().__init__(stage)
        self.asked_for = threading.Event()
        self._let_go = threading.Event()

    def let_go(self) -> None:
        self._let_go.set()

    def hold(self) -> None:
        self.asked_for.set()
        assert self._let_go.wait(180), "nobody let the backend go"

    def doctor(self) -> Sequence[Check]:
        self.hold()
        return super().doctor()

    def compare(self, ids: Sequence[str], axis: Axis) -> Comparison:
        self.hold()
        return super().compare(ids, axis)

    def sample_files(self, view: ExperimentView) -> Sequence[SampleFile]:
        self.hold()
        return super().sample_files(view)

    def log_lines(self, view: ExperimentView) -> Sequence[str]:
        self.hold()
        return super().log_lines(view)

    def check(self, draft: DraftFields) -> Mapping[str, str]:
        self.hold()
        return super().check(draft)

    def spot_bench(self, experiment_id: str | None) -> Bench:
        self.hold()
        raise CockpitError("both sides can't be read", "That is enough of an answer here.")


class HeldWizard(Wizard):
    """Its pages, too."""

    backend: HeldBackend

    def page(self) -> Page:
        self.backend.hold()
        return super().page()


WITH_WORKERS: dict[str, tuple[type[Screen[Any]], Sequence[str]]] = {
    "doctor": (DoctorScreen, ("d",)),
    "compare": (CompareScreen, ("v",)),
    "run_answers": (RunScreen, ("enter", "tab")),
    "run_log": (RunScreen, ("enter", *["tab"] * 5)),
    "spot_check": (SpotCheckScreen, ("x",)),
    "new": (NewExperimentScreen, ("n", "enter")),
    "wizard": (WizardScreen, ()),
}
"""Name -> the screen, the keys that lead there and have its worker look."""
OTHERS: dict[str, tuple[type[Screen[Any]], Sequence[str]]] = {
    "help": (HelpScreen, ("question_mark",)),
    "palette": (PaletteScreen, ("ctrl+p",)),
    "findings": (FindingsScreen, ("f",)),
    "method_log": (MethodLogScreen, ("m",)),
    "decide": (DecideScreen, ("c",)),
}
WORKERS = ("doctor", "compare", "reader", "spot-check", "new", "wizard")


def working() -> list[str]:
    """The threads that still look for a screen."""
    names = {f"cockpit-{name}" for name in WORKERS}
    return [thread.name for thread in threading.enumerate() if thread.name in names]


async def open_screen(cockpit: Cockpit, kind: type[Screen[Any]], keys: Sequence[str]) -> None:
    if kind is WizardScreen:
        assert cockpit.backend.root is not None
        wizard = HeldWizard(cockpit.backend.root)
        wizard.backend = held(cockpit)
        cockpit.app.push_screen(WizardScreen(cockpit.app, wizard))
    await cockpit.press(*keys)
    await cockpit.until(lambda: isinstance(cockpit.screen, kind))


def held(cockpit: Cockpit) -> HeldBackend:
    assert isinstance(cockpit.backend, HeldBackend)
    return cockpit.backend


async def goes_on(cockpit: Cockpit) -> None:
    """The workers are done, nothing went wrong, and keys still do what they say."""
    await cockpit.until(lambda: not working())
    await cockpit.pilot.pause()
    assert isinstance(cockpit.screen, Dashboard)
    assert cockpit.backend.complaints == []
    await cockpit.press("question_mark")
    await cockpit.until("this list of keys")


@pytest.mark.parametrize("name", WITH_WORKERS)
async def test_esc_before_the_answer(tmp_path: Path, name: str) -> None:
    stage = build("finished", tmp_path)
    async with opened(stage, backend=HeldBackend(stage)) as cockpit:
        await open_screen(cockpit, *WITH_WORKERS[name])
        await cockpit.until(held(cockpit).asked_for.is_set)
        await cockpit.press("escape")
        await cockpit.until(lambda: isinstance(cockpit.screen, Dashboard))
        held(cockpit).let_go()
        await goes_on(cockpit)


@pytest.mark.parametrize("name", WITH_WORKERS)
async def test_the_answer_comes_while_the_screen_closes(tmp_path: Path, name: str) -> None:
    stage = build("finished", tmp_path)
    async with opened(stage, backend=HeldBackend(stage)) as cockpit:
        await open_screen(cockpit, *WITH_WORKERS[name])
        await cockpit.until(held(cockpit).asked_for.is_set)
        cockpit.app.pop_screen()
        held(cockpit).let_go()
        await goes_on(cockpit)


@pytest.mark.parametrize("name", OTHERS)
async def test_esc_at_once(tmp_path: Path, name: str) -> None:
    async with opened(build("finished", tmp_path)) as cockpit:
        await open_screen(cockpit, *OTHERS[name])
        await cockpit.press("escape")
        await goes_on(cockpit)


async def test_esc_at_once_before_stopping(tmp_path: Path) -> None:
    async with opened(build("story", tmp_path)) as cockpit:
        await open_screen(cockpit, StopScreen, ("s",))
        await cockpit.press("escape")
        await goes_on(cockpit)


def test_every_screen_with_a_worker_is_among_them() -> None:
    def heirs(kind: type[Any]) -> set[type[Any]]:
        return {heir for child in kind.__subclasses__() for heir in ({child} | heirs(child))}

    listening = {kind for kind in heirs(WorkerScreen) if "answered" in vars(kind)}
    assert {kind for kind, _ in WITH_WORKERS.values()} == {
        kind for kind in listening if kind.__module__.startswith("cockpit.")
    }
