"""An attempt folder of our own form that lies outside any workspace: what the callback for a Trainer writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.contract.layout import TRAINER_FOLDER, AttemptLayout
from cockpit.services.foreign.record import Update


class AttemptRun:
    """One such folder. It needs no copy: the screens read it where it lies, and `poll` has nothing to add."""

    kind = "attempt"

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.place = folder, name, str(folder)
        self.settings: dict[str, Any] = {}

    def poll(self) -> Update:
        return Update()


def attempt_in(folder: Path) -> Path | None:
    """Give the attempt folder that is `folder`, or that a callback made in this output folder; else None."""
    for place in (folder, folder / TRAINER_FOLDER):
        layout = AttemptLayout(place)
        if layout.events.is_file() and layout.recipe.is_file():
            return place
    return None
