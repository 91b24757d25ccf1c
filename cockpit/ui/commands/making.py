"""Making an experiment: by the form, or step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.ui.app_protocol import Cockpit


class MakingCommands:
    """One method for each way to a new experiment."""

    def __init__(self, cockpit: Cockpit) -> None:
        self._cockpit = cockpit

    def new(self) -> None:
        from cockpit.ui.experiments.new_experiment import NewExperimentScreen

        snapshot = self._cockpit.state.snapshot
        if snapshot is None or snapshot.root is None:
            return

        def made(experiment_id: str | None) -> None:
            if experiment_id is not None:
                self._cockpit.select(experiment_id)
                self._cockpit.refresh_soon()
                self._cockpit.say(f"{experiment_id} is a draft: l launches it, enter shows its recipe.")

        self._cockpit.push_screen(NewExperimentScreen(self._cockpit), made)

    def wizard(self) -> None:
        """Step by step, for the workspace here or one to be; a walk that was left goes on where it was."""
        from cockpit.services.wizard.wizard import Wizard
        from cockpit.ui.experiments.new_experiment import branch_from
        from cockpit.ui.wizard.screen import WizardScreen

        snapshot = self._cockpit.state.snapshot
        root = self._cockpit.wizard_root or (snapshot.root if snapshot is not None else None) or Path.cwd()
        wizard = Wizard(root)
        if wizard.finished:
            wizard.restart()
        view = self._cockpit.state.selected_view
        if view is not None and wizard.workspace is not None and not wizard.state.parent:
            wizard.state.parent = branch_from(view)

        def done(experiment_id: str | None) -> None:
            self._cockpit.backend.use(wizard.root)
            if experiment_id:
                self._cockpit.select(experiment_id)
            self._cockpit.refresh_soon()

        self._cockpit.push_screen(WizardScreen(self._cockpit, wizard), done)
