"""`cockpit sweep lr=1e-5,3e-5,1e-4`: sibling experiments, one for each value of a setting."""

from __future__ import annotations

import argparse
from pathlib import Path

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, table
from cockpit.cli.place import workspace
from cockpit.cli.tree.look import as_dict


def arguments(parser: argparse.ArgumentParser) -> None:
    names = "TRL's own names or short ones (lr, bs); a technique may stand before them"
    parser.add_argument("settings", nargs="+", metavar="NAME=V1,V2", help=names)
    parser.add_argument("--of", metavar="EXP", help="vary that experiment's recipe (default: the newest)")
    parser.add_argument("--hypothesis", "-m", default="", help="what you expect, in a line")
    parser.add_argument("--data", "--train", metavar="FILE", help="default: as in the varied experiment")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--lora", action="store_true", default=None, help="train an adapter")
    weights.add_argument("--full", action="store_false", dest="lora", help="train all weights")
    parser.add_argument("--queue", action="store_true", help="launch them one after another")


def run(options: argparse.Namespace) -> int:
    from cockpit.core.recipe.aliases import notes_on
    from cockpit.services.experiments import sweep

    ws = workspace(options)
    technique = None if "=" in options.settings[0] else options.settings.pop(0)
    views = sweep.make(
        ws,
        options.settings,
        technique=technique,
        of=options.of,
        hypothesis=options.hypothesis,
        train=Path(options.data) if options.data else None,
        lora=options.lora,
    )
    if options.queue:
        from cockpit.services.experiments import queue

        for view in views:
            queue.add(ws, view.id)
        views = [ws.experiment(view.id) for view in views]
    if options.json:
        print_json({"experiments": [as_dict(view) for view in views]})
        return OK
    for note in notes_on(options.settings, views[0].technique):
        say(f"{note}.")
    say(table(("experiment", "technique", "setting"), [[v.id, v.technique, v.hypothesis] for v in views]))
    say(
        f"{len(views)} settings are tried on one held-out set, so the best must clear p < {0.05 / len(views):.2g} "
        "before it counts as a gain (Holm)."
    )
    if not options.queue:
        say(f"Start them with `cockpit launch {views[0].id} --queue`, and so on.")
    return OK
