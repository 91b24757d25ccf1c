"""What runs inside a Slurm job: the attempt's supervisor, in the foreground, and what Slurm's signals mean for it.

submitit pickles a `TrainingJob` and calls it on the node. SIGUSR2 comes before the time limit, SIGTERM with `scancel`
and preemption: both become a graceful stop with a checkpoint. Requeued, the job resumes from there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic, control
from cockpit.contract.bounded import children
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import last_event
from cockpit.services.system import spawn
from cockpit.services.system.spawn import MAIN_IP, MAIN_PORT, NODE

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission  # pyright: ignore[reportMissingTypeStubs]

RESTARTS = "SLURM_RESTART_COUNT"


class TrainingJob:
    """One attempt's process. `module` runs another of our modules in it, `resume` goes on from a checkpoint."""

    arguments: tuple[str, ...] = ()  # of the class: a job that an older version submitted has none of its own

    def __init__(
        self,
        attempt: str,
        launch: str,
        *,
        resume: bool = False,
        module: str | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.attempt, self.launch, self.resume, self.module = attempt, launch, resume, module
        self.arguments = arguments
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._terminated = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_supervisor": None}

    def __call__(self) -> int:
        """Supervise until the run has ended; its exit code. Killed by Slurm, it is started anew and resumes.

        On several nodes this runs on each of them: the first one supervises, the others run their part of it.
        """
        layout = AttemptLayout(Path(self.attempt))
        if _requeued() and self._is_over(layout):
            return 0
        os.environ.update(place())
        if os.environ[NODE] != "0":
            return self._part(layout)
        again = self._again()
        signal.signal(signal.SIGTERM, self._stop)
        if again and not self._user_stops(layout):
            control.clear(layout)
        words = [
            *(["--resume"] if again and any(layout.checkpoints.glob("step_*")) else []),
            *(["--module", self.module] if self.module else []),
        ]
        argv = [
            sys.executable,
            "-P",
            "-m",
            "cockpit.services.runs.supervisor",
            "--foreground",
            "--launch",
            self.launch,
        ]
        self._supervisor = subprocess.Popen(
            [*argv, *words, "--", self.attempt, *self.arguments],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_deaf_to_usr2,
        )
        self._ended()
        if self._terminated and not self._user_stops(layout) and not self._is_over(layout):
            _hold_on()
        return self._supervisor.wait()

    def _part(self, layout: AttemptLayout) -> int:
        """This node's processes of the run, logged to a file of their own. How it ends the first node decides."""
        recipe: Any = atomic.read_json(layout.recipe)
        # Whether there is a checkpoint, and which, rank 0 says to all: two nodes that look into a shared folder, each
        # at a moment of its own, need not see the same.
        more = ["--resume"] if self._again() else []
        # The training processes are signalled too, and agree on the stop: this one only waits for their end.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        command = spawn.command(
            layout.root, recipe, os.environ, token=self.launch, module=self.module, resume=bool(more)
        )
        log = layout.log.with_name(f"trainer.node{os.environ[NODE]}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            out.write(f"== {' '.join([*command.shown, *more])}\n".encode())
            out.flush()
            done = subprocess.run(
                [*command.argv, *more],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=command.cwd,
                env=dict(command.env),
                check=False,
                preexec_fn=lambda: (_deaf_to_usr2(), command.before_exec()),
            )
        return done.returncode

    def _again(self) -> bool:
        """Whether the run began before: by wish, or because Slurm requeued the job."""
        return self.resume or _requeued()

    def _is_over(self, layout: AttemptLayout) -> bool:
        """Whether the run itself has said that it is done, its held-out pass too: nothing is left that could resume."""
        end, stage = last_event(layout.events, "end") or {}, last_event(layout.events, "stage") or {}
        newest = (end.get("seq") or 0) > (stage.get("seq") or 0)
        return self.module is None and newest and end.get("outcome") in ("finished", "early_stopped")

    def checkpoint(self) -> DelayedSubmission | None:
        """Called by submitit on SIGUSR2: end with a checkpoint; requeue unless a user asked for the stop."""
        layout = AttemptLayout(Path(self.attempt))
        asked = self._user_stops(layout)
        over = self._is_over(layout)
        self._stop(signal.SIGUSR2, None)
        # Nothing that could be saved waits behind a run that is over: its supervisor has time for its record.
        self._ended(LEAVE_S if over else None)
        if over or self._is_over(layout):
            # It was done before it heard of the stop; to submitit, None would be a failure.
            raise SystemExit(0)
        if asked:
            return None
        from submitit.helpers import DelayedSubmission  # pyright: ignore[reportMissingTypeStubs]

        return DelayedSubmission(TrainingJob(self.attempt, self.launch, resume=True, module=self.module))

    def _ended(self, within_s: float | None = None) -> None:
        """Wait for the supervisor's end without reaping it: Popen.wait holds a lock that a signal handler may meet."""
        if self._supervisor is None or self._supervisor.returncode is not None:
            return
        options = os.WEXITED | os.WNOWAIT
        if within_s is None:
            os.waitid(os.P_PID, self._supervisor.pid, options)
            return
        until = time.monotonic() + within_s
        while os.waitid(os.P_PID, self._supervisor.pid, options | os.WNOHANG) is None:
            if time.monotonic() >= until:
                return
            time.sleep(0.05)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._terminated = self._terminated or number == signal.SIGTERM
        if self._supervisor is not None and self._supervisor.returncode is None:
            os.kill(self._supervisor.pid, signal.SIGTERM)  # not reaped yet, so the pid is still its own

    @staticmethod
    def _user_stops(layout: AttemptLayout) -> bool:
        return (layout.control / USER_STOP).exists()


def _requeued() -> bool:
    """Whether Slurm started this job before."""
    return int(os.environ.get(RESTARTS) or 0) > 0


def place(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Which node of the job this is, and where the first one listens, from what Slurm says in the environment.

    The port comes from the job's number, so that two jobs that share a node don't meet; it lies below those that Linux
    gives to outgoing connections (from 32768 on), any of which may be taken.
    """
    job = env.get("SLURM_JOB_ID", "0")
    nodes = env.get("SLURM_JOB_NODELIST", "")
    first = "127.0.0.1"
    if int(env.get("SLURM_JOB_NUM_NODES") or 1) > 1 and nodes:
        told = children.ask(["scontrol", "show", "hostnames", nodes], seconds=30)
        if not told.well or not told.text.split():
            raise OSError(f"scontrol does not name the job's nodes: {told.complaint.strip()[:200]}")
        name = told.text.split()[0]
        first = _address(name) or name
    port = 20_000 + (int(job) if job.isdigit() else 0) % 12_000
    return {NODE: env.get("SLURM_NODEID", "0"), MAIN_IP: first, MAIN_PORT: str(port)}


def _address(node: str) -> str:
    """Where Slurm reaches a node: its name need not be one that is resolved."""
    told = children.ask(["scontrol", "show", "node", node, "-o"], seconds=30)
    fields = dict(part.split("=", 1) for part in told.text.split() if "=" in part)
    return fields.get("NodeAddr", "")


def _deaf_to_usr2() -> None:
    """Before a child's exec. Slurm signals all processes of a step on all nodes, and unheard SIGUSR2 ends one: it is
    for submitit alone, and the training processes learn of the stop from the first node's."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _hold_on() -> None:
    """Wait for Slurm to end a job that it preempts: one that ends by itself counts as done and is not requeued.

    A cancelled job is no longer running for Slurm, and this returns at once.
    """
    job = os.environ.get("SLURM_JOB_ID", "")
    until = time.monotonic() + HOLD_S
    while time.monotonic() < until:
        try:
            done = children.ask(["squeue", "-h", "-j", job, "-o", "%T"], seconds=10)
        except OSError:
            return
        if done.late or done.text.strip() != "RUNNING":
            return
        time.sleep(1.0)


HOLD_S = 600.0
LEAVE_S = 15.0  # for the supervisor of a run that is over
USER_STOP = "slurm-stop"
"""In control/: a person asked for the stop, so the job is not to be requeued."""
