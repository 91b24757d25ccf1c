"""The training stack of an interpreter: versions by their metadata, torch by asking it in a process of its own."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any, cast

from cockpit.contract.bounded import children, untrusted

# What the trainers were run with; newer patch releases count as the same.
TESTED = {
    "torch": "2.13.0",
    "transformers": "5.24.0",
    "trl": "1.16.0",
    "peft": "0.21.2",
    "accelerate": "1.15.0",
    "datasets": "5.2.0",
}
# First match wins (source text, "Stream training metrics live"): variable -> tracker and its package.
TRACKERS = (("WANDB_API_KEY", "wandb"), ("TRACKIO_SPACE_ID", "trackio"), ("MLFLOW_TRACKING_URI", "mlflow"))
PROBE_S = 120.0  # a cold import from a network disk takes its time

_PROBE = """
import json, torch
gpus = []
available = torch.cuda.is_available()
for index in range(torch.cuda.device_count() if available else 0):
    one = torch.cuda.get_device_properties(index)
    gpus.append({"name": one.name, "memory": one.total_memory, "capability": [one.major, one.minor]})
print(json.dumps({
    "version": torch.__version__,
    "cuda": torch.version.cuda,
    "hip": getattr(torch.version, "hip", None),
    "available": available,
    "gpus": gpus,
    "threads": torch.get_num_threads(),
}))
"""


@dataclass(frozen=True, slots=True)
class Torch:
    """What torch says of itself; `error` where it can't be imported. `cuda` is the version it was built for."""

    version: str = ""
    cuda: str | None = None
    hip: str | None = None
    available: bool = False
    gpus: tuple[str, ...] = ()
    bfloat16: bool = True
    """Whether every GPU computes in bfloat16 (compute capability 8.0 and later)."""
    error: str = ""


def version(name: str) -> str | None:
    """An installed package's version, without importing it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def same_release(found: str, tested: str) -> bool:
    """Whether `found` is `tested`, its patch releases and local builds (`+cpu`, `+cu126`) included."""
    return _release(found)[:2] == _release(tested)[:2]


def within(found: str, low: str, high: str) -> bool:
    """Whether `found` lies in a range of minor releases, both ends included."""
    return _release(low)[:2] <= _release(found)[:2] <= _release(high)[:2]


def ask_torch(python: str = sys.executable, timeout_s: float = PROBE_S) -> Torch:
    """Import torch in a process of its own and hear what it sees. Takes seconds."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = children.ask([python, "-c", _PROBE], seconds=timeout_s, env=env)
    except OSError as error:
        return Torch(error=f"{python} can't be run: {error.strerror or error}")
    if done.late:
        return Torch(error=f"import torch took longer than {timeout_s:.0f} s")
    if not done.well:
        lines = [line for line in done.complaint.splitlines() if line.strip()]
        return Torch(error=lines[-1][:300] if lines else f"exit code {done.code}")
    try:
        said = cast("dict[str, Any]", untrusted.parse(done.text.splitlines()[-1]))
    except (ValueError, IndexError):
        return Torch(error="its answer could not be read")
    gpus = cast("list[dict[str, Any]]", said["gpus"])
    return Torch(
        version=str(said["version"]),
        cuda=said["cuda"],
        hip=said["hip"],
        available=bool(said["available"]),
        gpus=tuple(str(gpu["name"]) for gpu in gpus),
        bfloat16=all(int(gpu["capability"][0]) >= 8 for gpu in gpus),
    )


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0])[:3])
