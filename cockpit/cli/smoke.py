"""`cockpit smoke EXP`: ten examples through the whole pipeline, and a gate that is green or red."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say, warn
from cockpit.cli.place import workspace

if TYPE_CHECKING:
    from cockpit.services.workspace.smoke_verdict import Smoke


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXP", help="exp_0003, or just 3")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of training (default 60)")
    parser.add_argument("--last", action="store_true", help="show the last verdict; run nothing")


def run(options: argparse.Namespace) -> int:
    from cockpit.contract.errors import CockpitError
    from cockpit.services.smoke import run as smoke
    from cockpit.services.workspace import smoke_verdict

    ws = workspace(options)
    view = ws.experiment(options.experiment)
    if options.last:
        found = smoke_verdict.last(ws, view.id)
        if found is None:
            raise CockpitError(f"{view.id} has had no smoke run", f"Start it with `cockpit smoke {view.id}`.")
    else:
        if options.seconds <= 0:
            raise CockpitError(f"--seconds {options.seconds:g} makes no sense", "Give a number above 0.")
        tell = _silent if options.json else _tell
        found = smoke.run(ws, view.id, tell=tell, train_s=options.seconds)
    if options.json:
        print_json({"experiment": view.id, **as_dict(found)})
    else:
        from cockpit.services.smoke.text import as_text

        say(as_text(view.id, found))
    return OK if found.verdict.green else FAILED


def _tell(text: str) -> None:
    warn(f"  {text}")


def _silent(text: str) -> None:
    """For JSON: the answer is the answer alone."""


def as_dict(found: Smoke) -> dict[str, Any]:
    """The verdict, its stages, and what was measured."""
    from cockpit.core.smoke.verdict import passed_stages

    return {
        **found.verdict.as_dict(),
        "stages": [
            {"stage": s, "proves": says, "passed": ok} for s, says, ok in passed_stages(found.verdict)
        ],
        "step_time_s": found.step_time,
        "seconds": found.seconds,
        "peak_bytes": found.peak_bytes,
        "for_this_recipe": found.current,
        "folder": str(found.folder),
    }
