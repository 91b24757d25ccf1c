"""How each step of the wizard looks, as SVG. After a change that is meant to be seen:

pytest tests/ui/wizard/test_wizard_snapshots.py --snapshot-update     # then look at the pictures before you commit them
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cockpit.core.recipe.memory import Device
from cockpit.services.recipe import fit
from cockpit.services.smoke import run
from cockpit.services.wizard.page import Page
from cockpit.services.wizard.wizard import Wizard
from cockpit.ui.app import CockpitApp
from cockpit.ui.backend.local import LocalBackend
from cockpit.ui.text.glyphs import UNICODE
from cockpit.ui.wizard.screen import WizardScreen
from tests.core.recipe.test_memory import SMOL
from tests.services.wizard.test_wizard import EXPERIMENT, SETUP, settled, to
from tests.support.standin_workspace import Behave

Given = tuple[Path, str, str]
Compare = Callable[..., bool]
HOW = "meant? `pytest tests/ui/wizard/test_wizard_snapshots.py --snapshot-update`, and look at the pictures"
SMALL, LARGE = (80, 24), (160, 45)
_DAY = re.compile(r"\b20\d\d-\d\d-\d\d\b")
WIDE_TOO = ("look", "advice", "recipe", "fit")


@pytest.fixture(autouse=True)
def _one_terminal(monkeypatch: pytest.MonkeyPatch, ws: Any) -> None:
    Path(ws.config.model, "config.json").write_text(
        json.dumps(SMOL)
    )  # sizes, so that memory can be estimated
    for name in ("NO_COLOR", "COCKPIT_ASCII", "WANDB_API_KEY", "TRACKIO_SPACE_ID", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    memory = Device("this machine's memory", 32 * 10**9, 24 * 10**9)
    monkeypatch.setattr(fit, "here", lambda: ([memory], False))


class StillWizard(Wizard):
    """Its pages name no folder of this machine's and not today."""

    home = ""

    def page(self) -> Page:
        page = super().page()
        lines = tuple(_still(text, self.home) for text in page.lines)
        return replace(
            page,
            lines=lines,
            default=_still(page.default, self.home),
            cli_equivalent=_still(page.cli_equivalent, self.home),
        )


def _still(text: str, home: str) -> str:
    return _DAY.sub("2026-01-05", text.replace(home, "/home/ada"))


def shown(root: Path, home: Path) -> tuple[CockpitApp, Callable[[Pilot[Any]], Any]]:
    """An app, and what opens the wizard in it."""
    app = CockpitApp(LocalBackend(None), glyphs=UNICODE, clock=lambda: 0.0, live=False)
    wizard = StillWizard(root)
    wizard.home = str(home)

    async def before(pilot: Pilot[Any]) -> None:
        app.push_screen(WizardScreen(app, wizard))
        await settled(pilot)

    return app, before


@pytest.mark.ui
@pytest.mark.parametrize(
    ("step", "size"),
    [
        *(pytest.param(step, SMALL, id=f"{step}-80x24") for step in (*SETUP, *EXPERIMENT)),
        *(pytest.param(step, LARGE, id=f"{step}-160x45") for step in WIDE_TOO),
    ],
)
def test_steps(
    snap_compare: Compare,
    given: Given,
    tmp_path: Path,
    step: str,
    size: tuple[int, int],
) -> None:
    wizard = to(Wizard(given[0]), step, given)
    if step == "advice":
        wizard.answer("assume")  # the branches, taken and not taken
    wizard.save()
    app, before = shown(given[0], tmp_path)
    assert snap_compare(app, terminal_size=size, run_before=before), HOW


@pytest.mark.ui
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
@pytest.mark.parametrize("verdict", ["green", "no_signal"])
def test_smoke_verdicts(
    snap_compare: Compare, given: Given, ws: Any, behave: Behave, tmp_path: Path, verdict: str,
    size: tuple[int, int],
) -> None:  # fmt: skip
    wizard = to(Wizard(given[0]), "smoke", given)
    draft = wizard.ws.layout.experiment("exp_0001").draft
    python = ws.config.sections["resources"]["python"]
    draft.write_text(draft.read_text().replace('"python": null', f'"python": "{python}"'))
    behave(
        **({"rollouts": [True, False]} if verdict == "green" else {"rollouts": [False] * 8, "scores": [0.0]})
    )
    run.run(wizard.ws, "exp_0001")
    wizard.save()
    app, before = shown(given[0], tmp_path)
    assert snap_compare(app, terminal_size=size, run_before=before), HOW


@pytest.mark.ui
def test_a_setting_being_edited(snap_compare: Compare, given: Given, tmp_path: Path) -> None:
    to(Wizard(given[0]), "recipe", given).save()
    app, opened = shown(given[0], tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        await pilot.press("down", "down", "enter")
        await settled(pilot)
        await pilot.press(*"0.5", "enter")
        await settled(pilot)

    assert snap_compare(app, terminal_size=SMALL, run_before=before), HOW
