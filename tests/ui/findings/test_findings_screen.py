"""Enter acts on the finding that was under the cursor, whatever was read anew since it was painted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.core.findings import Finding
from cockpit.ui.findings.screen import FindingActionsScreen, FindingsScreen
from cockpit.ui.run.screen import RunScreen
from cockpit.ui.widgets.line_view import LineView
from tests.support.ui.drive import Cockpit, opened
from tests.support.ui.stage import Stage

pytestmark = pytest.mark.ui
FALLEN = Finding(
    "mid-eval-regression", "warn", "the mini-eval fell", (), "stop it", "source", ("exp_0001",), 20
)
STALLED = Finding("stalled-run", "alarm", "it stalls", (), "look at the log", "source", ("exp_0001",))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "ws")
    made.story(running=False)
    return made


async def with_findings_open(cockpit: Cockpit, *found: Finding) -> None:
    """Open the findings, wait for those of every run, then let these be what is said of exp_0001."""
    cockpit.app.state.findings.clear()
    await cockpit.pilot.press("f")
    state = cockpit.app.state
    assert state.snapshot is not None
    ran = {view.id for view in state.snapshot.experiments if view.attempt_dir is not None}
    await cockpit.until(lambda: ran <= state.findings.keys())
    state.findings["exp_0001"] = found
    state.touch("findings")
    cockpit.app.changed()
    await cockpit.until(found[0].headline)


async def test_enter_acts_on_the_finding_under_the_cursor_though_the_list_changed(stage: Stage) -> None:
    async with opened(stage, select="exp_0001") as cockpit:
        await with_findings_open(cockpit, FALLEN)
        body = cockpit.app.screen.query_one("#body", LineView)
        assert body.cursor in [finding.key for finding in cockpit.app.state.all_findings()]
        body.select_key(FALLEN.key)
        # Read anew, a graver one in front, and not painted yet: the place of the old one is another's now.
        cockpit.app.state.findings["exp_0001"] = (STALLED, FALLEN)
        screen = cockpit.app.screen
        assert isinstance(screen, FindingsScreen)
        screen.do_open()
        await cockpit.pilot.pause()
        offered = cockpit.app.screen
        assert isinstance(offered, FindingActionsScreen)
        assert offered.finding == FALLEN


async def test_a_draft_with_the_change_is_offered_made_and_opened(stage: Stage) -> None:
    async with opened(stage, select="exp_0001") as cockpit:
        await with_findings_open(cockpit, replace(FALLEN, change={"learning_rate": 1e-5}))
        assert "enter offers a draft with learning_rate = 1e-05" in cockpit.text
        await cockpit.pilot.press("enter")
        await cockpit.until("1     draft with learning_rate = 1e-05")
        await cockpit.pilot.press("1")
        await cockpit.until(lambda: isinstance(cockpit.app.screen, RunScreen))
        assert cockpit.backend.asked == [("new_from", FALLEN.key)]
        assert cockpit.app.state.selected == "exp_0002"
        assert cockpit.app.state.busy == {}


async def test_a_finding_that_is_gone_offers_nothing(stage: Stage) -> None:
    async with opened(stage, select="exp_0001") as cockpit:
        await with_findings_open(cockpit, FALLEN)
        cockpit.app.screen.query_one("#body", LineView).select_key(FALLEN.key)
        cockpit.app.state.findings["exp_0001"] = (STALLED,)
        screen = cockpit.app.screen
        assert isinstance(screen, FindingsScreen)
        screen.do_open()
        await cockpit.pilot.pause()
        assert cockpit.app.screen is screen


async def test_one_key_is_shown_once(stage: Stage) -> None:
    async with opened(stage, select="exp_0001") as cockpit:
        graver = Finding("mid-eval-regression", "alarm", "it fell to nothing", experiments=("exp_0001",))
        cockpit.app.state.findings["exp_0001"] = (FALLEN, graver)
        shown = [f for f in cockpit.app.state.shown_findings() if f.key == FALLEN.key]
        assert shown == [graver]
        assert cockpit.app.state.finding(FALLEN.key) == graver
        assert cockpit.app.state.finding("no-such-rule:") is None


async def test_findings_of_every_run_are_listed_whatever_is_selected(stage: Stage) -> None:
    async with opened(stage, select="exp_0000") as cockpit:
        await with_findings_open(cockpit, FALLEN)
        assert "warning: the mini-eval fell (exp_0001)" in cockpit.text
        assert FALLEN not in cockpit.app.state.shown_findings(), "the dashboard keeps to what is shown"
