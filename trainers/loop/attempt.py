"""One attempt as a trainer sees it: recipe, reports, stop flag; and the frame that every trainer runs in."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptLayout, AttemptWriter, CockpitError, Recipe, hub
from cockpit.contract.events import Stage
from trainers.distributed import ranks
from trainers.distributed.ranks import RANK as RANK
from trainers.loop import checkpoints
from trainers.loop.ending import Ending, explain
from trainers.loop.signals import StopFlag, Stopped, hold, over
from trainers.model import imports
from trainers.report import evo, summary, trackers
from trainers.rollouts import vllm_rollouts


class SilentWriter(AttemptWriter):
    """For ranks other than 0: every file of an attempt has one writer."""

    def event(self, kind: str, **fields: object) -> None: ...

    def metrics(self, step: int, values: Any) -> None: ...

    def rows(self, path: Path, rows: Any) -> int | None: ...

    def publish_best(self, step: int) -> None: ...


@dataclass
class Attempt:
    """What a trainer is given. `facts` gathers what train_summary.json will tell (tokens, trackers, …), `gauges`
    numbers that stand in every row of metrics.jsonl beside what TRL logs.
    """

    layout: AttemptLayout
    recipe: Recipe
    out: AttemptWriter
    stop: StopFlag
    resume: bool = False
    began: float = field(default_factory=time.monotonic)
    facts: dict[str, Any] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)

    def stage(self, name: Stage, detail: str = "") -> None:
        """Report a stage, unless the run was asked to stop meanwhile. Raises Stopped."""
        if self.stop:
            raise Stopped
        self.enter(name, detail)

    def enter(self, name: Stage, detail: str = "") -> None:
        """Report a stage, whatever was asked meanwhile: for where all processes have agreed to go on."""
        (imports.hold if name == "importing" else imports.settle)()
        if RANK == 0:
            print(f"== {name} {detail}".rstrip(), flush=True)
        self.out.stage(name, detail)

    def told_to_stop(self) -> bool:
        """Whether any process of the run was asked to stop. Waits for all of them, and tells them all the same.

        Act on the answer, never on `stop`: a signal that comes a moment later is heard here and not yet there, and
        processes that don't do the same wait for each other until they are killed.
        """
        agreed = ranks.agree(bool(self.stop))[0]
        if agreed:
            self.stop.follow()
        return agreed

    def notice(self, text: str, level: Any = "info", about: Any = None) -> None:
        """Tell the person something, in the events and in the log; programs go by `about`, not by the sentence."""
        if RANK == 0:
            print(f"[{level}] {text}", flush=True)
        self.out.notice(level, text, about)


def run(technique: str, body: Callable[[Attempt], Ending], argv: list[str] | None = None) -> int:
    """Run `body` on the attempt named on the command line; exit code 0 unless it failed.

    However it ends, the last event is one `end`, and it says why in a sentence; the traceback is in the log.
    """
    parser = argparse.ArgumentParser(prog=f"python -m trainers.{technique}")
    # A command of the user's own (technique custom) is told its folder by the environment.
    told = os.environ.get("COCKPIT_ATTEMPT_DIR")
    parser.add_argument("attempt_dir", type=Path, nargs="?", default=told)
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    args = parser.parse_args(argv)
    if args.attempt_dir is None:
        parser.error("the following arguments are required: attempt_dir")
    root = args.attempt_dir.resolve()
    began = time.time()
    stop = StopFlag()
    stop.listen()
    out = AttemptWriter(root) if RANK == 0 else SilentWriter(root)
    attempt: Attempt | None = None
    try:
        attempt = open_attempt(root, technique, out, stop, resume=args.resume)
        if RANK == 0:
            if attempt.resume:
                _forget_lost_steps(attempt)
            trackers.start(attempt)
        ending = body(attempt)
    except BaseException as error:  # noqa: BLE001 - every end is reported, none swallowed: see `explain`
        ending = explain(error, stop, attempt.recipe if attempt else None)
        log_error(error)
        ending = _blamed(ending, out.layout, began)
    return finish(attempt, out, ending)


def _forget_lost_steps(attempt: Attempt) -> None:
    """Drop the rows after the checkpoint that a resume goes on from: a killed run had got further than it had saved."""
    newest = checkpoints.newest(attempt.layout)
    step = (checkpoints.step_of(newest) or 0) if newest else 0
    dropped = attempt.out.rewind(step)
    if dropped:
        attempt.notice(
            f"The metrics after step {step} ({dropped} rows) are dropped: those steps are done again."
        )


def _blamed(ending: Ending, layout: AttemptLayout, began: float) -> Ending:
    """Among several processes the first that fails takes the others with it: its reason is the one to tell."""
    if ending.outcome not in ("failed", "out_of_memory"):
        return ending
    if RANK:
        ranks.confess(layout, ending.reason)
        return ending
    other = ranks.whose_fault(layout, since=began)
    return replace(ending, reason=other) if other else ending


def open_attempt(
    root: Path, technique: str, out: AttemptWriter, stop: StopFlag, *, resume: bool = False
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
    os.environ["COCKPIT_ATTEMPT_DIR"] = str(
        root
    )  # as the launcher says it, for a trainer that was started by hand
    quiet_environment(recipe)
    attempt = Attempt(layout, recipe, out, stop, resume)
    if os.environ.get(hub.SILENT):
        attempt.notice(
            f"The hub ({hub.host()[0]}) does not answer: only what its cache holds is used.", "warning"
        )
    return attempt


def quiet_environment(recipe: Recipe) -> None:
    """Environment that libraries read when they are imported; what the user has set stays.

    On a small shared box a second OpenMP thread makes steps many times slower, because both spin while they wait.
    """
    cores = os.cpu_count() or 1
    threads = recipe.resources.omp_num_threads or (1 if cores <= 4 else cores // 2)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    vllm_rollouts.prepare(recipe)
    names = (recipe.model.name_or_path, recipe.model.warm_start)
    if hub.OFFLINE not in os.environ and any(map(hub.is_id, names)) and not hub.reachable():
        os.environ[hub.OFFLINE] = os.environ[hub.SILENT] = "1"
    # Upstream's deprecations of its own calls, once a checkpoint: they bury what a log is read for.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft|accelerate)\.")


def finish(attempt: Attempt | None, out: AttemptWriter, ending: Ending) -> int:
    """Write the summary, then go on into the held-out pass in this very process, or report the end."""
    if attempt is not None and RANK == 0:
        summary.write_train_summary(attempt, ending)
    if ending.score_checkpoint and attempt is not None:
        if RANK == 0:
            _become_evaluate(attempt, ending.score_checkpoint)
        over()
        return 0
    over()
    if ending.outcome != "failed":
        out.stage("done")
    out.end(ending.outcome, ending.reason, **ending.fields())
    out.close()
    if RANK == 0:
        print(f"== {ending.outcome}: {ending.reason}", flush=True)
    failed = ending.outcome in ("failed", "out_of_memory") or (RANK == 0 and evo.unscored(out.layout))
    return 1 if failed else 0


def _become_evaluate(attempt: Attempt, checkpoint: str) -> None:
    """Exec the held-out pass: a fresh interpreter without the trainer's memory, under the same pid."""
    attempt.out.close()
    sys.stdout.flush()
    sys.stderr.flush()
    hold(again=bool(attempt.stop) and not evo.inside(attempt.layout))
    here = [sys.executable, "-u", "-m", "trainers.evaluate", str(attempt.layout.root)]
    told = [*here, "--checkpoint", checkpoint, "--after-training"]
    os.execve(sys.executable, told, ranks.environment_alone())


def log_error(error: BaseException) -> None:
    if isinstance(error, CockpitError | Stopped):
        print(str(error), file=sys.stderr, flush=True)
    else:
        traceback.print_exception(error)
