"""A job that an earlier version put into Slurm's queue is still one after the upgrade."""

from __future__ import annotations

import pickle

from cockpit.services.runs.slurm_job import TrainingJob

PICKLED = b"\x80\x02ccockpit.services.slurm_job\nTrainingJob\n)\x81}(X\x07\x00\x00\x00attemptX\x02\x00\x00\x00/aX\x06\x00\x00\x00launchX\x01\x00\x00\x00lX\x06\x00\x00\x00resume\x88X\x06\x00\x00\x00moduleNX\x0b\x00\x00\x00_supervisorNX\x0b\x00\x00\x00_terminated\x89ub."  # noqa: E501
"""`TrainingJob("/a", "l", resume=True)` as version 0.1 pickled it."""


def test_a_job_is_found_by_the_name_that_it_was_submitted_with() -> None:
    job = pickle.loads(PICKLED)
    assert type(job) is TrainingJob
    assert (job.attempt, job.launch, job.resume, job.module) == ("/a", "l", True, None)
