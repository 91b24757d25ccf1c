"""What each action does. Services run in threads; what they say comes back as a message."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widget import Widget

from cockpit.contract.errors import CockpitError, GateClosed
from cockpit.ui.messages import ActionFailed, ActionSucceeded, ReasonWanted
from cockpit.ui.text import status_style
from cockpit.ui.widgets.charts_pane import ChartsPane
from cockpit.ui.widgets.line_view import LineView

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.app import CockpitApp

SMOOTHING = (0.0, 0.6, 0.9, 0.98)


class Commands:
    """One method an action of the registry, unless the screen in front has its own."""

    def __init__(self, app: CockpitApp) -> None:
        self.app = app

    def do(self, action_id: str) -> None:
        """Carry out an action: `do_<id>` of the screen in front, else the method of that name here."""
        method = getattr(self.app.screen, f"do_{action_id}", None) or getattr(self, action_id, None)
        if method is not None:
            method()

    # -- moving --------------------------------------------------------------------------------------------------

    def _list(self) -> LineView | ChartsPane | None:
        focused: Widget | None = self.app.focused
        if isinstance(focused, LineView | ChartsPane):
            return focused
        return next(
            (view for view in self.app.screen.query(LineView) if view.can_focus and view.display), None
        )

    def _move(self, act: Callable[[LineView | ChartsPane], None]) -> None:
        view = self._list()
        if view is not None:
            act(view)

    def down(self) -> None:
        self._move(lambda view: view.move(1))

    def up(self) -> None:
        self._move(lambda view: view.move(-1))

    def first(self) -> None:
        self._move(lambda view: view.move_to_end(last=False))

    def last(self) -> None:
        self._move(lambda view: view.move_to_end(last=True))

    def page_down(self) -> None:
        self._move(lambda view: view.move(max(1, view.rows - 1)))

    def page_up(self) -> None:
        self._move(lambda view: view.move(-max(1, view.rows - 1)))

    def left(self) -> None:
        self._move(lambda view: view.scroll_columns(-8))

    def right(self) -> None:
        self._move(lambda view: view.scroll_columns(8))

    # -- looking -------------------------------------------------------------------------------------------------

    def back(self) -> None:
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def quit(self) -> None:
        self.app.leave()

    def help(self) -> None:
        from cockpit.ui.pages.help import HelpScreen

        self._open_once(HelpScreen)

    def palette(self) -> None:
        from cockpit.ui.pages.palette import PaletteScreen

        def chosen(action_id: str | None) -> None:
            if action_id is not None:
                self.do(action_id)

        scope = getattr(self.app.screen, "scope", None)
        if isinstance(scope, str):
            self.app.push_screen(PaletteScreen(scope, self.app.glyphs), chosen)

    def open(self) -> None:
        from cockpit.ui.run.screen import RunScreen

        if self._selected() is not None:
            self.app.push_screen(RunScreen(self.app))

    def findings(self) -> None:
        from cockpit.ui.pages.lists import FindingsScreen

        self._open_once(FindingsScreen)

    def method_log(self) -> None:
        from cockpit.ui.pages.lists import MethodLogScreen

        self._open_once(MethodLogScreen)

    def spot_check(self) -> None:
        from cockpit.ui.spotcheck.screen import SpotCheckScreen

        if not isinstance(self.app.screen, SpotCheckScreen):
            view = self.app.state.selected_view
            trains = view is not None and view.technique not in ("baseline", "custom")
            self.app.push_screen(SpotCheckScreen(self.app, view.id if view is not None and trains else None))

    def compare(self) -> None:
        """The marked experiments against the selected one; without marks, against its parent."""
        state = self.app.state
        view = self._selected()
        if view is None:
            return
        others = [id_ for id_ in state.marked if id_ != view.id] or ([view.parent] if view.parent else [])
        if not others:
            self.app.say("One experiment alone can't be compared.", "space marks others.", bad=True)
            return
        self.compare_these([*others, view.id] if not state.marked else [view.id, *others])

    def compare_these(self, ids: Sequence[str]) -> None:
        from cockpit.ui.compare.screen import CompareScreen

        self.app.push_screen(CompareScreen(self.app, ids[-6:]))

    def doctor(self) -> None:
        from cockpit.ui.pages.lists import DoctorScreen

        self._open_once(DoctorScreen)

    def _open_once(self, kind: type) -> None:
        if not isinstance(self.app.screen, kind):
            self.app.push_screen(kind(self.app))

    def clear_reading(self) -> bool:
        """Take the charts' reading line away; whether there was one."""
        if self.app.state.cursor is None:
            return False
        self.app.state.cursor = None
        self._charts()
        return True

    def set_filter(self, words: str) -> None:
        """List the experiments that `words` keep (core/tree); the selection moves to the first of them."""
        from cockpit.ui.dashboard.tree import in_listing

        state = self.app.state
        state.words = words
        state.touch("tree")
        left = [view.id for view in in_listing(state.picture.experiments if state.picture else (), words)[0]]
        if left and state.selected not in left:
            self.app.select(left[0])
        self.app.changed()

    # -- charts --------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        view = self._selected()
        if view is None:
            return
        if not self.app.state.toggle_mark(view.id):
            self.app.say(
                "No more than six experiments at once.", "space on a selected one drops it.", bad=True
            )
        self.app.follow_shown()

    def pin(self) -> None:
        view = self._selected()
        if view is not None:
            self.app.state.toggle_pin(view.id)
            self.app.follow_shown()

    def log_scale(self) -> None:
        self.app.state.log_scale = not self.app.state.log_scale
        self._charts()

    def smooth(self) -> None:
        now = self.app.state.smoothing
        self.app.state.smoothing = next((value for value in SMOOTHING if value > now), SMOOTHING[0])
        self._charts()

    def zoom(self) -> None:
        state = self.app.state
        pane = self.app.screen.query(ChartsPane).first() if self.app.screen.query(ChartsPane) else None
        state.zoomed = None if state.zoomed or pane is None else pane.chosen
        self._charts()

    def range_in(self) -> None:
        state = self.app.state
        extent = state.steps_there()
        if extent:
            state.steps = max(10, (state.steps or extent) // 2)
            self._charts()

    def range_out(self) -> None:
        state = self.app.state
        extent = state.steps_there()
        if state.steps:
            state.steps = state.steps * 2 if state.steps * 2 < (extent or 0) else None
            self._charts()

    def _charts(self) -> None:
        self.app.state.touch("charts")
        self.app.changed()

    # -- experiments ---------------------------------------------------------------------------------------------

    def _selected(self) -> ExperimentView | None:
        view = self.app.state.selected_view
        if view is None and self.app.state.picture is not None:
            self.app.say("There is no experiment yet.", "n makes one.", bad=True)
        return view

    def launch(self) -> None:
        view = self._selected()
        if view is None:
            return
        if view.status not in ("draft", "smoked", "failed"):  # what failed at once may be tried again
            self._refuse(view, "only a draft is launched", "r resumes a run, n makes a new experiment.")
            return
        backend = self.app.backend
        self.serve(
            view.id,
            "launching",
            lambda: backend.launch(view.id),
            again=lambda reason: backend.launch(view.id, reason),
        )

    def ask_reason(self, message: ReasonWanted) -> None:
        """Show what stands against it; with a reason the service is asked once more."""
        from cockpit.ui.experiments.decide import ReasonScreen

        def answered(reason: str | None) -> None:
            if reason is not None:
                self.serve(message.experiment_id, message.doing, lambda: message.again(reason))

        about = f" {message.experiment_id}" if message.experiment_id else ""
        heading = f"A gate is closed: {message.doing}{about} wants a reason"
        says = [f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in message.closed]
        screen = ReasonScreen(
            self.app.glyphs,
            heading,
            [*says, *([message.instead] if message.instead else [])],
            "go all the same",
        )
        self.app.push_screen(screen, answered)

    def resume(self) -> None:
        view = self._selected()
        if view is None:
            return
        if status_style.is_live(view) or view.attempt is None:
            self._refuse(view, "only a run that ended is resumed", "l launches a draft.")
            return
        self.serve(view.id, "resuming", lambda: self.app.backend.resume(view.id))

    def score(self) -> None:
        view = self._selected()
        if view is None:
            return
        if status_style.is_live(view) or view.attempt is None:
            self._refuse(view, "it is scored when its run has ended", "s stops it with a checkpoint.")
            return
        self.serve(view.id, "scoring", lambda: self.app.backend.score(view.id))

    def stop(self) -> None:
        from cockpit.ui.experiments.confirm import StopScreen

        view = self._selected()
        if view is None:
            return
        if not status_style.is_live(view):
            self._refuse(view, "there is nothing to stop", "r resumes it.")
            return

        def answered(choice: str | None) -> None:
            if choice in ("graceful", "now"):
                ask = self.app.backend.stop
                self.serve(view.id, "stopping", lambda: ask(view.id, now=choice == "now"))

        self.app.push_screen(StopScreen(view, self.app.glyphs), answered)

    def decide(self) -> None:
        from cockpit.ui.experiments.decide import DecideScreen

        view = self._selected()
        if view is None:
            return
        if status_style.is_live(view) or view.attempt is None:
            self._refuse(view, "there is no result to decide on yet", "Wait for its score.")
            return

        def answered(answer: tuple[str, str] | None) -> None:
            if answer is not None:
                status, reason = answer
                self.serve(view.id, "deciding", lambda: self.app.backend.decide(view.id, status, reason))

        self.app.push_screen(DecideScreen(view, self.app.glyphs), answered)

    def wizard(self) -> None:
        """Step by step, for the workspace here or one to be; a walk that was left goes on where it was."""
        from cockpit.services.wizard.wizard import Wizard
        from cockpit.ui.experiments.new_experiment import branch_from
        from cockpit.ui.wizard.screen import WizardScreen

        picture = self.app.state.picture
        root = self.app.wizard_root or (picture.root if picture is not None else None) or Path.cwd()
        wizard = Wizard(root)
        if wizard.finished:
            wizard.restart()
        view = self.app.state.selected_view
        if view is not None and wizard.workspace is not None and not wizard.state.parent:
            wizard.state.parent = branch_from(view)

        def done(experiment_id: str | None) -> None:
            self.app.backend.use(wizard.root)
            if experiment_id:
                self.app.select(experiment_id)
            self.app.poller.poke()

        self.app.push_screen(WizardScreen(self.app, wizard), done)

    def new(self) -> None:
        from cockpit.ui.experiments.new_experiment import NewExperimentScreen

        picture = self.app.state.picture
        if picture is None or picture.root is None:
            self.app.say("There is no workspace here.", "`cockpit init` makes one.", bad=True)
            return

        def made(experiment_id: str | None) -> None:
            if experiment_id is not None:
                self.app.select(experiment_id)
                self.app.poller.poke()
                self.app.say(f"{experiment_id} is a draft: l launches it, enter shows its recipe.")

        self.app.push_screen(NewExperimentScreen(self.app), made)

    def _refuse(self, view: ExperimentView, why: str, mend: str) -> None:
        _, word, _ = status_style.status_face(view, self.app.glyphs)
        self.app.say(f"{view.id} is {word}: {why}.", mend, bad=True)

    def serve(
        self,
        experiment_id: str | None,
        doing: str,
        ask: Callable[[], str],
        *,
        again: Callable[[str], str] | None = None,
    ) -> None:
        """Run a service in a thread; once a time for each experiment. `again`: the same with a reason for a gate."""
        busy = self.app.state.busy
        if experiment_id is not None:
            if experiment_id in busy:
                self.app.say(f"{experiment_id}: still {busy[experiment_id]}.", "", bad=True)
                return
            busy[experiment_id] = doing
            self.app.state.touch("selection")
            self.app.changed()

        def work() -> None:
            try:
                self.app.post_message(ActionSucceeded(ask(), experiment_id))
            except CockpitError as error:
                if again is not None and isinstance(error, GateClosed):
                    wanted = ReasonWanted(experiment_id, doing, error.closed, error.instead, again)
                    self.app.post_message(wanted)
                    return
                where = (
                    f"{error.file}:{error.line}: " if error.line else f"{error.file}: " if error.file else ""
                )
                self.app.post_message(ActionFailed(where + error.title, error.mend, experiment_id))
            except Exception as error:  # noqa: BLE001 - the screen says it in a sentence, the log has the traceback
                kept = self.app.backend.complain(error)
                mend = f"The traceback is in {kept}." if kept else ""
                self.app.post_message(ActionFailed(f"that failed: {error}", mend, experiment_id))

        threading.Thread(target=work, name=f"cockpit-{doing or 'service'}", daemon=True).start()
