"""`cockpit fit EXP`: will it fit in memory, what would make it fit, and how long it will take."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say
from cockpit.cli.place import workspace

if TYPE_CHECKING:
    from cockpit.services.recipe.fit import Fitted


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXP", help="exp_0003, or just 3")
    parser.add_argument("--price", type=float, metavar="P", help="of an hour on this machine, for the cost")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.recipe import fit

    ws = workspace(options)
    view = ws.experiment(options.experiment)
    found = fit.of(ws, view.id, hourly=options.price)
    if options.json:
        print_json({"experiment": view.id, **as_dict(found)})
    else:
        from cockpit.services.recipe.fit_text import as_text

        say(as_text(found))
    best = found.best
    return FAILED if best is not None and best.verdict == "too large" else OK


def as_dict(found: Fitted) -> dict[str, Any]:
    """The estimate by part, each device's verdict, the changes, and the time."""
    return {
        "total_bytes": found.estimate.total,
        "parts": dict(found.estimate.parts),
        "devices": [
            {
                "name": f.device.name,
                "total": f.device.total,
                "free": f.device.free,
                "share": f.share,
                "verdict": f.verdict,
            }
            for f in found.fits
        ],
        "changes": [
            {"says": c.description, "overrides": c.overrides, "total_bytes": c.total} for c in found.changes
        ],
        "notes": found.notes,
        "time": None
        if found.pace is None
        else {
            "steps": found.pace.steps,
            "step_time_s": found.pace.step_time,
            "seconds": found.pace.seconds,
            "cost": found.pace.cost,
        },
    }
