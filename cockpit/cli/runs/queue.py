"""`cockpit queue`: who waits to be launched, and for what; `cockpit queue rm EXP` takes one out."""

from __future__ import annotations

import argparse

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, table
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("ls", "rm"), default="ls")
    parser.add_argument("experiment", nargs="?", metavar="EXP", help="with rm: the one to take out")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import queue

    ws = workspace(options)
    if options.action == "rm":
        if not options.experiment:
            raise CockpitError("rm needs an experiment", "`cockpit queue rm exp_0003`.")
        queue.remove(ws, options.experiment)
    line = queue.entries(ws)
    if line:
        queue.ensure_runner(ws)  # a runner that was killed is replaced as soon as somebody looks
    if options.json:
        rows = [{"experiment": w.experiment, "why": w.why, "queued": w.queued} for w in line]
        print_json({"waiting": rows})
        return OK
    if not line:
        say("Nothing waits. `cockpit launch EXP --queue` puts a draft in line.")
        return OK
    rows = [[str(place), w.experiment, w.why or "its turn"] for place, w in enumerate(line, 1)]
    say(table(("", "experiment", "waits for"), rows))
    return OK
