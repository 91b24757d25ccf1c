"""Turn what Slurm says of a job into the status of the attempt that it runs; values in, values out.

Slurm knows what the attempt's folder can't tell: that a job waits, for what and in which place, and that a node failed
or a time limit was over. For everything else the attempt itself is the better source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cockpit.core.runs.status import AttemptStatus, State

SQUEUE_FORMAT = "%i|%T|%r|%S|%N|%L|%Q|%V"
"""For `squeue -h -o`: id, state, reason, expected start, nodes, time left, priority, submitted."""
_FIELDS = 8

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "SUSPENDED"})
RUNNING = frozenset({"RUNNING", "CONFIGURING", "STAGE_OUT", "SIGNALING", "RESIZING"})
ENDING = frozenset({"COMPLETING", "STOPPED"})
_REASONS = {
    "Resources": "waits for free nodes or GPUs",
    "Priority": "jobs of a higher priority go first",
    "Dependency": "waits for another job",
    "BeginTime": "waits for its begin time (after a requeue Slurm waits a while)",
    "JobHeldUser": "held by you: `scontrol release` lets it go",
    "JobHeldAdmin": "held by an administrator",
    "ReqNodeNotAvail": "the nodes that it asks for are down or reserved",
    "PartitionTimeLimit": "asks for more time than the partition allows",
    "PartitionNodeLimit": "asks for more nodes than the partition has",
    "QOSMaxGRESPerUser": "you have as many GPUs as your QOS allows",
    "QOSMaxJobsPerUserLimit": "you have as many jobs as your QOS allows",
    "AssocGrpGRES": "your account has as many GPUs as it may",
    "launch failed requeued held": "could not be started on its node, and is held",
}
_ENDS: dict[str, tuple[State, str]] = {
    "TIMEOUT": ("killed", "Slurm ended it at its time limit"),
    "NODE_FAIL": ("killed", "its node failed"),
    "BOOT_FAIL": ("failed", "its node could not be booted"),
    "OUT_OF_MEMORY": ("oom_killed", "Slurm ended it for using more memory than it asked for"),
    "PREEMPTED": ("killed", "it was preempted by a job of a higher priority, and not requeued"),
    "DEADLINE": ("killed", "Slurm ended it at its deadline"),
    "CANCELLED": ("stopped", "it was cancelled in Slurm"),
    "REVOKED": ("stopped", "it was revoked in Slurm"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One job as `squeue` shows it; `place` counts the waiting jobs of its partition from 1, by priority."""

    id: str
    state: str
    reason: str = ""
    start: str = ""
    nodes: str = ""
    left: str = ""
    place: int | None = None
    waiting: int = 0
    restarts: int = 0

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.state in WAITING | RUNNING | ENDING


def parse_squeue(text: str) -> dict[str, Job]:
    """Jobs by id from `squeue -h -o SQUEUE_FORMAT`; lines that are none are passed over."""
    rows = [line.split("|") for line in text.splitlines()]
    rows = [[part.strip() for part in row] for row in rows if len(row) == _FIELDS]
    waiting = sorted(
        (row for row in rows if row[1] in WAITING), key=lambda row: (-_number(row[6]), row[7], row[0])
    )
    places = {row[0]: place for place, row in enumerate(waiting, 1)}
    return {
        row[0]: Job(row[0], row[1], row[2], row[3], row[4], row[5], places.get(row[0]), len(waiting))
        for row in rows
    }


def parse_scontrol(text: str) -> Job | None:
    """One job from `scontrol show job ID -o`; None where it is unknown."""
    fields: dict[str, str] = {}
    for part in text.split():
        name, _, value = part.partition("=")
        fields[name] = value
    if "JobId" not in fields or "JobState" not in fields:
        return None
    restarts = fields.get("Restarts", "0")
    return Job(
        fields["JobId"],
        fields["JobState"],
        fields.get("Reason", ""),
        fields.get("StartTime", ""),
        fields.get("NodeList", ""),
        restarts=int(restarts) if restarts.isdigit() else 0,
    )


def with_job(status: AttemptStatus, job: Job | None, job_id: str) -> AttemptStatus:
    """The attempt's status, where Slurm knows better; `job` is None where Slurm no longer knows it."""
    if job is None:
        if status.state == "queued":
            return replace(
                status,
                state="lost",
                sentence=f"Lost: Slurm knows nothing of job {job_id}.",
                doing="",
                sure=False,
            )
        return status
    if job.state in WAITING:
        return replace(
            status, state="queued", sentence=_waits(status, job), doing="", stale_s=None, in_line=True
        )
    if job.state in RUNNING:
        return _running(status, job)
    if job.state in ENDING and status.live:
        return replace(status, state="stopping", sentence=f"Slurm is ending job {job.id}.", doing="")
    return _ended(status, job)


def _waits(status: AttemptStatus, job: Job) -> str:
    again = "Requeued" if status.step is not None or job.restarts else "Pending"
    at = f" after step {status.step}" if status.step is not None else ""
    why = _REASONS.get(
        job.reason, job.reason.replace("_", " ") if job.reason not in ("", "None") else "its turn comes"
    )
    place = f", number {job.place} of {job.waiting} in line" if job.place and job.waiting > 1 else ""
    start = f", expected at {job.start.replace('T', ' ')}" if job.start[:2] == "20" else ""
    resumes = "; it resumes from its checkpoint" if status.step is not None else ""
    return f"{again} in Slurm{at} (job {job.id}): {why}{place}{start}{resumes}."


def _running(status: AttemptStatus, job: Job) -> AttemptStatus:
    where = f" on {job.nodes}" if job.nodes else ""
    if status.state in ("queued", "lost") or (status.state == "stopped" and job.restarts):
        return replace(
            status, state="starting", sentence=f"Slurm is starting job {job.id}{where}.", doing="", sure=True
        )
    if status.live and job.left and job.left not in ("UNLIMITED", "INVALID", "NOT_SET"):
        return replace(status, sentence=f"{status.sentence[:-1]}; Slurm's limit is {job.left} away.")
    return status


def _ended(status: AttemptStatus, job: Job) -> AttemptStatus:
    """Its own end event is the better story; Slurm's word counts where there is none."""
    if not status.live and status.state not in ("queued", "lost", "killed"):
        return status
    unknown: tuple[State, str] = ("failed", f"Slurm calls job {job.id} {job.state.lower()}")
    state, why = _ENDS.get(job.state.split()[0].rstrip("+"), unknown)
    at = f" at step {status.step}" if status.step is not None else ""
    word = {"stopped": "Stopped", "failed": "Failed", "oom_killed": "Out of memory"}.get(state, "Ended")
    checkpoint = " It can be resumed from its newest checkpoint." if status.step else ""
    return replace(
        status, state=state, sentence=f"{word}{at}: {why}.{checkpoint}", doing="", reason=why, stale_s=None
    )


def options(settings: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """submitit's parameters for a recipe's `slurm` section; what is None is left to the cluster's defaults."""
    memory = settings.get("mem_gb")
    wanted: dict[str, Any] = {
        "job_name": name,
        "time": settings.get("time_min"),
        "mem": f"{math.ceil(float(memory) * 1024)}MB" if memory else None,
        "signal_delay_s": math.ceil(float(settings.get("grace_s") or 90)),
        "setup": list(settings.get("setup") or []) or None,
        "stderr_to_stdout": True,
    }
    same = ("partition", "nodes", "gpus_per_node", "cpus_per_task", "account", "qos", "constraint")
    wanted |= {key: settings.get(key) for key in same}
    wanted["ntasks_per_node"] = 1  # one of us on each node; accelerate starts the processes there
    return {key: value for key, value in wanted.items() if value is not None}


def _number(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else 0
