"""`cockpit`: open the screens on a workspace."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from cockpit.contract.errors import CockpitError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("word", nargs="*", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    from cockpit.cli import COMMANDS

    if options.word:
        import difflib

        near = difflib.get_close_matches(str(options.word[0]), list(COMMANDS), n=1)
        hint = f"Did you mean `cockpit {near[0]}`?" if near else "`cockpit --help` lists them."
        raise CockpitError(f"there is no command {options.word[0]!r}", hint)
    if not sys.stdout.isatty():
        raise CockpitError(
            "the cockpit needs a terminal", "For scripts there is `cockpit ls --json`, `cockpit status`, …"
        )
    from cockpit.ui.app import run as open_screens

    start = Path(options.dir) if options.dir else None
    if start is not None and not start.is_dir():
        raise CockpitError(f"there is no folder {start}", "Check --dir.")
    root = _root(start)
    if root is None and start is not None:
        os.chdir(start)  # what is seen there, and the wizard, are about that folder
    return open_screens(root, watch=_watch)  # without a workspace the screens say what else is here


def _watch(place: str) -> int:
    from cockpit.cli.foreign import watch

    return watch(place)


def _root(start: Path | None) -> Path | None:
    """As `services.workspace.open.find`, without the imports that the first frame would wait for."""
    from cockpit.contract.layout import WorkspaceLayout

    here = (start or Path.cwd()).resolve()
    return next(
        (folder for folder in (here, *here.parents) if WorkspaceLayout(folder).config.is_file()), None
    )
