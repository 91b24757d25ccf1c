"""Which workspace a command is about."""

from __future__ import annotations

import argparse
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.services.workspace import open as open_workspace
from cockpit.services.workspace.workspace import Workspace


def workspace(options: argparse.Namespace) -> Workspace:
    """The workspace that `--dir` names, or the one here or above. Raises CockpitError if there is none."""
    start = Path(options.dir) if options.dir else None
    if start is not None and not start.is_dir():
        raise CockpitError(f"there is no folder {start}", "Check --dir.")
    return open_workspace.find(start)
