"""Open a workspace: the one in a folder, or the one at or above it; evo's among them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.workspace.workspace import Workspace


def find(start: Path | None = None) -> Workspace:
    """Return the workspace at or above `start` (default: here). Raises CockpitError if there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if WorkspaceLayout(folder).config.is_file() or _is_evos(folder):
            return at(folder)
    raise CockpitError(
        f"no workspace at {here} or above it",
        "Make one with `cockpit init`, or see one with `cockpit demo`.",
    )


def at(root: Path, *, clock: Callable[[], float] = time.time) -> Workspace:
    """Return the workspace in `root`: evo's, read only, where the cockpit has none of its own there."""
    if not _is_evos(root):
        return Workspace(root, clock=clock)
    from cockpit.services.workspace.evo_workspace import EvoWorkspace

    return EvoWorkspace(root, clock=clock)


def _is_evos(folder: Path) -> bool:
    if not (folder / ".evo" / "meta.json").is_file() or WorkspaceLayout(folder).experiments.is_dir():
        return False
    from cockpit.services.workspace import evo

    return not evo.is_own_home(folder / evo.HOME)
