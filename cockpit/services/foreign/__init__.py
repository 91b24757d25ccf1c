"""Runs that others made, read from the outside: a Hugging Face Trainer's folder, TensorBoard, MLflow, wandb, trackio.

runs = find(path)                    # what is there
for run in runs: run.poll()          # what is new since the last poll; never writes, never raises OSError

May import: `cockpit.contract`, `cockpit.core`; of the services `dataset` and `system` alone.
Start reading at `record.py` (what a foreign run is), then `sources/hf.py` as the pattern of a reader.
"""

from cockpit.services.foreign.find import find
from cockpit.services.foreign.record import ForeignRun, Row, Update

__all__ = ["ForeignRun", "Row", "Update", "find"]
