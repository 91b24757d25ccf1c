"""Drives the cockpit on a stage, at a frozen time: press keys, wait for conditions (never for time), read the screen.

async with opened(stage) as cockpit:
    await cockpit.press("j")
    await cockpit.until("exp_0001 SFT")
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from cockpit.contract.errors import GateClosed
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.services.recipe.field_check import DraftFields
from cockpit.services.workspace.workspace import ExperimentView
from cockpit.ui import textual_patch
from cockpit.ui.app import CockpitApp
from cockpit.ui.backend.local import LocalBackend
from cockpit.ui.backend.summary import Check, GpuLine, Hardware
from cockpit.ui.text.glyphs import ASCII, UNICODE
from tests.support.attempts import PATIENCE_S
from tests.support.ui.stage import Stage
from tests.support.ui.tty import TtyDriver

SMALL, LARGE = (80, 24), (160, 45)
HARDWARE = Hardware(cpu=40, memory_used=3.2, memory_total=24.0, trainer=0.7)
GPU_BOX = Hardware(cpu=10, memory_used=31.5, memory_total=256.0, trainer=12.4, disk_free=8.5, gpus=(
    GpuLine("H100", 90, 61.0, 80.0, 65, 550), GpuLine("H100", 0, 1.0, 80.0, 35, 90)))  # fmt: skip
CHECKS = (
    Check("python", "ok", "Python 3.11.9"),
    Check("gpu", "warn", "no GPU: training runs on the CPU", "Take a small model, or a machine with a GPU."),
    Check("disk", "fail", "1.2 GB left in /data", "Checkpoints need room: free some."),
)


class StageBackend(LocalBackend):
    """The real services on a stage's files, at the stage's time, on a machine that always looks the same.

    What would start or stop processes is written down in `asked` instead, and answered with `answers`.
    """

    def __init__(self, stage: Stage | None, *, hardware: Hardware = HARDWARE) -> None:
        super().__init__(stage.root if stage else None, clock=(lambda: stage.now) if stage else time.time)
        self.fixed = hardware
        self.asked: list[tuple[Any, ...]] = []
        self.fails: dict[str, Exception] = {}
        """What an action is refused with, by its name."""
        self.complaints: list[BaseException] = []

    def hardware(self, view: ExperimentView | None) -> Hardware:
        return self.fixed

    def doctor(self) -> Sequence[Check]:
        self._ask("doctor")
        return CHECKS

    def launch(self, experiment_id: str, reason: str | None = None) -> str:
        return self._ask("launch", experiment_id, reason)

    def resume(self, experiment_id: str) -> str:
        return self._ask("resume", experiment_id)

    def stop(self, experiment_id: str, *, now: bool) -> str:
        return self._ask("stop", experiment_id, now)

    timed: float | None = None
    """Seconds that a held-out pass takes."""

    def score_time(self, experiment_id: str) -> float | None:
        return self.timed

    def score(self, experiment_id: str) -> str:
        return self._ask("score", experiment_id)

    def decide(self, experiment_id: str, status: str, reason: str, although: str | None = None) -> str:
        return self._ask("decide", experiment_id, status, reason, *([although] if although else []))

    def new(self, draft: DraftFields) -> str:
        self._ask("new", draft)
        return "exp_0001"

    def new_from(self, finding: str) -> str:
        self._ask("new_from", finding)
        return "exp_0002"

    def check(self, draft: DraftFields) -> Mapping[str, str]:
        return {"data": str(self.fails["check"])} if "check" in self.fails else {}

    def complain(self, error: BaseException) -> Path | None:
        self.complaints.append(error)
        return None

    def _ask(self, what: str, *about: Any) -> str:
        self.asked.append((what, *about))
        fails = self.fails.get(what)
        if fails is not None and not (isinstance(fails, GateClosed) and about[-1]):
            raise fails  # a reason opens a gate
        return f"{what} was asked for"


class Cockpit:
    """A running app under a pilot."""

    def __init__(self, app: CockpitApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def backend(self) -> StageBackend:
        assert isinstance(self.app.backend, StageBackend)
        return self.app.backend

    @property
    def screen(self) -> Screen[Any]:
        return self.app.screen

    @property
    def rows(self) -> list[str]:
        """What the terminal would show, a string a row."""
        return rows_of(self.app)

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, what: str | Callable[[], object], *, gone: bool = False) -> None:
        """Wait until the screen holds (or, `gone`, no longer holds) some words, or a condition is true."""
        holds: Callable[[], object] = (lambda: what in self.text) if isinstance(what, str) else what
        await until(self.pilot, holds, gone=gone, says=lambda: f"{what!r}\n{self.text}")

    async def ready(self) -> None:
        await ready(self.pilot)


async def until(
    pilot: Pilot[Any], holds: Callable[[], object], *, gone: bool = False, says: Callable[[], str] = str
) -> None:
    """Let the app work until a condition is true."""
    end = time.monotonic() + PATIENCE_S
    while bool(holds()) is gone:
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE_S:.0f} s: {says()}")
        await pilot.pause()
        await asyncio.sleep(0.01)


async def still(pilot: Pilot[Any]) -> None:
    """Let the app work until the screen stays as it is: what a slow machine has yet to read comes first."""
    app, seen, same = pilot.app, [""], 0
    assert isinstance(app, CockpitApp)
    while same < 5:
        await pilot.pause()
        await asyncio.sleep(0.02)
        rows = rows_of(app)
        same = same + 1 if rows == seen else 0
        seen = rows


def rows_of(app: CockpitApp) -> list[str]:
    """The screen in front (with what lies over it), a string a row."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def ready(pilot: Pilot[Any]) -> None:
    """Until everything that the first screen waits for has been read and drawn."""
    app = pilot.app
    assert isinstance(app, CockpitApp)
    await until(pilot, lambda: app.state.snapshot is not None)
    if app.state.snapshot is not None and app.state.snapshot.experiments:
        app.poller.poke()  # the second look would come a second later
        await until(pilot, lambda: app.state.hardware is not None)
        await until(pilot, lambda: app.state.shown_id in app.state.findings)
    await until(pilot, lambda: is_read(app))
    await pilot.pause()


def is_read(app: CockpitApp) -> bool:
    """Whether the followers have told all that stands in the files of the runs on screen."""
    snapshot = app.state.snapshot
    views = [snapshot.view(id_) for id_ in (app.state.shown_id, *app.state.marked)] if snapshot else []
    return all(_is_told(app, view) for view in views if view is not None)


def _is_told(app: CockpitApp, view: ExperimentView) -> bool:
    run = app.state.live.get(view.id)
    if view.attempt_dir is None:
        return True
    attempt = AttemptLayout(view.attempt_dir)
    times = [
        row["time"] for file in (attempt.events, attempt.metrics) for row in read_rows(file) if "time" in row
    ]
    lines = attempt.log.read_bytes().count(b"\n") if attempt.log.exists() else 0
    return run is not None and run.last_time == max(times, default=None) and run.log_count == lines


def cockpit_app(
    stage: Stage | None,
    *,
    select: str | None = None,
    ascii: bool = False,
    hardware: Hardware = HARDWARE,
    backend: StageBackend | None = None,
) -> CockpitApp:
    """The app on a stage (None: where there is no workspace), its clock frozen."""
    app = CockpitApp(
        backend or StageBackend(stage, hardware=hardware),
        glyphs=ASCII if ascii else UNICODE,
        clock=lambda: stage.now if stage else 0.0,
        fps=30,
    )
    if select is not None:
        app.state.select(select)
    return app


@asynccontextmanager
async def opened(
    stage: Stage | None, *, size: tuple[int, int] = SMALL, tty: bool = False, **options: Any
) -> AsyncGenerator[Cockpit, None]:
    """A cockpit on `stage`, ready: looked at, laid out, drawn. With `tty` every byte is written and kept."""
    app = cockpit_app(stage, **options)
    if tty:
        textual_patch.install()
        app.driver_class = TtyDriver
    async with app.run_test(headless=not tty, size=size, notifications=True) as pilot:
        cockpit = Cockpit(app, pilot)
        await cockpit.ready()
        yield cockpit
