"""Start what follows from a run, each in a process of its own: the spot check beside it, the method log at its end.

These processes are started by module name, so that the supervisor imports neither the method log nor the spot check.
What goes wrong in them is written to the supervisor's log and changes nothing about the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import last_event
from cockpit.services.system import processes, spawn

CATCH_UP = "cockpit.services.experiments.catch_up"
SPOT_CHECK = "cockpit.services.spotcheck.auto"
CATCH_UP_S = 300.0  # then it goes on alone; under Slurm it ends with the job
LEAVE_S = 0.2  # between two questions whether there is no time left for it
FIRST_LOOK_S = 30.0  # between two looks at a run beside it; doubled each time

Say = Callable[[str], None]
Leave = Callable[[], bool]


def place_of(layout: AttemptLayout) -> tuple[Path, str] | None:
    """Return the workspace and the experiment that an attempt belongs to; None for a smoke run or a bare folder."""
    workspace, attempts = spawn.workspace_of(layout.root), layout.root.parent
    if attempts.name != "attempts" or not (workspace / "cockpit.toml").is_file():
        return None
    return workspace, attempts.parent.name


def write_down(layout: AttemptLayout, say: Say, *, leave: Leave | None = None) -> None:
    """Bring the run's verdict and findings into the method log, and make the spot check that it calls for.

    What a trainer that was killed left of its rows goes: it may be many times the data.
    """
    shutil.rmtree(layout.rows, ignore_errors=True)
    place = place_of(layout)
    if place is not None:
        workspace, experiment = place
        run(layout, CATCH_UP, [str(workspace), experiment], within_s=CATCH_UP_S, say=say, leave=leave)


def run(
    layout: AttemptLayout,
    module: str,
    arguments: Sequence[str],
    *,
    within_s: float,
    say: Say,
    leave: Leave | None = None,
) -> None:
    """Run one of our modules and wait for its end, at most `within_s` seconds. Never raises; says what went wrong.

    Nobody waits for it once `leave` says that there is no time for it any more.
    """
    try:
        process = _start(module, arguments)
        code = _wait(process, within_s, leave)
    except OSError as error:
        say(f"{module} could not be started: {error.strerror or error}")
    except subprocess.TimeoutExpired:
        say(f"{module} is not done, and is waited for no longer; it goes on alone")
    else:
        if code:
            say(f"{module} of {layout.root} failed (exit code {code})")


def _wait(process: subprocess.Popen[bytes], within_s: float, leave: Leave | None) -> int:
    """Give the exit code. Raises TimeoutExpired after `within_s` seconds, and soon after `leave` says so."""
    if leave is None:
        return process.wait(within_s)
    until = time.monotonic() + within_s
    while True:
        try:
            return process.wait(min(LEAVE_S, max(0.0, until - time.monotonic())))
        except subprocess.TimeoutExpired:
            if leave() or time.monotonic() >= until:
                raise


class Beside:
    """Looks at a run while it goes on: one whose mini-evals all scored 0 may learn what the verifier never accepts."""

    def __init__(self, layout: AttemptLayout, say: Say) -> None:
        self._layout = layout
        self._say = say
        self._place = place_of(layout)
        self._process: subprocess.Popen[bytes] | None = None
        self._mark = f"beside-{os.getpid()}-{time.time_ns():x}"
        self._size = 0
        self._next = time.monotonic()
        self._pause = FIRST_LOOK_S

    def look(self) -> None:
        """Start the spot check where the newest mini-eval calls for one; cheap where nothing was written since."""
        if self._place is None or time.monotonic() < self._next:
            return
        try:
            size = self._layout.events.stat().st_size
        except OSError:
            return
        if size == self._size:
            return
        self._size = size
        if (last_event(self._layout.events, "mid_eval") or {}).get("best_score") != 0.0:
            return
        self.end()
        workspace, experiment = self._place
        try:
            self._process = _start(SPOT_CHECK, [str(workspace), experiment, "--beside"], self._mark)
        except OSError as error:
            self._say(f"the spot check could not be started: {error.strerror or error}")
        self._next = time.monotonic() + self._pause
        self._pause *= 2

    def end(self) -> None:
        """End a check that is still going on, and all that it started: none of it was left behind by the trainer."""
        process, self._process = self._process, None
        if process is not None:
            # By its mark: what it started may be in a session of its own, and outlives it as a child of ours.
            processes.end_all(lambda: processes.belonging(self._mark, [process.pid]), grace_s=0.0)
            process.wait()


def _start(module: str, arguments: Sequence[str], mark: str = "") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        cwd="/",
        env=spawn.child_environment() | ({processes.MARK: mark} if mark else {}),
        start_new_session=True,
    )
