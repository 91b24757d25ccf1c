"""Look at one experiment once, and tell what is to be told of it.

    python -m cockpit.services.alerts.look WORKSPACE EXPERIMENT

The supervisor starts this where cockpit.toml has `[alerts]`: now and then while a run goes on, and at its end. What was
not delivered is tried twice more, a little later; this process stays for that, and the run does not wait for it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.core.alerts import Cause, of_finding
from cockpit.core.runs.evidence import ProcessFacts
from cockpit.services.alerts import sending
from cockpit.services.alerts.record import PAUSES_S, Teller, note
from cockpit.services.runs.record import read_facts
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def look(
    ws: Workspace,
    experiment: str,
    *,
    targets: Sequence[sending.Target] | None = None,
    minute: Callable[[], int] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell what happened to an experiment's latest run, each thing once. Raises CockpitError and OSError."""
    settings = ws.config.alerts
    if not settings.wanted:
        return
    if targets is None:
        targets = sending.targets(settings, ws.root)
    teller = Teller(ws.layout, ws.config.name, settings, targets, clock=ws.clock, minute=minute)
    again = teller.tell(lambda: causes(ws, experiment))
    for tries, pause in enumerate(PAUSES_S, 2):
        if not again:
            return
        sleep(pause)
        again = teller.tell(lambda: causes(ws, experiment), tries=tries)


def causes(ws: Workspace, experiment: str) -> list[Cause]:
    """What there is to tell of an experiment's latest run: its end first, then findings, gravest first."""
    from cockpit.services.rules import workspace_findings

    views = ws.experiments()
    view = ws.experiment(experiment)
    on = ws.config.alerts.on
    found = [_end(view)] if "end" in on and _has_ended(view) else []
    if on & {"alarm", "warning"}:
        told = workspace_findings.of_view(view, views)
        wanted = [finding for finding in told if ws.config.alerts.wants(finding)]
        found += [of_finding(finding, view.id, view.attempts) for finding in wanted]
    return found


def _has_ended(view: ExperimentView) -> bool:
    """Whether its supervisor wrote down how it ended: before that, a run that was killed looks like any other."""
    facts = _facts(view)
    return facts is not None and facts.ended is not None and view.attempt is not None


def _facts(view: ExperimentView) -> ProcessFacts | None:
    return read_facts(AttemptLayout(view.attempt_dir).process) if view.attempt_dir is not None else None


def _end(view: ExperimentView) -> Cause:
    facts = _facts(view)
    assert facts is not None
    assert view.attempt is not None
    says = f"{view.technique}: {view.attempt.sentence}"
    if view.score is not None:
        says += f" Held-out {view.score.text(3)} on {view.score.over()}."
        says += f" {view.delta.sentence}" if view.delta else ""
    elif view.note:
        says += f" {view.note}"
    # Each launch of an attempt ends once: a resumed run, and a pass over the held-out set, are ends of their own.
    key = f"end/{view.id}/{view.attempts}/{facts.launch}"
    return Cause(key, view.id, f"{view.id} {view.attempt.state.replace('_', ' ')}", says, _next(view))


def _next(view: ExperimentView) -> str:
    """What to do now that it has ended."""
    if view.unscored:
        return f"`cockpit score {view.id}` makes the full held-out pass."
    if view.score is not None and view.id == BASELINE_ID:
        return "`cockpit new` drafts what is to beat it."
    if view.score is not None:
        return f"`cockpit show {view.id}`, then `cockpit commit {view.id}` or `cockpit discard {view.id}`."
    return f"`cockpit logs {view.id}` and `cockpit show {view.id}` say more."


def main(argv: list[str]) -> int:
    """Look once; whatever goes wrong is said in the log of alerts and changes nothing about the run."""
    ws = Workspace(Path(argv[0]))
    try:
        look(ws, argv[1])
    except (CockpitError, OSError) as error:
        note(ws.layout, time.time(), f"nothing was sent: {error}")
        return 1
    except Exception as error:  # noqa: BLE001 - what a run's files hold can't be foreseen, and may hold anything
        note(
            ws.layout,
            time.time(),
            f"nothing was sent: {argv[1]} could not be looked at ({type(error).__name__})",
        )
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # not by sys.exit: a library that hangs in its thread is not waited for
