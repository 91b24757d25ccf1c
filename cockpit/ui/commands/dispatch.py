"""Finds what carries out an action: the screen in front, else the group of commands that has a method of its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cockpit.ui import actions
from cockpit.ui.commands.charts import ChartCommands
from cockpit.ui.commands.making import MakingCommands
from cockpit.ui.commands.moving import MovingCommands
from cockpit.ui.commands.runs import RunCommands
from cockpit.ui.commands.screens import ScreenCommands
from cockpit.ui.commands.service_calls import ServiceCalls

if TYPE_CHECKING:
    from cockpit.core.findings import Finding
    from cockpit.ui.app_protocol import Cockpit

GROUPS = (MovingCommands, ScreenCommands, ChartCommands, RunCommands, MakingCommands)
"""Each has methods named after ids of the table of actions, and carries nothing else out."""


class Commands:
    """Carries out actions for the application and its screens."""

    def __init__(self, cockpit: Cockpit) -> None:
        self.cockpit = cockpit
        self.services = ServiceCalls(cockpit)
        self.charts = ChartCommands(cockpit)
        self.screens = ScreenCommands(cockpit)
        self.groups: Sequence[object] = (
            MovingCommands(cockpit),
            self.screens,
            self.charts,
            RunCommands(cockpit, self.services),
            MakingCommands(cockpit),
        )

    def do(self, action_id: str) -> None:
        """Carry out an action: `do_<id>` of the screen in front, else the common way."""
        if not self._possible(action_id):
            self.cockpit.say("There is no workspace here yet.", "W makes one, step by step.")
            return
        snapshot = self.cockpit.state.snapshot
        if snapshot is not None and action_id in snapshot.refused:
            self.cockpit.say(
                "These runs are only looked at from here.", "Act where they were started.", bad=True
            )
            return
        own: Callable[[], None] | None = getattr(self.cockpit.screen, f"do_{action_id}", None)
        if own is not None:
            own()
        else:
            self.act(action_id)

    def _possible(self, action_id: str) -> bool:
        """Whether there is something that the action could be about."""
        snapshot = self.cockpit.state.snapshot
        if snapshot is None or snapshot.root is not None or len(self.cockpit.screen_stack) > 1:
            return True
        return action_id in actions.WITHOUT or actions.BY_ID[action_id].group == actions.MOVING

    def act(self, action_id: str) -> None:
        """Carry out an action the common way; what only another kind of screen can do does nothing."""
        for group in self.groups:
            method: Callable[[], None] | None = getattr(group, action_id, None)
            if method is not None:
                method()
                return

    def clear_reading(self) -> bool:
        """Take the charts' reading line away; True if there was one."""
        return self.charts.clear_reading()

    def set_filter(self, words: str) -> None:
        """List only the experiments that `words` keep."""
        self.screens.set_filter(words)

    def compare(self, ids: Sequence[str]) -> None:
        """Open the comparison of these experiments."""
        self.screens.compare_these(ids)

    def draft_from(self, finding: Finding) -> None:
        """Make the draft that the finding offers, and open it."""
        about, backend = finding.experiments[-1], self.cockpit.backend
        self.services.draft(about, lambda: backend.new_from(finding.key))

    def call_service(
        self,
        experiment_id: str | None,
        doing: str,
        ask: Callable[[], str],
        *,
        again: Callable[[str], str] | None = None,
    ) -> None:
        """Run a service in a thread and say what came of it."""
        self.services.call(experiment_id, doing, ask, again=again)
