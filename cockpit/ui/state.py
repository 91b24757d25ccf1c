"""The one place where the screens' state lives. Handlers change it and `touch` what they changed.

Each widget names the topics that it shows; a revision a topic tells it whether there is anything to redraw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cockpit.core.findings import Finding
    from cockpit.services.live.attempt_state import LiveRun
    from cockpit.services.workspace.workspace import ExperimentView
    from cockpit.ui.backend.summary import Hardware, WorkspaceSnapshot

Topic = Literal["tree", "selection", "live", "log", "findings", "hardware", "clock", "charts"]
MOST_MARKED = 5


class CockpitState:
    """Everything that a screen shows. `now` is the coarse clock in epoch seconds: ages are counted from it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.snapshot: WorkspaceSnapshot | None = None
        self.selected: str | None = None
        self.steered = False
        """Whether somebody moved the selection; until then it goes to whatever begins to run."""
        self.pinned: str | None = None
        self.opened: str | None = None
        """The experiment of the run screen while that is up."""
        self.marked: list[str] = []
        self.words = ""
        """The filter of the tree."""
        self.live: dict[str, LiveRun] = {}
        self.findings: dict[str, tuple[Finding, ...]] = {}
        self.hardware: Hardware | None = None
        self.busy: dict[str, str] = {}
        """What was asked for and isn't done yet, an experiment's id -> `stopping`, `launching` …"""
        self.log_scale = False
        self.smoothing = 0.6
        """Weight of the past in the exponential moving average; 0 shows the raw line alone."""
        self.zoomed: str | None = None
        """The chart that has the pane for itself."""
        self.chart: str | None = None
        """The chart that was chosen among those of the pane."""
        self.cursor: float | None = None
        """The step of the reading line: the charts tell their values there."""
        self.steps: int | None = None
        """Show only the newest so many steps; None shows all."""
        self._revisions: dict[str, int] = {}

    def touch(self, *topics: Topic) -> None:
        """Say that what these topics stand for changed."""
        for topic in topics:
            self._revisions[topic] = self._revisions.get(topic, 0) + 1

    def revision(self, topics: Sequence[Topic]) -> int:
        """Grows whenever one of `topics` was touched."""
        return sum(self._revisions.get(topic, 0) for topic in topics)

    @property
    def shown_id(self) -> str | None:
        """Whose charts and log are shown: the pinned experiment's, else the selected one's."""
        return self.opened or self.pinned or self.selected

    @property
    def shown(self) -> ExperimentView | None:
        return self.snapshot.view(self.shown_id) if self.snapshot else None

    @property
    def selected_view(self) -> ExperimentView | None:
        return self.snapshot.view(self.selected) if self.snapshot else None

    @property
    def shown_run(self) -> LiveRun | None:
        return self.live.get(self.shown_id or "")

    def steps_there(self) -> int | None:
        """How many steps the shown run spans."""
        run = self.shown_run
        extent = run.series.extent() if run is not None and run.series is not None else None
        return int(extent[1] - extent[0]) + 1 if extent else None

    def shown_findings(self) -> list[Finding]:
        """Return those across experiments first, then those of the shown run, gravest first; each key once."""
        found = list(self.snapshot.findings) if self.snapshot else []
        return _ranked([*found, *self.findings.get(self.shown_id or "", ())])

    def all_findings(self) -> list[Finding]:
        """Return those across experiments and those of every run that was read, gravest first; each key once."""
        if self.snapshot is None:
            return []
        of_runs = [found for view in self.snapshot.experiments for found in self.findings.get(view.id, ())]
        return _ranked([*self.snapshot.findings, *of_runs])

    def finding(self, key: str) -> Finding | None:
        """Return the finding of this key, None where it is no longer there."""
        return next((finding for finding in self.all_findings() if finding.key == key), None)

    def see(self, snapshot: WorkspaceSnapshot) -> bool:
        """Take a new snapshot of the workspace; False where it brings nothing that is worth a redraw."""
        before, self.snapshot = self.snapshot, _calmed(snapshot, self.snapshot)
        if before is not None and before == self.snapshot:
            return False
        there = {view.id for view in snapshot.experiments}
        if self.selected not in there or (not self.steered and _begun(snapshot, before)):
            self.selected = _first_choice(snapshot)
            self.touch("selection")
        if self.pinned not in there:
            self.pinned = None
        self.marked = [id_ for id_ in self.marked if id_ in there]
        self.touch("tree", "findings")
        return True

    def select(self, experiment_id: str | None) -> bool:
        """Move the selection, as somebody asked for; True if it moved."""
        self.steered = True
        if experiment_id == self.selected:
            return False
        self.selected = experiment_id
        self.touch("selection")
        return True

    def toggle_mark(self, experiment_id: str) -> bool:
        """Select for comparison or no longer; False where too many are selected already."""
        if experiment_id in self.marked:
            self.marked.remove(experiment_id)
        elif len(self.marked) >= MOST_MARKED:
            return False
        else:
            self.marked.append(experiment_id)
        self.touch("tree", "charts")
        return True

    def toggle_pin(self, experiment_id: str) -> None:
        self.pinned = None if self.pinned == experiment_id else experiment_id
        self.touch("tree", "selection")


def _begun(snapshot: WorkspaceSnapshot, before: WorkspaceSnapshot | None) -> bool:
    """Whether something runs that did not before."""
    ran = {view.id for view in before.experiments if view.status == "running"} if before else set[str]()
    return any(view.status == "running" and view.id not in ran for view in snapshot.experiments)


def _first_choice(snapshot: WorkspaceSnapshot) -> str | None:
    """What an engineer wants to see first: what runs, else the newest experiment."""
    running = [view for view in snapshot.experiments if view.status == "running"]
    newest = max(running or snapshot.experiments, key=lambda view: (view.created, view.id), default=None)
    return newest.id if newest else None


def _calmed(new: WorkspaceSnapshot, old: WorkspaceSnapshot | None) -> WorkspaceSnapshot:
    """`new`, with what only counts seconds taken from `old`, so that waiting alone redraws nothing."""
    if old is None:
        return new
    before = {view.id: view for view in old.experiments}
    views: list[ExperimentView] = []
    for view in new.experiments:
        last = before.get(view.id)
        if last is not None and view.attempt is not None and last.attempt is not None and view != last:
            still = replace(view, attempt=replace(view.attempt, sentence=last.attempt.sentence,
                                                  stale_s=last.attempt.stale_s))  # fmt: skip
            view = last if still == last and not _aged(last.attempt.stale_s, view.attempt.stale_s) else view
        views.append(view)
    return new._replace(experiments=tuple(views))


def _aged(before: float | None, after: float | None) -> bool:
    """Whether a silence grew by enough to say so: 10 s in the first minute, then a minute."""
    if before is None or after is None:
        return before is not after
    step = 10.0 if after < 60 else 60.0
    return before // step != after // step


def _ranked(found: Sequence[Finding]) -> list[Finding]:
    rank = {"block": 0, "alarm": 1, "warn": 2, "info": 3}
    kept: dict[str, Finding] = {}
    for finding in sorted(found, key=lambda finding: rank.get(finding.severity, 4)):
        kept.setdefault(finding.key, finding)
    return list(kept.values())
