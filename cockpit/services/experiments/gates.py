"""Check what stands against a launch; a typed reason opens a closed gate. The same for every caller.

What no reason opens (data that changed, held-out items in the training data) is no gate: it is refused elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cockpit.contract.errors import GateClosed
from cockpit.contract.layout import BASELINE_ID
from cockpit.core.methodlog import Entry
from cockpit.services.workspace import methodlog_writer, smoke_verdict
from cockpit.services.workspace.workspace import ExperimentView, Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.core.scores import Score


class Gate(NamedTuple):
    """A closed gate: a short name for the log's key, what is against it, what would open it beside a reason."""

    name: str
    message: str
    fix: str


def closed(ws: Workspace, view: ExperimentView, recipe: Recipe, baseline: Score | None) -> list[Gate]:
    """The gates that stand closed before this launch, the gravest first; `baseline` is the base's mini-eval score."""
    if view.id == BASELINE_ID or recipe.technique == "baseline":
        return []
    found: list[Gate] = []
    if recipe.technique not in ("custom", "reward") and baseline is None:
        fix = "Make it with `cockpit new baseline --launch`."
        if BASELINE_ID in ws.experiment_ids():
            running = ws.experiment(BASELINE_ID).status == "running"
            fix = (
                f"{BASELINE_ID} is running: wait for its score."
                if running
                else f"Launch {BASELINE_ID} first."
            )
        message = "the base model has not been scored yet, so no gain could be told from it"
        found.append(Gate("baseline", message, fix))
    found += _held_back(ws)
    if recipe.technique != "custom":
        found += _against_log(ws, view, recipe)
        found += _red_smoke(ws, view)
    return found


def open_with(
    ws: Workspace, view: ExperimentView, recipe: Recipe, baseline: Score | None, reason: str | None
) -> None:
    """Go through with a reason, logged for each gate. Raises GateClosed where one is closed and none is given."""
    found = closed(ws, view, recipe, baseline)
    if found and not (reason or "").strip():
        first, *more = found
        also = "".join(f"; also, {gate.message}" for gate in more)
        fix = " ".join(dict.fromkeys(gate.fix for gate in found if gate.fix))
        raise GateClosed(
            f"{first.message}{also}",
            f"{fix} Or give a reason to go without (--reason).".lstrip(),
            closed=tuple(gate.message for gate in found),
            instead=fix,
        )
    methodlog_writer.record(
        ws,
        [
            Entry("override", f"launched although {gate.message}: {reason}", experiment=view.id,
                  key=f"override/{view.id}/{gate.name}")
            for gate in found
        ],
    )  # fmt: skip


def note_untried(ws: Workspace, view: ExperimentView) -> None:
    """A launch without a smoke run of these settings is left to the person, and written down."""
    last = smoke_verdict.last(ws, view.id)
    if last is None or not last.current:
        what = "without a smoke run" if last is None else "with settings that the smoke run did not try"
        key = f"smoke/{view.id}/none"
        methodlog_writer.record(ws, [Entry("smoke", f"launched {what}", experiment=view.id, key=key)])


def note_skipped(ws: Workspace, experiment_id: str) -> None:
    """Who goes on without a smoke run of these settings decides something: it is written down at once."""
    last = smoke_verdict.last(ws, experiment_id)
    if last is None or not last.current:
        entry = Entry(
            "smoke", "skipped in the wizard", experiment=experiment_id, key=f"smoke/{experiment_id}/skipped"
        )
        methodlog_writer.record(ws, [entry])


def _held_back(ws: Workspace) -> list[Gate]:
    """The fourth diagnostic: no further technique before the spot check."""
    from cockpit.services.rules import workspace_findings

    stuck = workspace_findings.held_back(ws)
    if stuck is None:
        return []
    headline = f"{stuck.headline[:1].lower()}{stuck.headline[1:]}"
    return [Gate("spot-check", f"{headline}, and no spot check was made", stuck.next_step)]


def _against_log(ws: Workspace, view: ExperimentView, recipe: Recipe) -> list[Gate]:
    """What methodlog.md says against this move: a silent swap, a constraint, an ablation that was run already."""
    from cockpit.services.experiments import precheck

    return [
        Gate(check.rule.replace(" ", "-"), check.headline, check.fix)
        for check in precheck.concerns(ws, recipe, but=view.id)
    ]


def _red_smoke(ws: Workspace, view: ExperimentView) -> list[Gate]:
    last = smoke_verdict.last(ws, view.id)
    if last is None or not last.current or last.verdict.green:
        return []
    verdict = last.verdict
    return [Gate("smoke", f"the smoke run is red at {verdict.stage}: {verdict.headline}", verdict.fix)]
