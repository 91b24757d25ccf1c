"""Write into the method log how runs ended and what was found in them while no cockpit was open.

    python -m cockpit.services.experiments.catch_up WORKSPACE [EXPERIMENT]

The supervisor starts this when a run has ended and its process record is complete. If the supervisor was killed, the
next command that changes the workspace calls `before_move` first, so that a decision comes after the verdict that it
rests on. Each line has the date on which the thing happened; its key keeps it from being written twice. Commands that
only read don't call this.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import BASELINE_ID, AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.values import mapping
from cockpit.core import methodlog
from cockpit.core.methodlog import Entry
from cockpit.core.safe_text import clean
from cockpit.services.runs import observe, trackers
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import liveness
from cockpit.services.workspace import methodlog_writer
from cockpit.services.workspace.methodlog_writer import on_day
from cockpit.services.workspace.workspace import ExperimentView, Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe
    from cockpit.core.findings import Finding

_log = logging.getLogger(__name__)
DONE = ("evaluated", "committed", "discarded", "failed")
"""What an experiment is after its run."""


class Happened(NamedTuple):
    """A line for the log, and when that happened (epoch seconds); `rank` orders what happened at one moment."""

    when: float
    rank: int
    entry: Entry


def catch_up(ws: Workspace, *, deep: bool = True) -> int:
    """Write the verdicts of runs that ended, and what was found in them and in those that run; gives the lines added.

    `deep` compares files for the findings across experiments, which may take a while the first time; without it they
    are looked for only where a verdict was missing.
    """
    if ws.read_only:
        return 0
    views = ws.experiments()
    log = methodlog_writer.text_of(ws)
    known = methodlog.keys(log)
    over = {view.id for view in views if view.status in DONE and _is_settled(view)}
    missing = {view.id for view in views if view.id in over and _verdict(view).stable_key not in known}
    ended = {view.id: _ended(view) for view in views if view.id in (over if deep else missing)}
    happened: list[Happened] = []
    for view in views:
        if view.id in ended:
            happened += _of_run(view, views, ended[view.id], log)
            happened.append(Happened(ended[view.id], 1, _verdict(view)))
        elif view.status == "running":
            happened += _of_run(view, views, ws.clock(), log)
    if not ended:
        return _write(ws, happened)
    ended = {view.id: ended.get(view.id) or _ended(view) for view in views if view.id in over}
    with suppress(CockpitError):  # a broken cockpit.toml: the verdicts are written, and it is said below
        happened += _across(ws, views, ended, look=False)
    added = _write(ws, happened) + _write(ws, _across(ws, views, ended, look=True))
    for view in views:
        if view.id in ended and view.attempt_dir is not None:
            trackers.start_closing(AttemptLayout(view.attempt_dir))
    return added


def before_move(ws: Workspace) -> None:
    """Bring the log up to date before a move adds to it. Never raises: no run's files are to stop another's move.

    What a CockpitError says, the move's own line will say; anything else is a warning, which is a line on stderr.
    """
    try:
        catch_up(ws, deep=False)
    except CockpitError:
        pass
    except Exception as error:  # noqa: BLE001 - what foreign files hold can't be foreseen
        why = clean(f"{type(error).__name__}: {error}")  # what a file holds may be in it
        _log.warning(
            "%s: not brought up to date before this move (%s). The move goes on.", ws.layout.methodlog, why
        )


def of_data(ws: Workspace, recipe: Recipe) -> list[Entry]:
    """What a draft's training data holds that is worth a line: items of the held-out set under other names."""
    from cockpit.services.rules import leaks

    return [_told(finding, "") for finding in leaks.of_recipe(ws, recipe) if finding.severity != "info"]


def of_meaning(ws: Workspace, view: ExperimentView) -> list[Entry]:
    """What an experiment's training data has of the held-out set in other words; else, once, why nobody looked."""
    from cockpit.services.rules import leaks

    if view.score is None:
        return []  # nothing can be committed yet
    meant = leaks.by_meaning(ws, mapping(ws.recipe_of(view).get("data")), view.id)
    lacking = [Entry("note", meant.lacking, key="overlap/meaning/not-looked-for")] if meant.lacking else []
    return [*(_told(finding, "/meaning") for finding in meant.findings), *lacking]


def _write(ws: Workspace, happened: Iterable[Happened]) -> int:
    ordered = sorted(happened, key=lambda one: one[:2])
    known = methodlog.keys(methodlog_writer.text_of(ws))
    lacking = [one for one in ordered if one.entry.stable_key not in known]
    return methodlog_writer.record(ws, [on_day(one.entry, one.when) for one in lacking])


def _is_settled(view: ExperimentView) -> bool:
    """Return True if nothing more comes from the run's processes: how it ended is on record, or nobody will write it.

    Between a trainer's last word and its supervisor's record, a run that was killed for memory looks like any other.
    """
    if view.attempt_dir is None or view.attempt is None:
        return False
    facts = read_facts(AttemptLayout(view.attempt_dir).process)
    seen = liveness(facts)
    if facts is None or seen.where != "here":
        return True
    return not seen.trainer and (facts.ended is not None or not seen.supervisor)


def _ended(view: ExperimentView) -> float:
    """When a run ended, from the supervisor's record, else from its last sign of life (epoch seconds)."""
    assert view.attempt_dir is not None
    attempt = AttemptLayout(view.attempt_dir)
    facts = read_facts(attempt.process)
    if facts is not None and facts.ended is not None:
        return facts.ended
    signs = observe.signs(attempt)
    seen = [time for time in (signs.end_time, signs.last, signs.log_time) if time is not None]
    return seen[0] if seen else view.created


def _verdict(view: ExperimentView) -> Entry:
    """How a run ended: its score with the interval, or why there is none. A new score is a new line."""
    assert view.attempt is not None
    if view.score is not None:
        score = view.score
        what = "baseline" if view.id == BASELINE_ID else f"{view.technique} {view.attempt.sentence}"
        text = f"{what} held-out {score.text(3)} on {score.over()}"
        text += f". {view.delta.sentence}" if view.delta else ""
        tail = f"{score.value:.4f}-{score.n}"
        if view.passes:
            text += f" {view.passes.sentence()}"
            tail += f"-{view.passes.samples}x{view.passes.at[0].score.value:.4f}"
    else:
        text = f"{view.technique} {view.attempt.sentence} {view.note}"
        tail = f"{view.attempt.state}-{view.attempt.step}"
    return Entry("verdict", text, experiment=view.id, key=f"verdict/{view.id}/{view.attempts}/{tail}")


def _of_run(view: ExperimentView, views: Sequence[ExperimentView], until: float, log: str) -> list[Happened]:
    """What the rules and the trainer say of one run, each dated by when it began, `until` at the latest."""
    from cockpit.services.rules import workspace_findings

    found = [f for f in workspace_findings.of_view(view, views) if f.severity != "info"]
    times = _times(view, found)
    made: list[Happened] = []
    for finding in found:
        own = replace(finding, experiments=finding.experiments or (view.id,))
        if finding.experiments or not _told_before(finding, view, log):
            when = min(times.get(finding.step or finding.rule, until), until)
            made.append(Happened(when, 0, _told(own, f"/{view.attempts}")))
    return made


def _told_before(finding: Finding, view: ExperimentView, log: str) -> bool:
    """Return True if an earlier version wrote what a trainer found: its key named no experiment."""
    known = methodlog.keys(log)
    earlier = (f"finding//{view.attempts}/{finding.rule}", f"finding//{finding.rule}")
    return finding.headline in log and any(key in known for key in earlier)


def _times(view: ExperimentView, found: Sequence[Finding]) -> dict[int | str, float]:
    """When the run logged the steps, and first reported the rules, of these findings (epoch seconds)."""
    assert view.attempt_dir is not None
    if not found:
        return {}
    attempt = AttemptLayout(view.attempt_dir)
    wanted = {name for finding in found for name in (finding.step, finding.rule)}
    rows = [(row.get("rule"), row.get("time")) for row in reversed(list(read_rows(attempt.events)))]
    rows += [(row.get("step"), row.get("time")) for row in read_rows(attempt.metrics)]
    return {
        name: float(time)
        for name, time in rows
        if isinstance(name, int | str) and name in wanted and isinstance(time, int | float)
    }


def _across(
    ws: Workspace, views: Sequence[ExperimentView], ended: dict[str, float], *, look: bool
) -> list[Happened]:
    """What was found among the experiments that have ended, dated by the last thing that happened to one of them.

    `look` compares files too, and remembers what that gave.
    """
    from cockpit.services.rules import workspace_findings

    by_id = {view.id: view for view in views}
    made: list[Happened] = []
    for finding in workspace_findings.across(ws, views, look=look, keep=True):
        about = [by_id[id_] for id_ in finding.experiments if id_ in by_id]
        if finding.severity == "info" or any(view.status == "running" for view in about):
            continue
        when = max((_newest(view, ended) for view in about), default=ws.clock())
        attempt = f"/{about[0].attempts}" if len(finding.experiments) == len(about) == 1 else ""
        made.append(Happened(when, 2, _told(finding, attempt)))
    return made


def _newest(view: ExperimentView, ended: dict[str, float]) -> float:
    decided = view.decision.time if view.decision is not None else 0.0
    return max(ended.get(view.id, view.created), decided)


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


def main(argv: list[str]) -> int:
    """Catch up with a workspace, then make the spot check that a run (of the experiment named) calls for."""
    from cockpit.services.spotcheck import auto

    try:
        ws = Workspace(Path(argv[0]))
        catch_up(ws)
        auto.catch_up(ws, argv[1:])
    except CockpitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
