"""Experiment trackers by the environment's invitation, each run reported by a process of its own.

wandb, trackio, mlflow or none: the recipe says which (the first that the environment asks for; never two). The
process (`trainers.report.tracker`) reads the attempt's own files, so that a dead or slow tracker costs training
nothing, and closes the tracker's run however the trainer ended.
"""

from __future__ import annotations

import os
import subprocess
import sys

from cockpit.contract import atomic
from trainers.attempt.attempt import Attempt


def start(attempt: Attempt) -> None:
    """Start the reporting of this process's run to the tracker that the recipe names. Never raises, never waits."""
    name = attempt.recipe.report_to
    layout = attempt.layout
    # An interpreter of the technique's own need not have the tracker; the cockpit's has.
    python = os.environ.get("COCKPIT_PYTHON") or sys.executable
    command = [python, "-m", "trainers.report.tracker", str(layout.root), "--watch", str(os.getpid())]
    try:
        layout.tracker_log.parent.mkdir(parents=True, exist_ok=True)
        atomic.mark_opening(layout.tracker)
        with layout.tracker_log.open("ab") as log:
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    except OSError as error:
        attempt.notice(f"{name} gets nothing of this run: {error.strerror or error}.", "warning")
