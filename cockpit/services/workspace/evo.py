"""Reading evo's folder (`.evo/`) from outside: its graph, its attempts, its clocks. No lock is taken, nothing written.

evo replaces its files by rename, so one read is whole; a NaN in them is a float like any other. Seen with evo 0.8.0.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout
from cockpit.services.system.processes import start_time

HOME = ".evo"
SEAM = "cockpit"
"""In EVO_CHECKPOINT_DIR: the folder of an attempt that `trainers.run` made."""

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvoAttempt:
    """One attempt's folder of evo's: `attempts/001`."""

    root: Path

    @property
    def seam(self) -> AttemptLayout | None:
        """Our own files in it, where one of our trainers ran; None for any other benchmark."""
        for folder in (self.root / "checkpoints" / SEAM, self.root / SEAM):
            if (folder / "recipe.json").is_file():
                return AttemptLayout(folder)
        return None

    @property
    def log(self) -> Path:
        """What the benchmark printed."""
        return self.root / "benchmark.log"

    @property
    def error_log(self) -> Path:
        return self.root / "benchmark_err.log"

    def state(self) -> Mapping[str, Any]:
        """Phase, status and the driver's pid, as evo last wrote them."""
        return atomic.read_object(self.root / "attempt_state.json") or {}


def is_own_home(folder: Path) -> bool:
    """Whether this `.evo` is evo's own home of a user, which is no workspace."""
    homes = {Path.home() / HOME, Path(os.environ.get("EVO_HOME") or Path.home() / HOME)}
    return folder.resolve() in {home.resolve() for home in homes}


def active_run(root: Path) -> Path | None:
    """The folder of the run that evo works on: `.evo/run_0000`."""
    name = (atomic.read_object(root / HOME / "meta.json") or {}).get("active")
    folder = root / HOME / str(name)
    return folder if isinstance(name, str) and folder.is_dir() else None


def graph(run: Path) -> dict[str, Node]:
    """Nodes by id, as evo wrote them; its artificial root is left out."""
    nodes = (atomic.read_object(run / "graph.json") or {}).get("nodes")
    if not isinstance(nodes, dict):
        return {}
    found = cast("dict[str, Any]", nodes)
    return {
        str(id_): cast("Node", node)
        for id_, node in found.items()
        if id_ != "root" and isinstance(node, dict)
    }


def attempt_of(run: Path, node: Node) -> EvoAttempt | None:
    """The newest attempt of a node; None before its first."""
    number = node.get("current_attempt")
    if not isinstance(number, int) or number < 1:
        return None
    return EvoAttempt(run / "experiments" / str(node.get("id")) / "attempts" / f"{number:03d}")


def node_of(folder: Path, experiment: str) -> Node:
    """The node of an experiment whose files lie at `folder`, somewhere below `.evo/run_N`; empty where unknown."""
    for above in folder.parents:
        if (above / "graph.json").is_file() and above.parent.name == HOME:
            return graph(above).get(experiment, {})
    return {}


def parent_of(node: Node) -> str | None:
    """The parent's id; None below evo's root."""
    parent = node.get("parent")
    return parent if isinstance(parent, str) and parent != "root" else None


def epoch(value: object) -> float:
    """evo's ISO time in epoch seconds; 0 where it is none."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return 0.0


def driver_gone(attempt: EvoAttempt) -> bool:
    """Whether the `evo run` that drives an attempt has died: evo goes on calling the experiment active then."""
    pid = attempt.state().get("pid")
    return isinstance(pid, int) and start_time(pid) is None
