"""`cockpit launch`, `stop`, `resume`, `score`: runs are processes of their own, these only ask."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say, warn
from cockpit.cli.place import workspace
from cockpit.cli.tree.look import as_dict, experiments_table, how_to_score
from cockpit.core.recipe.pace import duration
from cockpit.services.experiments import lifecycle, scoring
from cockpit.services.workspace.workspace import ExperimentView, Workspace

MINUTES_S = 90.0
"""Seconds of a pass from which it is said how long it takes."""
Move = Callable[[Workspace, str, argparse.Namespace], object]
"""What a command does to an experiment: the workspace, the experiment's id, the options."""


def launch(parser: argparse.ArgumentParser) -> None:
    _arguments(parser, _launch)
    parser.add_argument(
        "--reason", metavar="TEXT", help="start against a gate's advice; goes to methodlog.md"
    )
    parser.add_argument("--queue", action="store_true", help="start it when its turn and its GPUs come")


def stop(parser: argparse.ArgumentParser) -> None:
    _arguments(parser, lambda ws, id_, options: lifecycle.stop(ws, id_, now=options.now))
    parser.add_argument("--now", action="store_true", help="kill at once; only existing checkpoints stay")


def resume(parser: argparse.ArgumentParser) -> None:
    _arguments(parser, lambda ws, id_, options: lifecycle.resume(ws, id_, step=options.step, say=warn))
    parser.add_argument(
        "--from",
        type=int,
        dest="step",
        metavar="STEP",
        help="not from the newest checkpoint but from this one",
    )


def score(parser: argparse.ArgumentParser) -> None:
    _arguments(parser, _score)
    parser.add_argument(
        "--samples", type=int, default=1, metavar="K", help="K sampled answers an item, for pass@k"
    )
    parser.add_argument("--temperature", type=float, metavar="T", help="how they are sampled (0.8, say)")


def _arguments(parser: argparse.ArgumentParser, move: Move) -> None:
    parser.add_argument("experiment", metavar="EXP", help="exp_0003, or just 3")
    parser.add_argument("--wait", action="store_true", help="until it ended; the exit code says how")
    parser.set_defaults(run=_run, move=move)


def _launch(ws: Workspace, experiment_id: str, options: argparse.Namespace) -> None:
    if options.queue:
        from cockpit.services.experiments import queue

        queue.add(ws, experiment_id, reason=options.reason)
    else:
        lifecycle.launch(ws, experiment_id, reason=options.reason)


def _score(ws: Workspace, experiment_id: str, options: argparse.Namespace) -> None:
    ws.refuse_moves()
    seconds = None if options.json else scoring.expected(ws, experiment_id)
    if seconds is not None and seconds >= MINUTES_S:
        say(f"It takes about {duration(seconds * options.samples)}, as answers were timed here.")
    scoring.score(ws, experiment_id, samples=options.samples, temperature=options.temperature)


def _run(options: argparse.Namespace) -> int:
    ws = workspace(options)
    experiment_id = ws.experiment(options.experiment).id
    options.move(ws, experiment_id, options)
    view = ws.experiment(experiment_id)
    if options.wait:
        view = lifecycle.wait(ws, experiment_id, _quiet if options.json else _Teller())
    if options.json:
        print_json(as_dict(view))
    elif options.wait:
        say(experiments_table([view]))
        say(told(view))
    else:
        say(told(view))
    return FAILED if options.wait and view.status == "failed" else OK


def told(view: ExperimentView) -> str:
    """How it stands, and how to have the full held-out pass where none was made."""
    sentence = view.attempt.sentence if view.attempt else f"{view.status}."
    return " ".join(text for text in (f"{view.id}: {sentence}", how_to_score(view)) if text)


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
