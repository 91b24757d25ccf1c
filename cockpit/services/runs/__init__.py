"""Runs as processes: launch, stop, resume, supervise, record how they ended; locally or on Slurm.

May import: `services.system`.
Start reading at `launcher.py`; `supervisor.py` is the process that stays, `aftermath.py` what it starts.
"""
