"""The screens on runs that are only watched: everything can be looked at, nothing can be moved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from cockpit.contract.errors import CockpitError
from cockpit.services.foreign import asking
from cockpit.services.recipe.field_check import DraftFields
from cockpit.ui import textual_patch
from cockpit.ui.app import CockpitApp, themed
from cockpit.ui.backend.local import LocalBackend


class WatchingBackend(LocalBackend):
    """Looks like any other; every move is refused with a sentence."""

    def __init__(self, root: Path, place: str) -> None:
        super().__init__(root)
        self.place = place

    def launch(self, experiment_id: str, reason: str | None = None) -> str:
        self._refuse()

    def resume(self, experiment_id: str) -> str:
        self._refuse()

    def stop(self, experiment_id: str, *, now: bool) -> str:
        attempt = self.workspace.attempt_dir(experiment_id)
        if now or attempt is None or not asking.answers(attempt):
            self._refuse()
        status = self.workspace.experiment(experiment_id).attempt
        return f"{experiment_id}: {asking.ask(attempt, 'stop', live=status is not None and status.live)}"

    def score_time(self, experiment_id: str) -> float | None:
        self._refuse()

    def score(self, experiment_id: str) -> str:
        self._refuse()

    def decide(self, experiment_id: str, status: str, reason: str, although: str | None = None) -> str:
        self._refuse()

    def new(self, draft: DraftFields) -> str:
        self._refuse()

    def new_from(self, finding: str) -> str:
        self._refuse()

    def check(self, draft: DraftFields) -> Mapping[str, str]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CockpitError(
            f"the runs of {self.place} are watched, not flown from here", "Act where they were started."
        )


def run(root: Path, place: str) -> int:
    """Open the screens on a mirror of `place` and give the exit code."""
    textual_patch.install()
    code = themed(CockpitApp(WatchingBackend(root, place))).run()
    return int(code or 0)
