"""The screens on other people's runs: what can't be done is not offered, and what a callback answers is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cockpit.contract import AttemptWriter, atomic, control
from cockpit.contract.hf.process import machine, own_start_time
from cockpit.contract.layout import TRAINER_FOLDER, AttemptLayout
from cockpit.services.foreign import find
from cockpit.services.foreign.mirror import Mirror
from cockpit.ui import textual_patch
from cockpit.ui.app import CockpitApp
from cockpit.ui.watched import WatchingBackend
from tests.services.foreign.test_sources import trainer_state
from tests.support.ui.drive import SMALL, rows_of, until

pytestmark = pytest.mark.ui


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "out"


def app_on(place: Path) -> tuple[CockpitApp, Mirror]:
    textual_patch.install()
    mirror = Mirror(find(str(place)), str(place))
    mirror.poll()
    return CockpitApp(WatchingBackend(mirror.root, str(place))), mirror


def text(app: CockpitApp) -> str:
    return "\n".join(rows_of(app))


async def test_moves_are_not_offered_and_are_refused_in_a_sentence(place: Path) -> None:
    trainer_state(place, 5)
    app, mirror = app_on(place)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, lambda: "loss 0.4" in text(app))
        foot = rows_of(app)[-1]
        assert "? help" in foot
        assert [word for word in (" new", " stop", " resume", " score", " commit") if word in foot] == []
        await pilot.press("n")
        await until(pilot, lambda: "only looked at from here" in text(app))
    mirror.close()


async def test_a_run_with_our_callback_is_asked_to_stop(place: Path) -> None:
    layout = AttemptLayout(place / TRAINER_FOLDER)
    out = AttemptWriter(layout.root)
    out.stage("training")
    out.metrics(1, {"loss": 1.0})
    here = machine()
    atomic.write_json(
        layout.recipe, {"v": 1, "technique": "sft", "hypothesis": "mine", "watched": {"kind": "attempt"}}
    )
    atomic.write_json(
        layout.process,
        {
            "host": here.host,
            "boot_id": here.boot_id,
            "pid_namespace": here.pid_namespace,
            "trainer": {"pid": os.getpid(), "start_time": own_start_time()},
        },
    )
    app, mirror = app_on(place)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, lambda: " stop" in rows_of(app)[-1])
        assert " new" not in rows_of(app)[-1]
        await pilot.press("s")
        await until(pilot, lambda: "write a checkpoint, end" in text(app))
        await pilot.press("g")
        await until(pilot, lambda: [request.name for request in control.pending(layout)] == ["stop"])
    mirror.close()
