"""Where version 0.1 had `TrainingJob`: the jobs that it submitted name this place, and are unpickled from it.

submitit pickles a job by its class's module. What waits in Slurm's queue across an upgrade, or is requeued after it,
would die on the node if this name were gone.
"""

from cockpit.services.runs.slurm_job import TrainingJob

__all__ = ["TrainingJob"]
