"""The cockpit's application: wiring only. State is in state.py, what actions do in commands.py."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.reactive import Reactive, var
from textual.screen import Screen

from cockpit.ui import leaving, textual_patch
from cockpit.ui.dashboard.screen import Dashboard
from cockpit.ui.live.frames import FrameCap, frames_per_second
from cockpit.ui.messages import (
    ActionFailed,
    ActionSucceeded,
    AllFindingsRead,
    DataArrived,
    DraftMade,
    FindingsRead,
    HardwareRead,
    ReasonWanted,
    ScoreTimed,
    WorkspaceRefreshed,
)
from cockpit.ui.state import CockpitState
from cockpit.ui.text.glyphs import Glyphs, choose

if TYPE_CHECKING:
    from cockpit.ui.backend.protocol import Backend
    from cockpit.ui.commands.dispatch import Commands
    from cockpit.ui.live.feeds import Feeds
    from cockpit.ui.live.poller import Poller

TICK_S = 5.0
"""Seconds between two looks at the clock; ages change their words in steps of 10 s and more."""
SAID_S, FAILED_S = 6.0, 20.0


class CockpitApp(App[int]):
    """Screens on one workspace. `clock` gives epoch seconds, `fps` caps how often live data redraw the screen."""

    TITLE = "cockpit"
    ENABLE_COMMAND_PALETTE = False
    """Ours is made of the one table of actions, and can be drawn in ASCII."""
    BINDINGS: ClassVar = []
    CSS = """
    Toast { width: 60; max-width: 90%; padding: 0 1; }
    CockpitApp.-ascii Toast { border-left: ascii ansi_default; }
    * { link-background: transparent; link-style: none; link-background-hover: transparent;
        link-style-hover: underline; link-color: ansi_default; link-color-hover: ansi_default; }
    """

    theme = Reactive("ansi-dark", init=False)
    """The terminal's own 16 colours. Set here, not in `__init__`: a change would parse all styles and paint twice."""
    revision = var(0, init=False)
    """Grows when something on screen may have to change; panels watch it and look at their own topics."""

    def __init__(
        self,
        backend: Backend,
        *,
        glyphs: Glyphs | None = None,
        clock: Callable[[], float] = time.time,
        fps: float | None = None,
        live: bool = True,
    ) -> None:
        super().__init__()
        self.animation_level = "none"
        self.backend = backend
        self.glyphs = glyphs or choose()
        self.clock = clock
        self.state = CockpitState(now=clock())
        self.cap = FrameCap(fps or frames_per_second())
        self.set_class(self.glyphs.ascii, "-ascii")
        self.has_terminal = False
        self.wizard_root: Path | None = None
        """Where the wizard works, where that is asked for from the start."""
        self.live = live
        """False in tests that look at the workspace themselves."""
        self._commands: Commands | None = None
        self.first_theme: str | None = None
        """What somebody chose before it began; None keeps the terminal's own colours."""
        self.watched: str | None = None
        """Whose runs to look at next, where there is no workspace."""

    @property
    def shown_theme(self) -> str:
        """The name of the theme that is drawn."""
        return self.theme

    def use_theme(self, name: str) -> None:
        """Draw in the colours of a theme: the terminal's own, or Textual's with status colours that can be read."""
        from cockpit.ui.text import themes

        theme = self.available_themes[name]
        colours = themes.terminal_theme(theme)
        if colours is not None:
            setattr(self, "ansi_theme_dark" if theme.dark else "ansi_theme_light", colours)
        self.theme = name

    def get_default_screen(self) -> Screen[None]:
        return Dashboard(self)

    @property
    def commands(self) -> Commands:
        from cockpit.ui.commands.dispatch import Commands

        if self._commands is None:
            self._commands = Commands(self)
        return self._commands

    @cached_property
    def feeds(self) -> Feeds:
        from cockpit.ui.live.feeds import Feeds

        return Feeds(self.backend, self.state, self._wake)

    @cached_property
    def poller(self) -> Poller:
        from cockpit.ui.live.poller import Poller

        return Poller(self.backend, self.post_message, lambda: self.state.shown)

    def run(self, *arguments: Any, **options: Any) -> int | None:
        """Run in the process's own terminal: its end, and signals, are the app's end, and then the process's."""
        self.has_terminal = True
        return super().run(*arguments, **options)

    def on_mount(self) -> None:
        self.set_interval(TICK_S, self._tick)
        if self.first_theme is not None:
            self.use_theme(self.first_theme)
        if self.has_terminal:
            leaving.heed_signals(self.exit)
        if self.live:
            self.call_after_refresh(lambda: self.poller.start())
        if self.wizard_root is not None:
            self.call_after_refresh(lambda: self.commands.act("wizard"))

    def on_unmount(self) -> None:
        """However it ended, no thread goes on reading for it."""
        if "feeds" in self.__dict__:
            self.feeds.close()
        if "poller" in self.__dict__:
            self.poller.stop()

    # -- facts ---------------------------------------------------------------------------------------------------

    def on_workspace_refreshed(self, message: WorkspaceRefreshed) -> None:
        self.state.now = self.clock()
        if self.state.see(message.snapshot):
            self.follow_shown()

    def on_hardware_read(self, message: HardwareRead) -> None:
        self.state.hardware = message.hardware
        self.state.touch("hardware")
        self.changed()

    def on_findings_read(self, message: FindingsRead) -> None:
        self.state.findings[message.experiment_id] = message.findings
        self.state.touch("findings")
        self.changed()

    def on_all_findings_read(self, message: AllFindingsRead) -> None:
        self.state.findings |= message.findings
        self.state.touch("findings")
        self.changed()

    def on_data_arrived(self, message: DataArrived) -> None:
        wait = self.cap.ask(time.monotonic())
        if wait == 0:
            self._draw_data()
        elif wait is not None:
            self.set_timer(wait, self._draw_data)

    def on_action_succeeded(self, message: ActionSucceeded) -> None:
        self._done(message.experiment_id)
        self.say(message.text)

    def on_draft_made(self, message: DraftMade) -> None:
        self.state.see(message.snapshot)
        self._done(message.of)
        self.select(message.experiment_id)
        self.commands.act("open")
        self.say(f"{message.experiment_id} is a draft: l launches it.")

    def on_action_failed(self, message: ActionFailed) -> None:
        self._done(message.experiment_id)
        self.say(message.title, message.fix, bad=True)

    def on_score_timed(self, message: ScoreTimed) -> None:
        self._done(message.experiment_id)
        self.commands.services.ask_score(message)

    def on_reason_wanted(self, message: ReasonWanted) -> None:
        self._done(message.experiment_id)
        self.commands.services.ask_reason(message)

    # -- what the parts of the screen ask for ----------------------------------------------------------------------

    def action_do(self, action_id: str) -> None:
        """Every key, click and palette entry ends here."""
        self.commands.do(action_id)

    def select(self, experiment_id: str | None) -> None:
        """Move the selection: charts, log and findings follow unless one is pinned."""
        if self.state.select(experiment_id):
            self.follow_shown()
            self.poller.poke()

    def follow_shown(self) -> None:
        """Tail what is on screen, and redraw."""
        snapshot = self.state.snapshot
        if snapshot is not None:
            wanted = dict.fromkeys([self.state.shown_id, *self.state.marked])
            self.feeds.show([view for id_ in wanted if (view := snapshot.view(id_)) is not None])
        self.changed()

    def changed(self) -> None:
        """Something in the state changed: let the panels look."""
        self.revision += 1
        screen = self.screen_stack[0] if self.screen_stack else None
        if isinstance(screen, Dashboard) and screen.is_mounted:
            screen.refresh_places()

    def say(self, title: str, fix: str = "", *, bad: bool = False) -> None:
        """A sentence that goes away by itself; what went wrong stays longer and says what to do."""
        from cockpit.core.safe_text import clean

        shown = {(one.title, one.message) for one in self._notifications}
        if ((clean(title) if fix else ""), clean(fix or title)) in shown:
            return  # it stands there already: a key that is held fills no screen
        self.notify(clean(fix or title), title=clean(title) if fix else "", markup=False,
                    severity="error" if bad else "information", timeout=FAILED_S if bad else SAID_S)  # fmt: skip

    def refresh_soon(self) -> None:
        """Have the workspace read now rather than at the next interval."""
        self.poller.poke()

    def look_at(self, place: str) -> None:
        """Leave, for screens on the runs that others made at `place`."""
        self.watched = place
        self.exit(0)

    def leave(self) -> None:
        self.exit(0)

    def suspend_to_shell(self) -> None:
        self.action_suspend_process()

    def _handle_exception(self, error: Exception) -> None:
        """A fault of our own: the traceback goes to the log, a sentence to the terminal. Tests see it raised."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        kept = self.backend.complain(error)
        where = f" The traceback is in {kept}." if kept else ""
        self.exit(
            1, return_code=1, message=f"cockpit: it ended on a fault of its own ({error}); runs go on.{where}"
        )

    # -- inside --------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self.post_message(DataArrived())

    def _draw_data(self) -> None:
        self.cap.drawn(time.monotonic())
        self.feeds.drain()
        self.state.now = self.clock()
        self.state.touch("clock")
        self.changed()

    def _tick(self) -> None:
        if self.has_terminal:
            leaving.leave_the_gone(self.exit)
        self.state.now = self.clock()
        self.state.touch("clock")
        self.changed()

    def _done(self, experiment_id: str | None) -> None:
        if experiment_id is not None:
            self.state.busy.pop(experiment_id, None)
            self.state.touch("selection")
        self.poller.poke()
        self.changed()


def themed(app: CockpitApp, env: Mapping[str, str] = os.environ) -> CockpitApp:
    """Put the theme on that the environment asks for. Raises CockpitError for one that there is not."""
    if env.get("COCKPIT_THEME"):
        from cockpit.ui.text import themes

        app.first_theme = themes.chosen(env)
    return app


def run(
    workspace_root: Path | None,
    *,
    select: str | None = None,
    wizard: Path | None = None,
    watch: Callable[[str], int] | None = None,
) -> int:
    """Open the screens on a workspace (None: on what else is here) and give the exit code.

    `watch` opens the screens on runs that others made, where one of them was chosen.
    """
    from cockpit.ui.backend.local import LocalBackend

    textual_patch.install()
    app = themed(CockpitApp(LocalBackend(workspace_root)))
    if select is not None:
        app.state.select(select)
    app.wizard_root = wizard
    code = app.run()
    if app.watched is not None and watch is not None:
        return watch(app.watched)
    running = (
        [v.id for v in app.state.snapshot.experiments if v.status == "running"] if app.state.snapshot else []
    )
    if running:
        print(
            f"{', '.join(running)}: still running. `cockpit` opens the screens again, `cockpit status` looks once."
        )
    return code or os.EX_OK
