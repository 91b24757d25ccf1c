"""`cockpit commit`, `discard`, `note`: decisions, each a line in methodlog.md."""

from __future__ import annotations

import argparse

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, warn
from cockpit.cli.place import workspace
from cockpit.cli.tree.look import as_dict


def note(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", help="one line: a constraint, a decision, what you relied on")
    parser.add_argument("--experiment", metavar="EXP", help="the experiment that it is about")
    parser.add_argument(
        "--constraint", action="store_true", help="a rule that later recipes are held against: 'no ppo'"
    )
    parser.set_defaults(run=_note)


def commit(parser: argparse.ArgumentParser) -> None:
    _decision(parser, "committed")


def discard(parser: argparse.ArgumentParser) -> None:
    _decision(parser, "discarded")


def _decision(parser: argparse.ArgumentParser, status: str) -> None:
    parser.add_argument("experiment", metavar="EXP", help="exp_0003, or just 3")
    parser.add_argument("--reason", "-m", required=True, help="why, in a line")
    if status == "committed":
        parser.add_argument(
            "--although",
            metavar="REASON",
            help="why a loss, or a run with an alarm, is committed all the same",
        )
    parser.set_defaults(run=_decide, status=status, although=None)


def _note(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import catch_up
    from cockpit.services.workspace import methodlog_writer

    ws = workspace(options)
    kind = "constraint" if options.constraint else "note"
    catch_up.before_move(ws)
    added = methodlog_writer.note(ws, options.text, experiment=options.experiment, kind=kind)
    if options.json:
        print_json({"added": added, "text": options.text})
    else:
        say("Noted in methodlog.md." if added else "methodlog.md says so already.")
    return OK


def _decide(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import lifecycle
    from cockpit.services.recipe import attempt_limit

    view = lifecycle.decide(
        workspace(options),
        options.experiment,
        options.status,
        options.reason,
        although=options.although,
        say=warn,
    )
    if options.json:
        print_json(as_dict(view))
    else:
        say(f"{view.id} {view.status}: {options.reason}")
        if options.status == "discarded":
            say(f"Next: {attempt_limit.next_move(view)}")
    return OK
