"""Write a report where it was asked for: whole or not at all, and over nothing that isn't a report."""

from __future__ import annotations

from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError, why
from cockpit.core.report.facts import MARK

_HEAD = 200  # bytes in which the mark stands


def check(path: Path) -> None:
    """Refuse a file that can't be written or is no report of ours, before anything is read. Raises CockpitError."""
    try:
        if path.is_dir():
            raise CockpitError("this is a folder", "Name a file in it.", file=path)
        if not path.parent.is_dir():
            raise CockpitError(
                f"there is no folder {path.parent}", "Make it, or name another file.", file=path
            )
        with path.open("rb") as handle:
            ours = path.is_file() and MARK.encode() in handle.read(_HEAD)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refused(path, error) from error
    if not ours:
        raise CockpitError(
            "this file is there already and is no report of the cockpit", "Name another file.", file=path
        )


def write(path: Path, text: str) -> int:
    """Write the report and give its size in bytes. Raises CockpitError."""
    check(path)
    try:
        atomic.write_text(path, text)
        return path.stat().st_size
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> CockpitError:
    return CockpitError(
        f"the report can't be written: {why(error)}",
        "Make room, or name a file elsewhere.",
        file=path,
    )
