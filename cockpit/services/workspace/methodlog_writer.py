"""Writes `methodlog.md`: one line a decision, once, whoever else writes at the same moment."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.core import methodlog
from cockpit.core.methodlog import Entry
from cockpit.services.runs import trackers
from cockpit.services.workspace.workspace import ExperimentView, Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.core.findings import Finding

DONE = ("evaluated", "committed", "discarded", "failed")


def record(ws: Workspace, entries: Iterable[Entry]) -> int:
    """Add what isn't there yet, dated today; gives the number of lines added. Raises CockpitError."""
    ws.refuse_moves()
    path = ws.layout.methodlog
    with _alone(ws):
        try:
            # Bytes that are no UTF-8 (somebody's paste) stay as they are: nothing of a log is ever lost.
            before = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
        except OSError as error:
            raise CockpitError(
                f"the method log can't be read: {error}", "Mend it or move it away.", file=path
            ) from error
        text, added = before, 0
        for entry in entries:
            dated = entry if entry.date else _dated(entry, ws.clock())
            longer = methodlog.append(text, _encodable(dated))
            added += longer != text
            text = longer
        if added:
            try:
                atomic.write_bytes(path, text.encode("utf-8", "surrogateescape"))
            except OSError as error:
                raise CockpitError(
                    f"the method log can't be written: {error.strerror}", "Nothing of it is lost.", file=path
                ) from error
    return added


def _encodable(entry: Entry) -> Entry:
    """Lone surrogates (of hostile file names) as escapes, so that they are not taken for bytes of the log."""
    plain = entry.text.encode("utf-8", "backslashreplace").decode("utf-8")
    return entry if plain == entry.text else replace(entry, text=plain)


def note(ws: Workspace, text: str, *, experiment: str | None = None, kind: str = "note") -> bool:
    """A line of the user's own; False where the log has it already."""
    if not text.strip():
        raise CockpitError("an empty note says nothing", "Give it a text.")
    id_ = ws.experiment(experiment).id if experiment else ""
    return record(ws, [Entry(kind, text, experiment=id_)]) > 0


def catch_up(ws: Workspace) -> int:
    """Write the verdicts of runs that ended while nobody looked; safe to call at any time, adds nothing twice."""
    if ws.read_only:
        return 0
    views = ws.experiments()
    done = [view for view in views if view.status in DONE and view.attempt is not None]
    entries = [_verdict(view) for view in done]
    if done:
        entries += _findings(ws, views)
    for view in views:
        if view.attempt_dir is not None and view.status in DONE:
            trackers.start_closing(AttemptLayout(view.attempt_dir))
    return record(ws, entries) if entries else 0


def of_data(ws: Workspace, recipe: Recipe) -> list[Entry]:
    """What a draft's training data holds that is worth a line: items of the held-out set under other names."""
    from cockpit.services.rules import leaks

    return [_told(finding, "") for finding in leaks.of_recipe(ws, recipe) if finding.severity != "info"]


def of_run(ws: Workspace, view: ExperimentView, found: Iterable[Finding]) -> int:
    """Write what a live run's readings say, when they first say it."""
    if ws.read_only:
        return 0
    entries = [_told(finding, f"/{view.attempts}") for finding in found if finding.severity != "info"]
    return record(ws, entries) if entries else 0


def _verdict(view: ExperimentView) -> Entry:
    """How a run ended: its score with the interval, or why there is none. A new score is a new line."""
    assert view.attempt is not None
    if view.score is not None:
        score = view.score
        what = "baseline" if view.id == BASELINE_ID else f"{view.technique} {view.attempt.sentence}"
        text = f"{what} held-out {score.text(3)} on {score.n} items"
        text += f". {view.delta.sentence}" if view.delta else ""
        tail = f"{score.value:.4f}-{score.n}"
    else:
        text = f"{view.technique} {view.attempt.sentence} {view.note}"
        tail = f"{view.attempt.state}-{view.attempt.step}"
    return Entry("verdict", text, experiment=view.id, key=f"verdict/{view.id}/{view.attempts}/{tail}")


def _findings(ws: Workspace, views: list[ExperimentView]) -> list[Entry]:
    from cockpit.services.rules import workspace_findings

    attempts = {view.id: view.attempts for view in views}
    running = {view.id for view in views if view.status == "running"}
    found = [f for f in workspace_findings.workspace_findings(ws) if f.severity != "info"]
    return [
        _told(finding, f"/{attempts.get(finding.experiments[0], 1)}" if len(finding.experiments) == 1 else "")
        for finding in found
        if not running.intersection(finding.experiments)
    ]


def _told(finding: Finding, attempt: str) -> Entry:
    """A finding as a line: once for its rule and the experiment that it is about, or that it begins with."""
    about = finding.experiments[0] if finding.experiments else ""
    alone = len(finding.experiments) == 1
    more = "" if alone or not about else f" ({', '.join(finding.experiments)})"
    return Entry(
        "finding",
        f"{finding.headline}{more} Next: {finding.next_step}",
        experiment=about if alone else "",
        key=f"finding/{about}{attempt}/{finding.rule}",
    )


def _dated(entry: Entry, now: float) -> Entry:
    day = date.fromtimestamp(now).isoformat()
    return Entry(entry.kind, entry.text, day, entry.experiment, entry.key)


@contextmanager
def _alone(ws: Workspace) -> Generator[None]:
    """Hold the log alone; the kernel lets go when the holder dies. Where locks don't work (NFS), a short wait."""
    ws.layout.private.mkdir(parents=True, exist_ok=True)
    with (ws.layout.private / "methodlog.lock").open("w") as handle:
        for _ in range(100):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:
                break  # no locks on this file system: the atomic rename still keeps the file whole
        yield


def main(argv: list[str]) -> int:
    """Run `python -m cockpit.services.workspace.methodlog_writer WORKSPACE`: what a run's end brings into the log."""
    from cockpit.services.spotcheck import auto

    try:
        ws = Workspace(Path(argv[0]))
        catch_up(ws)
        auto.catch_up(ws)
    except CockpitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
