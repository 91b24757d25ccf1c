"""Experiments that wait for their turn: a file each, and one small process that launches them in order.

    python -m cockpit.services.experiments.queue WORKSPACE      (`cockpit launch EXP --queue` does this)

The process outlives the terminal and ends when nothing waits. First come, first served: a large run at the head is
not overtaken by smaller ones, or it would never start.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cockpit.contract import atomic, lock
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID
from cockpit.core.methodlog import Entry
from cockpit.core.runs.gpu_placement import never
from cockpit.services.experiments import lifecycle
from cockpit.services.recipe import guardrail
from cockpit.services.runs import gpu_leases
from cockpit.services.system import spawn
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.workspace import Workspace, queue_files, queue_folder

EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """One place in the line; `why` it waits, as far as was seen last; `reason` opens gates, as with a launch."""

    experiment: str
    path: Path
    reason: str | None
    queued: float
    why: str = ""


def add(ws: Workspace, experiment_id: str, *, reason: str | None = None) -> int:
    """Put a draft at the end of the line; gives its place there, from 1. Raises CockpitError where it can't ever run.

    Queued already, it keeps its place.
    """
    from cockpit.contract.recipe import Recipe

    ws.refuse_moves()
    view = ws.experiment(experiment_id)
    if view.status not in ("draft", "smoked"):
        raise CockpitError(f"{view.id} is {view.status}: only a draft is queued", "Make a new experiment.")
    recipe = Recipe.load(ws.layout.experiment(view.id).draft)
    guardrail.check_data_unchanged(recipe)
    if sentence := never(gpu_leases.need_of(recipe), gpu_leases.devices()):
        raise CockpitError(f"{view.id} can't ever run here: {sentence}", "Change its resources.")
    line = entries(ws)
    for place, waiting in enumerate(line, 1):
        if waiting.experiment == view.id:
            ensure_runner(ws)
            return place
    last = max((int(w.path.name.split("-")[0]) for w in line), default=0)
    path = queue_folder(ws.layout) / f"{last + 1:06d}-{view.id}.json"
    atomic.write_json(path, {"v": 1, "experiment": view.id, "reason": reason, "queued": ws.clock()})
    ensure_runner(ws)
    return len(line) + 1


def entries(ws: Workspace) -> list[Waiting]:
    """Who waits, in order."""
    found: list[Waiting] = []
    for path in queue_files(ws.layout):
        fields = atomic.read_object(path)
        if fields is not None:
            found.append(
                Waiting(
                    str(fields.get("experiment")),
                    path,
                    cast("str | None", fields.get("reason")),
                    float(fields.get("queued") or 0.0),
                    str(fields.get("why") or ""),
                )
            )
    return found


def remove(ws: Workspace, experiment_id: str) -> None:
    """Take it out of the line. Raises CockpitError where it doesn't wait."""
    wanted = ws.experiment(experiment_id).id
    mine = [waiting for waiting in entries(ws) if waiting.experiment == wanted]
    if not mine:
        raise CockpitError(f"{wanted} is not queued", "`cockpit queue` lists what is.")
    for waiting in mine:
        waiting.path.unlink(missing_ok=True)


def runner_alive(ws: Workspace) -> bool:
    """Whether the process that launches what waits is there."""
    return lock.is_held(_runner_lock(ws))


def ensure_runner(ws: Workspace) -> None:
    """Start it, detached, unless it is there."""
    if runner_alive(ws):
        return
    log = ws.layout.log.parent / "queue.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "cockpit.services.experiments.queue", str(ws.root)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            env=spawn.child_environment(),
        )


def run(ws: Workspace, *, every_s: float = EVERY_S) -> int:
    """Launch what waits, one after another, until nothing does; gives how many were launched."""
    place = _runner_lock(ws)
    place.parent.mkdir(parents=True, exist_ok=True)
    launched = 0
    with lock.take(place, wait_s=lock.PROBE_S) as held:
        while held.free and (line := entries(ws)):
            head = line[0]
            outcome = _try(ws, head)
            if outcome:
                _say_why(head, outcome)
                time.sleep(every_s)
            else:
                head.path.unlink(missing_ok=True)
                launched += 1
    return launched


def _try(ws: Workspace, head: Waiting) -> str:
    """Launch the head of the line; why it has to wait, or empty where it is gone from the line now."""
    baseline = next((view for view in ws.experiments() if view.id == BASELINE_ID), None)
    if head.experiment != BASELINE_ID and baseline is not None and baseline.status == "running":
        return "waits for the baseline's score"
    try:
        lifecycle.launch(ws, head.experiment, reason=head.reason, queued=True)
    except gpu_leases.Busy as error:
        return error.title
    except CockpitError as error:
        text = f"the queue could not launch it: {error}"
        key = f"queue/{head.experiment}/{int(head.queued)}"
        methodlog_writer.record(ws, [Entry("verdict", text, experiment=head.experiment, key=key)])
        print(f"{head.experiment}: {text}", file=sys.stderr, flush=True)
    return ""


def _say_why(head: Waiting, why: str) -> None:
    if why == head.why:
        return
    fields = atomic.read_object(head.path)
    if fields is not None:
        atomic.write_json(head.path, {**fields, "why": why})


def _runner_lock(ws: Workspace) -> Path:
    """Where the process that launches what waits holds its lock, for its life."""
    return queue_folder(ws.layout) / ".runner.lock"


if __name__ == "__main__":
    run(Workspace(Path(sys.argv[1])))
