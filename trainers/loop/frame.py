"""The frame that every trainer runs in: open the attempt, run the technique's `train`, write how it ended.

Most runs have one process, no evo and no tracker. Whether this one does is decided here, once; the code for what it
does not have is never imported.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cockpit import verifiers
from cockpit.contract import AttemptLayout, AttemptWriter, CockpitError, Recipe
from cockpit.contract.bounded.checkpoint import step_of
from cockpit.contract.network import hub
from trainers.attempt import recovery
from trainers.attempt.attempt import Attempt, Nobody
from trainers.attempt.ending import Ending, explain
from trainers.attempt.environment import quiet_environment
from trainers.attempt.printing import never_stop
from trainers.attempt.processes import OneProcess
from trainers.attempt.signals import StopFlag, Stopped, hold, over
from trainers.report import summary


class SilentWriter(AttemptWriter):
    """For ranks other than 0: every file of an attempt has one writer."""

    def event(self, kind: str, **fields: object) -> None: ...

    def metrics(self, step: int, values: Any) -> None: ...

    def rows(self, path: Path, rows: Any) -> int | None: ...

    def publish_best(self, step: int | None) -> None: ...


def run(technique: str, train: Callable[[Attempt], Ending], argv: list[str] | None = None) -> int:
    """Run `train` on the attempt named on the command line; return the exit code, 0 unless it failed.

    However it ends, the last event is one `end`, and it says why in a sentence; the traceback is in the log.
    """
    parser = argparse.ArgumentParser(prog=f"python -m trainers.{technique}")
    # A command of the user's own (technique custom) learns its folder from the environment.
    given = os.environ.get("COCKPIT_ATTEMPT_DIR")
    parser.add_argument("attempt_dir", type=Path, nargs="?", default=given)
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    args = parser.parse_args(argv)
    if args.attempt_dir is None:
        parser.error("the following arguments are required: attempt_dir")
    never_stop()
    root = args.attempt_dir.resolve()
    began = time.time()
    stop = StopFlag()
    stop.listen()
    processes = processes_of(os.environ)
    out = AttemptWriter(root) if processes.first else SilentWriter(root)
    attempt: Attempt | None = None
    try:
        attempt = open_attempt(root, technique, out, stop, processes=processes, resume=args.resume)
        if attempt.resume and processes.first:
            attempt.start = recovery.choose(attempt)
            _forget_lost_steps(attempt)
        start_tracker(attempt)
        say_walls(attempt)
        ending = train(attempt)
        processes.leave()
    except BaseException as error:  # noqa: BLE001 - every end is reported, none swallowed: see `explain`
        ending = explain(error, stop, attempt.recipe if attempt else None)
        log_error(error)
        ending = processes.blamed(ending, out.layout, began)
    if attempt is None:
        return report(out, ending, Nobody(), first=processes.first)
    attempt.closing.close()
    if processes.first:
        summary.write_train_summary(attempt, ending)
    if ending.score_checkpoint:
        if processes.first:
            _become_evaluate(attempt, ending.score_checkpoint)
        over()
        return 0
    return report(out, ending, attempt.orchestrator, first=processes.first)


def _forget_lost_steps(attempt: Attempt) -> None:
    """Drop the rows after the checkpoint that a resume goes on from: a killed run had got further than it had saved."""
    step = (step_of(attempt.start) or 0) if attempt.start else 0
    dropped = attempt.out.rewind(step)
    if dropped:
        attempt.notice(
            f"The metrics after step {step} ({dropped} rows) are dropped: those steps are done again."
        )


def say_walls(attempt: Attempt) -> None:
    """Say once what this machine can't keep from code that completions hold. Raises CockpitError where none may run."""
    lacking = verifiers.load(attempt.recipe.verifier).lacking() if attempt.recipe.verifier else ""
    if lacking:
        attempt.notice(lacking, "warning", "walls")


def open_attempt(
    root: Path,
    technique: str,
    out: AttemptWriter,
    stop: StopFlag,
    *,
    processes: OneProcess | None = None,
    resume: bool = False,
) -> Attempt:
    """Read the recipe and set what must stand before torch is imported. Raises CockpitError."""
    layout = AttemptLayout(root)
    recipe = Recipe.load(layout.recipe)
    if technique not in (recipe.technique, "evaluate"):
        raise CockpitError(
            f"this recipe is for {recipe.technique}, not for {technique}",
            f"Start python -m trainers.{recipe.technique} instead.",
            file=layout.recipe,
        )
    # As the launcher says it, for a trainer that was started by hand.
    os.environ["COCKPIT_ATTEMPT_DIR"] = str(root)
    quiet_environment(recipe)
    processes = processes or OneProcess()
    if recipe.trainer.get("fsdp") or recipe.trainer.get("deepspeed"):
        processes = together(processes.rank, processes.world)
    attempt = Attempt(layout, recipe, out, stop, resume, processes, orchestrator_of(layout, os.environ))
    if os.environ.get(hub.SILENT):
        attempt.notice(
            f"The hub ({hub.host()[0]}) does not answer: only what its cache holds is used.", "warning"
        )
    return attempt


def processes_of(environment: Mapping[str, str]) -> OneProcess:
    """Return who shares this run: the others that accelerate started, as `environment` says, or nobody."""
    names = ("RANK", "WORLD_SIZE", "ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    if not any(name in environment for name in names):
        return OneProcess()
    return together(int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1")))


def together(rank: int, world: int) -> OneProcess:
    """Return one of several processes, or one whose library spreads a model as several would."""
    from trainers.distributed.together import Together

    return Together(rank, world)


def orchestrator_of(layout: AttemptLayout, environment: Mapping[str, str]) -> Nobody:
    """Return who waits for the score: evo, where this attempt is one of its experiments, or nobody."""
    if "EVO_CHECKPOINT_DIR" not in environment:
        return Nobody()
    from trainers.report import evo

    return evo.Evo(layout, environment) if evo.inside(layout, environment) else Nobody()


def start_tracker(attempt: Attempt) -> None:
    """Start the process that reports the run, where the recipe names a tracker."""
    if attempt.recipe.report_to == "none" or not attempt.processes.first:
        return
    from trainers.report import trackers

    trackers.start(attempt)


def report(out: AttemptWriter, ending: Ending, orchestrator: Nobody, *, first: bool = True) -> int:
    """Write the last event; return the exit code."""
    over()
    if ending.outcome != "failed":
        out.stage("done")
    out.end(ending.outcome, ending.reason, **ending.fields())
    out.close()
    if first:
        print(f"== {ending.outcome}: {ending.reason}", flush=True)
    failed = ending.outcome in ("failed", "out_of_memory") or (first and orchestrator.unscored())
    return 1 if failed else 0


def _become_evaluate(attempt: Attempt, checkpoint: str) -> None:
    """Exec the held-out pass: a fresh interpreter without the trainer's memory, under the same pid."""
    attempt.out.close()
    sys.stdout.flush()
    sys.stderr.flush()
    hold(again=bool(attempt.stop) and not attempt.orchestrator.wants_score)
    here = [sys.executable, "-u", "-m", "trainers.evaluate", str(attempt.layout.root)]
    command = [*here, "--checkpoint", checkpoint, "--after-training"]
    os.execve(sys.executable, command, attempt.processes.environment_alone())


def log_error(error: BaseException) -> None:
    if isinstance(error, CockpitError | Stopped):
        print(str(error), file=sys.stderr, flush=True)
    else:
        traceback.print_exception(error)
