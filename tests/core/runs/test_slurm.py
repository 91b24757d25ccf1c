"""What Slurm's answers mean for an attempt: each state a job can be in, beside each state its files can be in."""

from __future__ import annotations

import pytest

from cockpit.core.runs.slurm import Job, options, parse_scontrol, parse_squeue, with_job
from cockpit.core.runs.status import AttemptStatus, State

SQUEUE = """\
11|RUNNING|None|2026-11-18T10:00:00|gpu-3|12:00:00|100|2026-11-18T09:59:00
12|PENDING|Resources|2026-11-18T14:05:00||1-00:00:00|90|2026-11-18T10:00:00
13|PENDING|Priority|N/A||1-00:00:00|95|2026-11-18T10:01:00
slurm_load_jobs error: Unable to contact slurm controller
"""


def status(state: State = "running", step: int | None = 40) -> AttemptStatus:
    return AttemptStatus(state, f"{state.capitalize()}.", step=step)


def test_squeue_is_read_with_each_ones_place_in_line() -> None:
    jobs = parse_squeue(SQUEUE)
    assert set(jobs) == {"11", "12", "13"}
    assert (jobs["13"].place, jobs["12"].place, jobs["11"].place) == (1, 2, None)
    assert jobs["12"].start == "2026-11-18T14:05:00"


def test_a_job_that_ended_is_read_from_scontrol() -> None:
    job = parse_scontrol("JobId=7 JobName=exp_0001 JobState=NODE_FAIL Reason=None Restarts=2 NodeList=gpu-3")
    assert job == Job("7", "NODE_FAIL", "None", "", "gpu-3", restarts=2)
    assert parse_scontrol("slurm_load_jobs error: Invalid job id specified") is None


@pytest.mark.parametrize(
    ("before", "job", "state", "says"),
    [
        (status("queued", None), Job("7", "PENDING", "Resources", place=2, waiting=5), "queued", "2 of 5 in line"),
        (status("queued", None), Job("7", "PENDING", "Priority"), "queued", "higher priority go first"),
        (status("queued", None), Job("7", "PENDING", "QOSMaxJobs"), "queued", "QOSMaxJobs"),
        (status("stopped"), Job("7", "PENDING", "BeginTime", restarts=1), "queued", "Requeued in Slurm after step 40"),
        (status("lost"), Job("7", "PENDING", "None"), "queued", "it resumes from its checkpoint"),
        (status("queued", None), Job("7", "CONFIGURING", nodes="gpu-3"), "starting", "job 7 on gpu-3"),
        (status("lost", None), Job("7", "RUNNING", nodes="gpu-3"), "starting", "Slurm is starting"),
        (status("running"), Job("7", "RUNNING", left="1:30:00"), "running", "limit is 1:30:00 away"),
        (status("running"), Job("7", "RUNNING", left="UNLIMITED"), "running", "Running."),
        (status("running"), Job("7", "COMPLETING"), "stopping", "Slurm is ending job 7"),
        (status("lost"), Job("7", "NODE_FAIL"), "killed", "its node failed. It can be resumed"),
        (status("running"), Job("7", "TIMEOUT"), "killed", "at its time limit"),
        (status("killed"), Job("7", "OUT_OF_MEMORY"), "oom_killed", "more memory than it asked for"),
        (status("running"), Job("7", "CANCELLED by 1000"), "stopped", "cancelled in Slurm"),
        (status("lost"), Job("7", "PREEMPTED"), "killed", "preempted"),
        (status("queued", None), Job("7", "FAILED"), "failed", "Slurm calls job 7 failed"),
        (status("finished"), Job("7", "COMPLETED"), "finished", "Finished."),
        (status("failed"), Job("7", "FAILED"), "failed", "Failed."),
        (status("stopped"), Job("7", "FAILED"), "stopped", "Stopped."),
        (status("queued", None), None, "lost", "knows nothing of job 7"),
        (status("finished"), None, "finished", "Finished."),
        (status("running"), None, "running", "Running."),
    ],
)  # fmt: skip
def test_what_a_job_means_for_its_attempt(
    before: AttemptStatus, job: Job | None, state: str, says: str
) -> None:
    after = with_job(before, job, "7")
    assert after.state == state
    assert says in after.sentence


def test_what_waits_in_a_cluster_counts_as_running() -> None:
    waiting = with_job(status("queued", None), Job("7", "PENDING"), "7")
    assert waiting.live
    assert not status("queued", None).live


def test_what_is_not_set_is_left_to_the_cluster() -> None:
    asked = options(
        {"time_min": 60, "mem_gb": 1.5, "partition": None, "grace_s": 20.5, "nodes": 1}, name="exp_0001"
    )
    assert asked == {
        "job_name": "exp_0001", "time": 60, "mem": "1536MB", "signal_delay_s": 21, "nodes": 1,
        "stderr_to_stdout": True, "ntasks_per_node": 1,
    }  # fmt: skip
