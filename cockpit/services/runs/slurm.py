"""Runs on a Slurm cluster, through submitit; the attempt folder on the shared file system is the same seam.

Nothing of ours runs on the cluster but the job itself. What Slurm says is asked for at most every few seconds, once for
all jobs together.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic, control
from cockpit.contract.bounded import children
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.core.runs import slurm as rules
from cockpit.core.runs.slurm import Job
from cockpit.services.runs.slurm_job import USER_STOP, TrainingJob

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

RECORD = "slurm.json"
ASK_EVERY_S = 5.0
_TIMEOUT_S = 10.0
_TELL_S = 60.0  # a stop must arrive, also where the controller is busy


def available() -> bool:
    """Whether jobs can be submitted from here."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def partitions() -> str:
    """A line each, `name|up or down|time limit|nodes`; empty where the controller doesn't answer."""
    return _run(["sinfo", "-h", "-o", "%P|%a|%l|%D"])


def submit(
    attempt: AttemptLayout,
    recipe: Recipe,
    *,
    resume: bool = False,
    module: str | None = None,
    arguments: Sequence[str] = (),
) -> str:
    """Hand the attempt to Slurm; gives the job's id. Raises CockpitError, with sbatch's refusal among others."""
    if not available():
        raise CockpitError(
            "launcher is slurm, but there is no sbatch here",
            "Submit from a login node, or set launcher=local.",
        )
    live = job_of(attempt)
    if live is not None and live.alive:
        raise CockpitError(
            f"it is in Slurm already, as job {live.id} ({live.state.lower()})", "Stop it first."
        )
    executor = _executor(attempt)
    settings = recipe.slurm.model_dump()
    control.clear(attempt)
    (attempt.control / USER_STOP).unlink(missing_ok=True)
    token = uuid.uuid4().hex[:16]
    job = TrainingJob(
        str(attempt.root.resolve()), token, resume=resume, module=module, arguments=tuple(arguments)
    )
    try:
        executor.update_parameters(**rules.options(settings, name=recipe.experiment_id))
        submitted: Any = executor.submit(job)
    except Exception as error:
        # submitit wraps sbatch's refusal in an error of its own, and parameters in ValueError.
        raise CockpitError(
            f"Slurm did not take the job: {_said(error)}",
            "Correct the recipe's slurm section.",
            file=attempt.recipe,
        ) from error
    told = {"v": 1, "job_id": str(submitted.job_id), "submitted": time.time()}
    try:
        atomic.write_json(attempt.root / RECORD, {**told, "partition": settings.get("partition")})
    except OSError:
        _tell(["scancel", str(submitted.job_id)])  # nobody would find it again
        raise
    _ASKED.forget()
    return str(submitted.job_id)


def stop(attempt: AttemptLayout, *, now: bool = False) -> str:
    """End the job: a pending one at once, a running one with a checkpoint (or `now`, without).

    Raises CockpitError where nothing is left to stop.
    """
    job = job_of(attempt, fresh=True)
    if job is None or not job.alive:
        raise CockpitError("Slurm has nothing of it to stop", "Look at its log.", file=attempt.root)
    _ASKED.forget()
    if now or job.state in rules.WAITING:
        _tell(["scancel", job.id])
        return f"Cancelled job {job.id}."
    attempt.control.mkdir(parents=True, exist_ok=True)
    (attempt.control / USER_STOP).touch()
    control.request(attempt, "stop")  # the trainer polls it at the end of its step
    _tell(["scancel", "--signal=USR2", job.id])  # and the job ends without being requeued
    return f"Stopping job {job.id}: it finishes its step and writes a checkpoint first."


def job_id(attempt: AttemptLayout) -> str | None:
    """The id under which it was last submitted; None where Slurm has nothing to do with it."""
    record = atomic.read_object(attempt.root / RECORD)
    return None if record is None else str(record.get("job_id"))


def job_of(attempt: AttemptLayout, *, fresh: bool = False) -> Job | None:
    """What Slurm says of it now (at most a few seconds ago, unless `fresh`); None where it knows nothing."""
    id_ = job_id(attempt)
    if id_ is None:
        return None
    if fresh:
        _ASKED.forget()
    return _ASKED.job(id_)


class Asked:
    """Slurm's answers, shared by everybody in this process: one `squeue` for all jobs, every few seconds."""

    def __init__(
        self, ask: Callable[[Sequence[str]], str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask, self._clock = ask, clock
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._jobs: Mapping[str, Job] = {}
        self._ended: dict[str, Job | None] = {}

    def job(self, id_: str) -> Job | None:
        """The job, as of the last answer; one that ended is asked for once more by itself, then remembered."""
        with self._lock:
            if self._clock() - self._at >= ASK_EVERY_S:
                self._at = self._clock()
                answer = self._ask(["squeue", "-h", "-o", rules.SQUEUE_FORMAT])
                self._jobs = rules.parse_squeue(answer)
            if id_ in self._jobs:
                self._ended.pop(id_, None)
                return self._jobs[id_]
            if id_ not in self._ended:
                self._ended[id_] = rules.parse_scontrol(self._ask(["scontrol", "show", "job", id_, "-o"]))
            return self._ended[id_]

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._at = float("-inf")
            self._ended.clear()


def _executor(attempt: AttemptLayout) -> Any:
    try:
        import submitit  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise CockpitError(
            "launcher=slurm needs submitit, which is not installed", "pip install 'finetune-cockpit[slurm]'"
        ) from error
    return submitit.SlurmExecutor(folder=str(attempt.root / "slurm"), max_num_timeout=100)


def _said(error: Exception) -> str:
    """The line of sbatch's that says why; the rest is submitit's own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if line.lower().startswith("sbatch: error")]
    return (told or lines or [type(error).__name__])[0].removeprefix("sbatch: error: ")


def _run(words: Sequence[str]) -> str:
    try:
        done = children.ask(words, seconds=_TIMEOUT_S, env=_plain())
    except OSError:
        return ""
    return done.text if done.well else ""


def _tell(words: Sequence[str]) -> None:
    try:
        done = children.ask(words, seconds=_TELL_S, env=_plain())
    except OSError as error:
        raise CockpitError(
            f"{words[0]} could not be run: {error}", "Is Slurm reachable from here?"
        ) from error
    if done.late:
        raise CockpitError(f"{words[0]} gave no answer within {_TELL_S:g} s", "Is Slurm reachable from here?")
    if not done.well:
        raise CockpitError(f"{words[0]} refused: {done.complaint.strip() or done.code}")


def _plain() -> dict[str, str]:
    """Without a user's own formats, which would change what is parsed."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("SQUEUE_", "SLURM_TIME_FORMAT"))}


_ASKED = Asked(_run)

__all__ = ["Asked", "available", "job_id", "job_of", "partitions", "stop", "submit"]
