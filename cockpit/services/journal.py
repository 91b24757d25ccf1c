"""Writes `methodlog.md`: one line a decision, once, whoever else writes at the same moment."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.core import methodlog
from cockpit.core.methodlog import Entry
from cockpit.services import trackers
from cockpit.services.workspace import ExperimentView, Workspace

DONE = ("evaluated", "committed", "discarded", "failed")


def record(ws: Workspace, entries: Iterable[Entry]) -> int:
    """Add what isn't there yet, dated today; gives the number of lines added. Raises CockpitError."""
    ws.refuse_moves()
    path = ws.layout.methodlog
    with _alone(ws):
        try:
            before = path.read_bytes().decode("utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise CockpitError(
                f"the method log can't be read: {error}", "Mend it or move it away.", file=path
            ) from error
        text, added = before, 0
        for entry in entries:
            dated = entry if entry.date else _dated(entry, ws.clock())
            longer = methodlog.append(text, dated)
            added += longer != text
            text = longer
        if added:
            try:
                atomic.write_bytes(path, text.encode("utf-8", "backslashreplace"))
            except OSError as error:
                raise CockpitError(
                    f"the method log can't be written: {error.strerror}", "Nothing of it is lost.", file=path
                ) from error
    return added


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
    entries: list[Entry] = []
    for view in ws.experiments():
        if view.status in DONE and view.attempt is not None:
            entries.append(_verdict(view))
            entries += _findings(view)
        if view.attempt_dir is not None and view.status in DONE:
            trackers.start_closing(AttemptLayout(view.attempt_dir))
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


def _findings(view: ExperimentView) -> list[Entry]:
    from cockpit.services import findings

    assert view.attempt_dir is not None
    return [
        Entry(
            "finding",
            f"{finding.headline} Next: {finding.next_step}",
            experiment=view.id,
            key=f"finding/{view.id}/{view.attempts}/{finding.rule}",
        )
        for finding in findings.for_attempt(view.attempt_dir)
        if finding.severity != "info"
    ]


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
    """`python -m cockpit.services.journal WORKSPACE`: what a supervisor runs when its trainer has ended."""
    from cockpit.services import spot_auto

    try:
        ws = Workspace(Path(argv[0]))
        catch_up(ws)
        spot_auto.catch_up(ws)
    except CockpitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
