"""The spot check that nobody has to ask for: in the smoke run, and when the loss falls while the mid-evals stay at 0.

    python -m cockpit.services.spotcheck.auto WORKSPACE EXPERIMENT [--beside]     (started beside a run)

Source: "Stuck at 0 … SFT loss can be healthy while the model emits unparseable output"; "Do NOT try a fourth
training-technique variant before doing this spot-check".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.techniques import SAMPLING
from cockpit.core import stats
from cockpit.core.runs.run_record import Run
from cockpit.core.spotcheck.spot import headline
from cockpit.services.workspace.workspace import ExperimentView, Workspace

FELL = 0.9
"""A loss below this share of where it began has fallen."""
LOSSES, MID_EVALS = 6, 2
"""Rows of the loss, and mini-evals at 0, from which on it can be told."""


def learns_something_else(run: Run) -> bool:
    """Whether the loss fell while every mini-eval so far scored nothing."""
    losses = run.values("loss")
    if run.technique in SAMPLING or len(losses) < LOSSES or len(run.mid_evals) < MID_EVALS:
        return False
    fell = stats.mean(losses[-3:]) < FELL * stats.mean(losses[:3])
    return fell and all(mid.score == 0.0 for mid in run.mid_evals)


def is_due(ws: Workspace, view: ExperimentView) -> bool:
    """Whether this run calls for a check that it hasn't had. Cheap for runs that plainly don't."""
    if (
        view.attempt_dir is None
        or view.technique in ("baseline", "custom", *SAMPLING)
        or view.mini_best != 0.0
    ):
        return False
    if _checked(ws, view.id):
        return False
    from cockpit.services.rules import run_findings

    return learns_something_else(run_findings.run_of(AttemptLayout(view.attempt_dir)))


def _checked(ws: Workspace, experiment_id: str) -> bool:
    record = atomic.read_object(ws.layout.experiment(experiment_id).record) or {}
    return record.get("spot_check") is not None


def quietly(ws: Workspace, experiment_id: str, tell: Callable[[str], None]) -> None:
    """Check, store and report the verdict; what can't be checked is reported too, and stops nothing."""
    from cockpit.services.spotcheck import check as spotcheck

    try:
        check = spotcheck.run(spotcheck.SpotCheckRequest(experiment=experiment_id), ws)
    except CockpitError as error:
        tell(f"the spot check could not be made: {error}")
        return
    tell(f"spot check: {headline(check)}")


def catch_up(ws: Workspace, only: Sequence[str] = ()) -> list[str]:
    """Check every run (or those of the experiments named) that calls for it and hasn't been; gives their ids."""
    views = [view for view in ws.experiments() if not only or view.id in only]
    due = [view.id for view in views if is_due(ws, view)]
    for experiment_id in due:
        quietly(ws, experiment_id, lambda text: print(text, file=sys.stderr))
    return due


def begin(ws: Workspace, view: ExperimentView) -> bool:
    """Return True for the first who asks whether to check this attempt while it runs: it is done once."""
    mark = ws.layout.cache / "spot" / f"{view.id}-{view.attempts:03d}"
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError:
        return False  # somebody else has begun it
    return True


def main(argv: list[str]) -> int:
    """Check one experiment of a workspace; with `--beside` only where its run calls for it, and once an attempt."""
    try:
        ws = Workspace(Path(argv[0]))
        view = ws.experiment(argv[1])
        if "--beside" not in argv or (is_due(ws, view) and begin(ws, view)):
            quietly(ws, argv[1], lambda text: print(text, file=sys.stderr))
    except CockpitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
