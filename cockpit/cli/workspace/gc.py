"""`cockpit gc`: which checkpoints nobody needs any more, and (with --apply) remove them."""

from __future__ import annotations

import argparse

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, size_text, table
from cockpit.cli.place import workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="remove them; without it, only look")
    parser.add_argument(
        "--older-than", type=float, default=0.0, metavar="DAYS", help="only of runs that ended so long ago"
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.services.workspace import gc

    ws = workspace(options)
    removals = gc.look(ws, older_than_days=options.older_than)
    total = sum(removal.size for removal in removals)
    freed = gc.remove(ws, removals) if options.apply else 0
    if options.json:
        print_json({"applied": options.apply, "bytes": total, "freed": freed, "removals": removals})
        return OK
    if not removals:
        say(
            "Nothing to remove: what is left is the best, committed, needed by another experiment, or resumable."
        )
        return OK
    rows = [[r.experiment, f"step {r.step}", size_text(r.size), r.why] for r in removals]
    say(table(("experiment", "checkpoint", "size", "why it may go"), rows, right=(2,)))
    say(
        f"{size_text(freed)} freed."
        if options.apply
        else f"{size_text(total)} in all. `cockpit gc --apply` removes them."
    )
    return OK
