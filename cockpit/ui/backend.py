"""What the screens need from the services, as a protocol, so that tests can bring a fake of it.

Everything here may block: it is called from threads, except `follow`, which returns at once. Only type checkers
import this module: making protocols costs time that the first frame doesn't have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from cockpit.core.findings import Finding
from cockpit.services.follower import Batch
from cockpit.services.workspace import ExperimentView
from cockpit.ui.facts import Check, Draft, Hardware, Picture, SampleFile


class Feed(Protocol):
    """A running tail of one attempt: a thread reads, the screen drains."""

    def drain(self) -> list[Batch]:
        """What was read since the last call, oldest first; never blocks."""
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """Everything the screens ask of the services."""

    def look(self) -> Picture: ...

    def follow(self, view: ExperimentView, wake: Callable[[], None]) -> Feed: ...

    def run_findings(self, view: ExperimentView) -> Sequence[Finding]: ...

    def hardware(self, view: ExperimentView | None) -> Hardware: ...

    def doctor(self) -> Sequence[Check]: ...

    def recipe(self, view: ExperimentView) -> Mapping[str, Any]: ...

    def sample_files(self, view: ExperimentView) -> Sequence[SampleFile]: ...

    def rows(self, file: SampleFile, limit: int) -> Sequence[Mapping[str, Any]]: ...

    def log_lines(self, view: ExperimentView) -> Sequence[str]: ...

    def launch(self, experiment_id: str) -> str: ...

    def resume(self, experiment_id: str) -> str: ...

    def stop(self, experiment_id: str, *, now: bool) -> str: ...

    def score(self, experiment_id: str) -> str: ...

    def decide(self, experiment_id: str, status: str, reason: str) -> str: ...

    def new(self, draft: Draft) -> str: ...

    def complain(self, error: BaseException) -> Path | None: ...
