"""`cockpit unseal EXP`: the one look at the sealed held-out set, for the base and one experiment."""

from __future__ import annotations

import argparse
import sys

from cockpit.cli import OK
from cockpit.cli.output import plain, print_json, say
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXP", help="the one to be claimed: exp_0003, or just 3")
    parser.add_argument("--yes", "-y", action="store_true", help="open it without a question")
    parser.add_argument("--although", metavar="REASON", help="why a set that was opened is opened again")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import sealed

    ws = workspace(options)
    name = ws.experiment(options.experiment).id
    if not options.yes and not _agreed(name):
        say("It stays sealed.")
        return OK
    opened = sealed.unseal(ws, name, lambda _: None, although=options.although)
    if options.json:
        told = {key: value for key, value in plain(opened).items() if key not in ("base", "score")}
        scores = {
            key: {"value": score.value, "interval": [score.lo, score.hi], "n_items": score.n}
            for key, score in (("base", opened.base), ("score", opened.score))
        }
        print_json({**told, **scores})
        return OK
    say(f"exp_0000  {opened.base.text(3)} on {opened.base.over()}")
    say(f"{opened.experiment}  {opened.score.text(3)} on {opened.score.over()}")
    say(opened.delta.sentence)
    return OK


def _agreed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise CockpitError("the sealed set is opened once", f"Say --yes to open it for {name}.")
    return input(f"The sealed set is opened once. Open it for {name}? [y/N] ").strip().casefold() in (
        "y",
        "yes",
    )
