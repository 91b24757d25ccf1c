"""`cockpit launch`, `stop`, `resume`, `score`: runs are processes of their own, these only ask."""

from __future__ import annotations

import argparse

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say
from cockpit.cli.place import workspace
from cockpit.cli.tree.look import as_dict, experiments_table
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    command = parser.prog.split()[-1]
    parser.add_argument("experiment", metavar="EXP", help="exp_0003, or just 3")
    if command == "stop":
        parser.add_argument("--now", action="store_true", help="kill at once; only existing checkpoints stay")
    if command == "launch":
        parser.add_argument(
            "--reason", metavar="TEXT", help="start against a gate's advice; goes to methodlog.md"
        )
        parser.add_argument("--queue", action="store_true", help="start it when its turn and its GPUs come")
    parser.add_argument("--wait", action="store_true", help="until it ended; the exit code says how")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import lifecycle

    ws = workspace(options)
    view = ws.experiment(options.experiment)
    if options.command == "launch" and options.queue:
        from cockpit.services.experiments import queue

        queue.add(ws, view.id, reason=options.reason)
    elif options.command == "launch":
        lifecycle.launch(ws, view.id, reason=options.reason)
    elif options.command == "resume":
        lifecycle.resume(ws, view.id)
    elif options.command == "score":
        lifecycle.score(ws, view.id)
    else:
        lifecycle.stop(ws, view.id, now=options.now)
    return _answer(ws, view.id, options)


def _answer(ws: Workspace, experiment_id: str, options: argparse.Namespace) -> int:
    from cockpit.services.experiments import lifecycle

    view = ws.experiment(experiment_id)
    if options.wait:
        view = lifecycle.wait(ws, experiment_id, _quiet if options.json else _Teller())
    if options.json:
        print_json(as_dict(view))
    elif options.wait:
        say(experiments_table([view]))
    else:
        say(f"{view.id}: {view.attempt.sentence if view.attempt else view.status}")
    return FAILED if options.wait and view.status == "failed" else OK


class _Teller:
    """Says what changed: the stage, and each new mini-eval."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, view: ExperimentView) -> None:
        stage = view.attempt.stage if view.attempt else None
        mini = "" if view.mini_last is None else f", mini-eval {view.mini_last:.2f}"
        says = f"{view.id}: {stage or 'starting'}{mini}"
        if says != self._said:
            self._said = says
            say(says)


def _quiet(_: ExperimentView) -> None:
    return
