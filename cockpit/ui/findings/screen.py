"""Findings: evidence, next step, and what can be done about one without leaving the cockpit."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events

from cockpit.contract.errors import CockpitError
from cockpit.core.rules.finding_actions import FindingAction, actions_of
from cockpit.ui.findings.view import finding_blocks, no_findings
from cockpit.ui.messages import AllFindingsRead, LineChosen
from cockpit.ui.pages.dialog import WIDTH, Choice, Dialog
from cockpit.ui.pages.page import Page
from cockpit.ui.text.lines import Line
from cockpit.ui.widgets.line_view import LineView

if TYPE_CHECKING:
    from cockpit.core.findings import Finding
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.text.glyphs import Glyphs


class FindingsScreen(Page):
    """All findings of the workspace, with evidence and source; enter offers what can be done about the chosen one."""

    CSS_PATH: ClassVar = [
        "../pages/search.tcss",
        "../pages/page.tcss",
    ]  # a path counts from the class's own file
    heading = "Findings"
    cursor = True

    def on_mount(self) -> None:
        super().on_mount()
        snapshot = self.cockpit.state.snapshot
        views = [view for view in snapshot.experiments if view.attempt_dir is not None] if snapshot else []
        self.in_thread("findings", lambda: self._of_all(views))

    def _of_all(self, views: Sequence[ExperimentView]) -> AllFindingsRead:
        """What the readings say of every run, whatever is selected; a run that can't be read has none."""
        found: dict[str, tuple[Finding, ...]] = {}
        for view in views:
            with contextlib.suppress(CockpitError, OSError):
                found[view.id] = tuple(self.cockpit.backend.run_findings(view))
        return AllFindingsRead(found)

    def blocks(self, width: int) -> Sequence[Sequence[Line]]:
        found = self.cockpit.state.all_findings()
        if not found:
            return [no_findings(self.cockpit.state.shown is not None)]
        return finding_blocks(found, width=width, glyphs=self.cockpit.glyphs, full=True)

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter" and not self.searching:
            event.stop()
            self.do_open()

    def do_open(self) -> None:
        """Offer what can be done about the finding under the cursor."""
        self._offer(self.query_one("#body", LineView).cursor)

    def on_line_chosen(self, message: LineChosen) -> None:
        self._offer(message.key)

    def _offer(self, key: str | None) -> None:
        """Offer it for the finding of this key: the list may have been read anew since it was painted."""
        if key is None:
            return
        finding = self.cockpit.state.finding(key)
        if finding is None:
            self.cockpit.say("That finding is no longer there.", "The list was read anew: choose again.")
            return
        offered = actions_of(finding, running=self._still_runs(finding))
        if offered:
            screen = FindingActionsScreen(self.cockpit.glyphs, finding, offered)
            self.cockpit.push_screen(screen, lambda action: self._act(finding, action))

    def _still_runs(self, finding: Finding) -> bool:
        snapshot = self.cockpit.state.snapshot
        views = [snapshot.view(id_) for id_ in finding.experiments] if snapshot else []
        return any(view is not None and view.status == "running" for view in views)

    def _act(self, finding: Finding, action: FindingAction | None) -> None:
        """Do it as its key would, on the experiment that it is about."""
        if action is None:
            return
        if action.do == "draft":
            self.cockpit.commands.draft_from(finding)
            return
        if action.do == "compare":
            self.cockpit.commands.compare(action.experiments)
            return
        if action.experiment:
            self.cockpit.select(action.experiment)
        method = {
            "open": "open",
            "stop": "stop",
            "discard": "decide",
            "spot_check": "spot_check",
            "new": "new",
        }
        self.cockpit.commands.act(method[action.do])


class FindingActionsScreen(Dialog[FindingAction]):
    """Offers the actions on a finding, the most useful first; each with the command that does the same."""

    def __init__(self, glyphs: Glyphs, finding: Finding, offered: Sequence[FindingAction]) -> None:
        self.finding = finding
        self.offered = {str(number): action for number, action in enumerate(offered, 1)}
        choices = [Choice(key, key, _offer_text(action)) for key, action in self.offered.items()]
        super().__init__(glyphs, finding.headline, [finding.next_step], choices)

    def answer(self, choice: str) -> None:
        self.dismiss(self.offered.get(choice))


def _offer_text(action: FindingAction) -> str:
    """Return the offer, with the command that does the same where both have room."""
    both = f"{action.label}   ({action.command})"
    return both if len(both) <= WIDTH - 8 else action.label
