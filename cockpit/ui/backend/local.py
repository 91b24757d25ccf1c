"""The real services behind the screens. Each is imported when it is first asked for: the first frame waits for none."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.ui.backend.summary import Check, Hardware, Problem, SampleFile, WorkspaceSnapshot

if TYPE_CHECKING:
    from cockpit.core.findings import Finding
    from cockpit.core.scores import Score
    from cockpit.core.spotcheck.spot import SpotCheck
    from cockpit.core.tree.comparing import Axis, Comparison
    from cockpit.services.foreign.here import Here
    from cockpit.services.recipe.field_check import DraftFields
    from cockpit.services.spotcheck.check import Bench
    from cockpit.services.system.hardware import Hardware as Looker
    from cockpit.services.workspace.workspace import ExperimentView, Workspace
    from cockpit.ui.backend.protocol import Feed

LOG_BYTES = 4_000_000
"""How far back the log of the run screen reaches."""
ACROSS_S = 15.0
HERE_S = 5.0
_JUDGING_SHARE = 200.0  # judging again, where nothing changed, takes half a percent of the time at most
"""Seconds until the diagnostics across experiments are asked again though no score changed (a spot check does it)."""
_ROW_BYTES = 8_000_000


class LocalBackend:
    """Services on this machine's files and processes. Every method but `follow` may block: threads call it."""

    def __init__(self, root: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.clock = clock
        self._workspace: Workspace | None = None
        self._lock = threading.Lock()
        self._judging_pause = 0.0
        self._here: tuple[float, Here] | None = None
        self._judged: tuple[object, float, tuple[Finding, ...]] | None = None
        self._hardware: Looker | None = None
        self._shown: Hardware | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace; raises CockpitError where there is none."""
        from cockpit.contract.errors import CockpitError
        from cockpit.services.workspace import open as open_workspace

        if self.root is None:
            raise CockpitError(
                "there is no workspace here", "`cockpit init` makes one, `cockpit demo` shows one."
            )
        if self._workspace is None:
            self._workspace = open_workspace.at(self.root, clock=self.clock)
        return self._workspace

    def use(self, root: Path) -> None:
        from cockpit.contract.layout import WorkspaceLayout

        if root != self.root and WorkspaceLayout(root).config.is_file():
            self.root, self._workspace = root, None

    # -- looking -------------------------------------------------------------------------------------------------

    def refresh(self) -> WorkspaceSnapshot:
        from cockpit.contract.errors import CockpitError

        if self.root is None:
            return WorkspaceSnapshot(here=self._look_here())
        workspace = self.workspace
        with self._lock:
            snapshot = WorkspaceSnapshot(
                root=self.root,
                name=self.root.name,
                experiments=(views := tuple(workspace.experiments())),
                findings=self._across(views),
                method_log=tuple(workspace.method_log_lines()),
            )
            snapshot = self._with_story(snapshot)
            if snapshot.story and not workspace.layout.config.exists():
                return snapshot  # the demo makes its workspace when its model is ready
            try:
                config = workspace.config
            except CockpitError as error:  # the runs can be looked at all the same
                where = f"{Path(error.file).name}: " if error.file else ""
                return snapshot._replace(problem=Problem(where + error.title, error.fix))
            return snapshot._replace(
                name=config.name, model=config.model, held_out=str(config.held_out), verifier=config.verifier
            )

    def _look_here(self) -> Here:
        """What there is without a workspace; looked for again after a while, since runs begin."""
        from cockpit.services.foreign import here

        now = time.monotonic()
        if self._here is None or now - self._here[0] > HERE_S:
            seen = here.look(Path.cwd())
            self._here = (time.monotonic(), seen)
        return self._here[1]

    def _with_story(self, snapshot: WorkspaceSnapshot) -> WorkspaceSnapshot:
        """The demo's narration, where this is its workspace."""
        assert self.root is not None
        private = self.workspace.layout.private
        if not (private / "demo.json").exists() and not (private / "demo.lock").exists():
            return snapshot
        from cockpit.services.experiments import demo

        story, wrong = demo.told_so_far(self.root)
        return snapshot._replace(story=story, problem=Problem(story, wrong) if wrong else None)

    def follow(self, view: ExperimentView, wake: Callable[[], None]) -> Feed:
        from cockpit.services.live.follower import Follower

        assert view.attempt_dir is not None, "only an attempt has files to follow"
        return Follower(view.attempt_dir, wake)

    def _across(self, views: tuple[ExperimentView, ...]) -> tuple[Finding, ...]:
        """The diagnostics across experiments: not for the first snapshot, then when a score or a decision changed."""
        now = time.monotonic()
        key = tuple((view.id, view.status, view.score) for view in views)
        if self._judged is None:
            self._judged = (None, 0.0, ())
        elif key != self._judged[0] or now - self._judged[1] > max(ACROSS_S, self._judging_pause):
            from cockpit.contract.errors import CockpitError
            from cockpit.services.rules import workspace_findings

            try:
                found = tuple(workspace_findings.across(self.workspace, views, look=False))
            except CockpitError:
                found = self._judged[2]  # a file that is being edited; the tree is shown all the same
            self._judged = (key, now, found)
            self._judging_pause = _JUDGING_SHARE * (time.monotonic() - now)  # a large tree takes seconds
        return self._judged[2]

    def run_findings(self, view: ExperimentView) -> Sequence[Finding]:
        from cockpit.services.rules import run_findings

        if view.attempt_dir is None:
            return ()
        found = run_findings.for_attempt(
            view.attempt_dir, parent=self._parent_score(view), delta=view.delta, now=self.clock()
        )
        return run_findings.without_drafts(found) if self.workspace.read_only else found

    def _parent_score(self, view: ExperimentView) -> Score | None:
        with self._lock:
            experiments = self.workspace.experiments()
        return next((parent.score for parent in experiments if parent.id == view.parent), None)

    def compare(self, ids: Sequence[str], axis: Axis) -> Comparison:
        from cockpit.services.workspace import comparing

        return comparing.of(self.workspace, ids, axis)

    def export(self, whole: Comparison) -> str:
        from cockpit.services.workspace import comparing

        first, *rest = comparing.export(self.workspace, whole)
        return f"Written: {first}" + "".join(f" and {path.name}" for path in rest)

    def hardware(self, view: ExperimentView | None) -> Hardware:
        from cockpit.ui.backend.rounding import rounded

        if self._hardware is None:
            from cockpit.services.system.hardware import Hardware as Looker

            self._hardware = Looker(self.root)
        self._shown = rounded(self._hardware.sample(_trainer_pid(view)), self._shown)
        return self._shown

    def doctor(self) -> Sequence[Check]:
        from cockpit.services import doctor

        return [
            Check(seen.name, seen.level, message=seen.message, fix=seen.fix)
            for seen in doctor.checks(self.root)
        ]

    # -- one run -------------------------------------------------------------------------------------------------

    def recipe(self, view: ExperimentView) -> Mapping[str, Any]:
        return self.workspace.recipe_of(view)

    def sample_files(self, view: ExperimentView) -> Sequence[SampleFile]:
        from cockpit.contract.layout import AttemptLayout

        if view.attempt_dir is None:
            return ()
        attempt = AttemptLayout(view.attempt_dir)
        found: list[SampleFile] = []
        for path in sorted(attempt.samples.glob("*_step_*.jsonl")):
            split, _, step = path.stem.partition("_step_")
            if step.isdigit():
                found.append(SampleFile(split.removeprefix("mid_"), int(step), path))
        full = attempt.held_out / "items.jsonl"
        return [*found, *([SampleFile("held_out", None, full)] if full.is_file() else [])]

    def rows(self, file: SampleFile, limit: int) -> Sequence[Mapping[str, Any]]:
        from cockpit.contract.reader import decode_line

        try:
            with file.path.open("rb") as handle:
                lines = handle.read(_ROW_BYTES).split(b"\n")
        except OSError:
            return ()
        rows = (decode_line(line) for line in lines[: limit + 1] if line)
        return [row for row in rows if row is not None][:limit]

    def log_lines(self, view: ExperimentView) -> Sequence[str]:
        from cockpit.services.runs.observe import text_at_end

        log = self.workspace.log_file(view)
        return text_at_end(log, LOG_BYTES).split("\n") if log else ()

    # -- moves ---------------------------------------------------------------------------------------------------

    def launch(self, experiment_id: str, reason: str | None = None) -> str:
        from cockpit.services.experiments import lifecycle

        lifecycle.launch(self.workspace, experiment_id, reason=reason)
        return f"{experiment_id} is launched. It outlives this screen."

    def resume(self, experiment_id: str) -> str:
        from cockpit.services.experiments import lifecycle

        lifecycle.resume(self.workspace, experiment_id)
        return f"{experiment_id} goes on from its newest checkpoint."

    def stop(self, experiment_id: str, *, now: bool) -> str:
        from cockpit.services.experiments import lifecycle

        return f"{experiment_id}: {lifecycle.stop(self.workspace, experiment_id, now=now)}"

    def score_time(self, experiment_id: str) -> float | None:
        from cockpit.services.experiments import scoring

        return scoring.expected(self.workspace, experiment_id)

    def score(self, experiment_id: str) -> str:
        from cockpit.services.experiments import scoring

        scoring.score(self.workspace, experiment_id)
        return f"{experiment_id} is being scored on the whole held-out set."

    def decide(self, experiment_id: str, status: str, reason: str, although: str | None = None) -> str:
        from cockpit.services.experiments import lifecycle

        more: list[str] = []
        view = lifecycle.decide(
            self.workspace, experiment_id, status, reason, although=although, say=more.append
        )
        said = " ".join([f"{experiment_id} is {status}; the reason is in methodlog.md.", *more])
        if status == "discarded":
            said += f" n: another hypothesis, from its parent {view.parent or 'exp_0000'}."
        return said

    def new(self, draft: DraftFields) -> str:
        from cockpit.services.experiments import lifecycle

        if draft.technique == "baseline":
            return lifecycle.draft_baseline(self.workspace).id
        view = lifecycle.new(
            self.workspace,
            draft.technique,
            hypothesis=draft.hypothesis,
            parent=draft.parent or None,
            train=Path(draft.data).expanduser() if draft.data else None,
            overrides=list(draft.overrides),
            lora=draft.lora,
        )
        return view.id

    def new_from(self, finding: str) -> str:
        from cockpit.services.experiments import varied

        return varied.from_finding(self.workspace, finding).id

    def techniques(self) -> Sequence[str]:
        from cockpit.contract.techniques import TECHNIQUES

        return list(TECHNIQUES)

    def check(self, draft: DraftFields) -> Mapping[str, str]:
        from cockpit.services.recipe.field_check import check

        return check(self.workspace, draft)

    # -- the spot check ------------------------------------------------------------------------------------------

    def spot_bench(self, experiment_id: str | None) -> Bench:
        from cockpit.services.spotcheck import check as spotcheck

        return spotcheck.Bench(
            spotcheck.subject(spotcheck.SpotCheckRequest(experiment=experiment_id), self.workspace)
        )

    def spot_done(self, bench: Bench, check: SpotCheck) -> None:
        """A finished check leaves its verdict."""
        from cockpit.services.spotcheck import record

        if bench.subject.own:
            record.store(self.workspace, check)

    def spot_fix(self, bench: Bench, choice: str, reason: str) -> str:
        """Realign the data or change the eval prompt; says what was done."""
        from cockpit.services.experiments import catch_up
        from cockpit.services.spotcheck import realign

        catch_up.before_move(self.workspace)
        return realign.fix(self.workspace, bench.subject, choice, reason)

    # -- what went wrong -----------------------------------------------------------------------------------------

    def complain(self, error: BaseException) -> Path | None:
        """Write the traceback to the cockpit's log; gives its path, None where that failed too."""
        from cockpit.contract.layout import WorkspaceLayout

        if self.root is None:
            return None
        path = WorkspaceLayout(self.root).log
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as handle:
                handle.write(f"--- {stamp} {json.dumps(str(error))}\n")
                handle.writelines(traceback.format_exception(error))
        except OSError:
            return None
        return path


def _trainer_pid(view: ExperimentView | None) -> int | None:
    """The pid of a run that is alive, for its memory."""
    from cockpit.contract.layout import AttemptLayout
    from cockpit.services.runs.record import read_facts

    if view is None or view.attempt is None or not view.attempt.live or view.attempt_dir is None:
        return None
    facts = read_facts(AttemptLayout(view.attempt_dir).process)
    return facts.trainer.pid if facts is not None and facts.trainer is not None else None
