"""Start what follows from a run, each in a process of its own: spot check and alerts beside it, then the method log.

These processes are started by module name, so that the supervisor imports none of what they do.
What goes wrong in them is written to the supervisor's log and changes nothing about the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cockpit.contract.bounded import untrusted
from cockpit.contract.events import STANDING
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import last_event
from cockpit.contract.values import mapping
from cockpit.services.system import processes, spawn

CATCH_UP = "cockpit.services.experiments.catch_up"
SPOT_CHECK = "cockpit.services.spotcheck.auto"
ALERTS = "cockpit.services.alerts.look"
ALERTS_EVERY_S = 60.0  # between two looks at a run that somebody is told of
ALERTS_S = 60.0  # how long a job, which takes its processes along, waits for them at its end
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
        alerts = _start_alerts(workspace, experiment, say) if tells(workspace) else None
        run(layout, CATCH_UP, [str(workspace), experiment], within_s=CATCH_UP_S, say=say, leave=leave)
        if (
            alerts is not None and leave is not None
        ):  # elsewhere it goes on alone, and tries again where it has to
            with suppress(subprocess.TimeoutExpired):
                _wait(alerts, ALERTS_S, leave)


def tells(workspace: Path) -> bool:
    """Whether cockpit.toml has somebody told; what is wrong about its section, the process that tells says."""
    import tomllib  # only where a run is in a workspace

    try:
        text = untrusted.read_text(workspace / "cockpit.toml")
        section = mapping(tomllib.loads(text).get("alerts")) if "alerts" in text else {}
    except (OSError, ValueError, RecursionError):
        return False
    return bool(section.get("to") or section.get("command"))


def _start_alerts(workspace: Path, experiment: str, say: Say) -> subprocess.Popen[bytes] | None:
    try:
        return _start(ALERTS, [str(workspace), experiment])
    except OSError as error:
        say(f"alerts could not be sent: {error.strerror or error}")
        return None


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


class Alerts:
    """Has those told who want to know what happens in a run while it goes on; costs nothing where nobody does."""

    def __init__(self, layout: AttemptLayout, say: Say, *, every_s: float = ALERTS_EVERY_S) -> None:
        self._files = (layout.events, layout.metrics)
        self._say = say
        self._place = place_of(layout)
        self._process: subprocess.Popen[bytes] | None = None
        self._every_s = every_s
        self._next = time.monotonic() + every_s
        self._sizes: list[int] = []
        self._idle = 0

    def look(self) -> None:
        """Start a look where the run wrote something; of one that is silent, which may be stalled, ever more rarely."""
        if self._place is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every_s
        if self._process is not None and self._process.poll() is None:
            return
        sizes = [_size(path) for path in self._files]
        self._idle = self._idle + 1 if sizes == self._sizes else 0
        self._sizes = sizes
        if self._idle & (self._idle - 1) == 0 and tells(self._place[0]):
            self._process = _start_alerts(*self._place, self._say)

    def processes(self, rows: dict[int, processes.Row]) -> set[int]:
        """The look that goes on, with what it started: a message half sent would be sent again."""
        if self._process is None or self._process.poll() is not None:
            return set()
        return {self._process.pid, *(row.pid for row in processes.descendants(self._process.pid, rows))}


class Beside:
    """Looks at a run while it goes on: one whose mini-evals all scored 0 may learn what the verifier never accepts."""

    def __init__(self, layout: AttemptLayout, say: Say) -> None:
        self.alerts = Alerts(layout, say)
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
        self.alerts.look()
        if self._place is None or time.monotonic() < self._next:
            return
        try:
            size = self._layout.events.stat().st_size
        except OSError:
            return
        if size == self._size:
            return
        self._size = size
        if (last_event(self._layout.events, *STANDING) or {}).get("best_score") != 0.0:
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


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
