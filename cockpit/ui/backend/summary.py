"""What the services tell the screens, as small values. Equal values need no redraw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cockpit.core.findings import Finding
    from cockpit.services.foreign.here import Here
    from cockpit.services.workspace.workspace import ExperimentView


class Problem(NamedTuple):
    """Something wrong that a person can fix: what, and how."""

    title: str
    fix: str = ""


class WorkspaceSnapshot(NamedTuple):
    """The workspace as it was read at one moment. Equal snapshots need no redraw."""

    root: Path | None = None
    name: str = ""
    model: str = ""
    held_out: str = ""
    verifier: str = ""
    experiments: tuple[ExperimentView, ...] = ()
    method_log: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Those across experiments; those of one run come with `run_findings`."""
    problem: Problem | None = None
    story: str = ""
    """How far the demo is, where this is its workspace."""
    here: Here | None = None
    """What is in this folder, where it is no workspace."""
    refused: frozenset[str] = frozenset()
    """The actions, by id, that can't be carried out from here: the runs are only looked at."""

    def view(self, experiment_id: str | None) -> ExperimentView | None:
        return next((view for view in self.experiments if view.id == experiment_id), None)


class Hardware(NamedTuple):
    """The machine at one moment, already rounded to what is worth a redraw. Memory in GiB, shares in percent."""

    cpu: int | None = None
    memory_used: float | None = None
    memory_total: float | None = None
    trainer: float | None = None
    """Resident memory of the shown run's processes."""
    gpus: tuple[GpuLine, ...] = ()
    disk_free: float | None = None


class GpuLine(NamedTuple):
    """One GPU: name, busy percent, memory in GiB, degrees Celsius, watts; None where it doesn't say."""

    name: str
    busy: int | None = None
    memory_used: float | None = None
    memory_total: float | None = None
    celsius: int | None = None
    watts: int | None = None


class Check(NamedTuple):
    """One line of the doctor: level is ok, warn or fail."""

    name: str
    level: str
    message: str
    fix: str = ""


class SampleFile(NamedTuple):
    """A file of prompts and completions: split "train", "eval" or "held_out", and the step (None: the full pass)."""

    split: str
    step: int | None
    path: Path
