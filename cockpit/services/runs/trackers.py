"""Runs left open in an experiment tracker: their reporter was killed, or the tracker was out of reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout

CLOSE_S = 180.0  # the closer gives up by itself a good deal sooner
MODULE = "trainers.report.tracker"


def start(attempt: AttemptLayout, pid: int, env: Mapping[str, str]) -> None:
    """Report a trainer of the user's own, `pid`, which starts no reporter itself. Never raises."""
    try:
        attempt.tracker_log.parent.mkdir(parents=True, exist_ok=True)
        atomic.mark_opening(attempt.tracker)
        with attempt.tracker_log.open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", MODULE, str(attempt.root), "--watch", str(pid)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True,
            )  # fmt: skip
    except OSError:
        return


def left_open(attempt: AttemptLayout) -> bool:
    """Whether a reporter began on this attempt and never ended its run there."""
    record = atomic.read_object(attempt.tracker)
    return record is not None and record.get("state") != "closed"


def close_left(attempt: AttemptLayout) -> None:
    """Send what is missing and end the run, if it can be reached; waits for that, within bounds. Never raises."""
    process = start_closing(attempt)
    if process is None:
        return
    try:
        process.wait(CLOSE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_closing(attempt: AttemptLayout) -> subprocess.Popen[bytes] | None:
    """The same in the background, for a run that nobody supervises any more; None where nothing was started."""
    if not left_open(attempt):
        return None
    try:
        with attempt.tracker_log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", MODULE, str(attempt.root), "--close"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
    except OSError:
        return None
