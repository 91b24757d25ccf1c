"""Opening and leaving screens. Each is imported when it is first opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cockpit.ui.commands.selection import selected

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit

MOST_COMPARED = 6


class ScreenCommands:
    """One method for each action that opens or leaves a screen."""

    def __init__(self, cockpit: Cockpit) -> None:
        self._cockpit = cockpit

    def back(self) -> None:
        if len(self._cockpit.screen_stack) > 1:
            self._cockpit.pop_screen()

    def suspend(self) -> None:
        self._cockpit.suspend_to_shell()

    def quit(self) -> None:
        self._cockpit.leave()

    def help(self) -> None:
        from cockpit.ui.pages.help import HelpScreen

        self._open_once(HelpScreen)

    def palette(self) -> None:
        from cockpit.ui.pages.palette import PaletteScreen

        def chosen(action_id: str | None) -> None:
            if action_id is not None:
                self._cockpit.commands.do(action_id)

        scope = getattr(self._cockpit.screen, "scope", None)
        if isinstance(scope, str):
            self._cockpit.push_screen(PaletteScreen(scope, self._cockpit.glyphs), chosen)

    def open(self) -> None:
        from cockpit.ui.run.screen import RunScreen

        snapshot = self._cockpit.state.snapshot
        if snapshot is not None and snapshot.root is None:
            self._watch()
        elif selected(self._cockpit) is not None:
            self._cockpit.push_screen(RunScreen(self._cockpit))

    def _watch(self) -> None:
        """Leave for the screens on the run under the cursor: one that others made, in a folder without a workspace."""
        snapshot = self._cockpit.state.snapshot
        runs = snapshot.here.runs if snapshot is not None and snapshot.here is not None else ()
        run = next(
            (run for run in runs if run.place == self._cockpit.state.selected), runs[0] if runs else None
        )
        if run is None:
            self._cockpit.say("There is no run here to look at.", "W makes a workspace, step by step.")
        else:
            self._cockpit.look_at(run.place)

    def findings(self) -> None:
        from cockpit.ui.findings.screen import FindingsScreen

        self._open_once(FindingsScreen)

    def method_log(self) -> None:
        from cockpit.ui.pages.lists import MethodLogScreen

        self._open_once(MethodLogScreen)

    def theme(self) -> None:
        from cockpit.ui.pages.theme import ThemeScreen

        before = self._cockpit.shown_theme

        def chosen(name: str | None) -> None:
            self._cockpit.use_theme(name or before)

        self._cockpit.push_screen(ThemeScreen(before, self._cockpit.use_theme, self._cockpit.glyphs), chosen)

    def doctor(self) -> None:
        from cockpit.ui.pages.lists import DoctorScreen

        self._open_once(DoctorScreen)

    def spot_check(self) -> None:
        from cockpit.ui.spotcheck.screen import SpotCheckScreen

        if not isinstance(self._cockpit.screen, SpotCheckScreen):
            view = self._cockpit.state.selected_view
            trains = view is not None and view.technique not in ("baseline", "custom")
            experiment = view.id if view is not None and trains else None
            self._cockpit.push_screen(SpotCheckScreen(self._cockpit, experiment))

    def compare(self) -> None:
        """The marked experiments against the selected one; without marks, against its parent."""
        state = self._cockpit.state
        view = selected(self._cockpit)
        if view is None:
            return
        others = [id_ for id_ in state.marked if id_ != view.id] or ([view.parent] if view.parent else [])
        if not others:
            self._cockpit.say("One experiment alone can't be compared.", "space marks others.", bad=True)
            return
        self.compare_these([*others, view.id] if not state.marked else [view.id, *others])

    def compare_these(self, ids: Sequence[str]) -> None:
        """Open the comparison of these experiments; of too many, the last ones."""
        from cockpit.ui.compare.screen import CompareScreen

        self._cockpit.push_screen(CompareScreen(self._cockpit, ids[-MOST_COMPARED:]))

    def set_filter(self, words: str) -> None:
        """List the experiments that `words` keep (core/tree); the selection moves to the first of them."""
        from cockpit.ui.dashboard.tree import in_listing

        state = self._cockpit.state
        state.words = words
        state.touch("tree")
        left = [
            view.id for view in in_listing(state.snapshot.experiments if state.snapshot else (), words)[0]
        ]
        if left and state.selected not in left:
            self._cockpit.select(left[0])
        self._cockpit.changed()

    def _open_once(self, kind: type) -> None:
        if not isinstance(self._cockpit.screen, kind):
            self._cockpit.push_screen(kind(self._cockpit))
