"""The real services behind the screens. Each is imported when it is first asked for: the first frame waits for none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.ui.facts import Check, Draft, Hardware, Picture, SampleFile

if TYPE_CHECKING:
    from cockpit.core.findings import Finding
    from cockpit.services.workspace import ExperimentView, Workspace
    from cockpit.ui.backend import Feed


class LocalBackend:
    """Services on this machine's files and processes."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._workspace: Workspace | None = None
        self._lock = threading.Lock()

    @property
    def workspace(self) -> Workspace:
        """The workspace; raises CockpitError where there is none."""
        from cockpit.contract.errors import CockpitError
        from cockpit.services.workspace import Workspace

        if self.root is None:
            raise CockpitError("there is no workspace here", "`cockpit init` makes one, `cockpit demo` shows one.")
        if self._workspace is None:
            self._workspace = Workspace(self.root)
        return self._workspace

    def look(self) -> Picture:
        if self.root is None:
            return Picture()
        workspace = self.workspace
        with self._lock:
            config = workspace.config
            return Picture(
                root=self.root,
                name=config.name,
                model=config.model,
                held_out=str(config.held_out),
                verifier=config.verifier,
                experiments=tuple(workspace.experiments()),
                method_log=tuple(workspace.method_log_lines()),
            )

    def follow(self, view: ExperimentView, wake: Callable[[], None]) -> Feed:
        raise NotImplementedError

    def run_findings(self, view: ExperimentView) -> Sequence[Finding]:
        return ()

    def hardware(self, view: ExperimentView | None) -> Hardware:
        return Hardware()

    def doctor(self) -> Sequence[Check]:
        return ()

    def recipe(self, view: ExperimentView) -> Mapping[str, Any]:
        return {}

    def sample_files(self, view: ExperimentView) -> Sequence[SampleFile]:
        return ()

    def rows(self, file: SampleFile, limit: int) -> Sequence[Mapping[str, Any]]:
        return ()

    def log_lines(self, view: ExperimentView) -> Sequence[str]:
        return ()

    def launch(self, experiment_id: str) -> str:
        raise NotImplementedError

    def resume(self, experiment_id: str) -> str:
        raise NotImplementedError

    def stop(self, experiment_id: str, *, now: bool) -> str:
        raise NotImplementedError

    def score(self, experiment_id: str) -> str:
        raise NotImplementedError

    def decide(self, experiment_id: str, status: str, reason: str) -> str:
        raise NotImplementedError

    def new(self, draft: Draft) -> str:
        raise NotImplementedError

    def complain(self, error: BaseException) -> Path | None:
        return None
