"""`cockpit ls`, `status`, `show`, `logs`, `methodlog`: looking, from files alone."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import time
from pathlib import Path
from typing import Any

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say, table
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError
from cockpit.core.tree.experiment_filter import parse
from cockpit.core.tree.leaderboard import leaderboard, standing_text
from cockpit.services.workspace.experiment_fields import fields_of
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", help="filter and order: technique:grpo 'score>0.4' status:committed sort:-score"
    )
    parser.set_defaults(run=_ls)


def status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tmux", action="store_true", help="one short line for tmux's status-right")
    parser.set_defaults(run=_status)


def show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXP", help="exp_0003, or just 3")
    parser.add_argument("--items", action="store_true", help="every held-out item with the model's answer")
    parser.set_defaults(run=_show)


def logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXP", help="exp_0003, or just 3")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as it grows, until the run ends")
    parser.add_argument("-n", "--lines", type=int, default=40, metavar="N", help="start N lines from the end")
    parser.set_defaults(run=_logs)


def method_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXP", nargs="?", help="only what it stands on")
    parser.set_defaults(run=_method_log)


def as_dict(view: ExperimentView) -> dict[str, Any]:
    """One experiment as the JSON answers give it (docs/reference.md, "Commands")."""
    score = view.score
    return {
        "id": view.id,
        "parent": view.parent,
        "warm_start_from": view.start or None,
        "technique": view.technique,
        "lora": view.lora,
        "status": view.status,
        "hypothesis": view.hypothesis,
        "state": view.attempt.state if view.attempt else None,
        "sentence": view.attempt.sentence if view.attempt else view.note,
        "held_out_score": score.value if score else None,
        "interval": [score.lo, score.hi] if score else None,
        "n_items": score.n if score else None,
        "parsed": score.parsed if score else None,
        "delta": view.delta.value if view.delta else None,
        "delta_kind": view.delta.kind if view.delta else None,
        "delta_sentence": view.delta.sentence if view.delta else None,
        "smoke": {
            "green": view.smoke.green,
            "stage": view.smoke.stage or None,
            "headline": view.smoke.headline,
        }
        if view.smoke
        else None,
        "pass_at": view.passes.as_dict() if view.passes else None,
        "mini_eval": {"best": view.mini_best, "last": view.mini_last, "baseline": view.mini_baseline},
        "best_step": view.best_step,
        "decision": {"status": view.decision.status, "reason": view.decision.reason}
        if view.decision
        else None,
        "attempt_dir": str(view.attempt_dir) if view.attempt_dir else None,
        "note": view.note,
    }


def score_text(view: ExperimentView) -> str:
    """`0.315 [0.255, 0.382]`, or a dash."""
    if view.score is None:
        return "-"
    return f"{view.score.value:.3f} [{view.score.lo:.3f}, {view.score.hi:.3f}]"


def delta_text(view: ExperimentView) -> str:
    """`+0.485 gained`, or a dash."""
    if view.delta is None:
        return "-"
    return f"{view.delta.value:+.3f} {view.delta.kind.replace('_', ' ')}"


def experiments_table(views: list[ExperimentView]) -> str:
    """The tree as a table; the mini-eval column is a signal, the score column is what counts."""
    rows: list[list[str]] = []
    for view in views:
        mini = "-" if view.mini_best is None else f"{view.mini_best:.2f}"
        name = "  " * view.depth + view.id
        technique = (
            view.technique + (" lora" if view.lora else "") + (f" < {view.start}" if view.start else "")
        )
        rows.append([name, technique, view.status, mini, score_text(view), delta_text(view), _why(view)[:60]])
    heads = ("experiment", "technique", "status", "best mini", "held-out [95 %]", "against parent", "")
    return table(heads, rows, right=(3,))


def _why(view: ExperimentView) -> str:
    if view.status == "running" and view.attempt:
        return view.attempt.sentence
    if view.decision and view.decision.reason:
        return view.decision.reason
    return view.note or view.hypothesis


def how_to_score(*views: ExperimentView) -> str:
    """Say of which of them the full held-out pass can still be made, and how; empty where of none."""
    unscored = [view.id for view in views if view.unscored and view.decision is None]
    if not unscored:
        return ""
    each = f"`cockpit score {unscored[0]}` makes it" + (", and so on" if len(unscored) > 1 else "")
    return f"Without a full held-out pass: {', '.join(unscored)}; {each}."


def _ls(options: argparse.Namespace) -> int:
    ws = workspace(options)
    listing = parse(" ".join(shlex.quote(word) for word in options.words))
    everything = ws.experiments()
    views = listing.apply(everything, lambda view: fields_of(view, ws.clock()))
    if options.json:
        print_json({"workspace": str(ws.root), "experiments": [as_dict(view) for view in views],
                    "standing": dataclasses.asdict(leaderboard(everything))})  # fmt: skip
    elif everything and not views:
        say(f"None of the {len(everything)} experiments match.")
    elif not views:
        say("No experiments yet. `cockpit new sft --hypothesis …` makes one.")
    else:
        say(experiments_table(views))
        say(standing_text(leaderboard(everything)))
        if how := how_to_score(*views):
            say(how)
    return OK


def _status(options: argparse.Namespace) -> int:
    ws = workspace(options)
    views = ws.experiments()
    running = [view for view in views if view.status == "running"]
    alerts = "" if options.tmux or ws.read_only else _undelivered(ws)
    if options.json:
        newest = views[-1] if views else None
        print_json(
            {
                "workspace": str(ws.root),
                "running": [as_dict(view) for view in running],
                "newest": as_dict(newest) if newest else None,
                "counts": {s: sum(v.status == s for v in views) for s in sorted({v.status for v in views})},
                "alerts": alerts,
            }
        )
    elif options.tmux:
        say(tmux_line(views))
    elif running:
        for view in running:
            say(f"{view.id} {view.technique}: {view.attempt.sentence if view.attempt else ''}")
    else:
        last = max((v for v in views if v.attempt), key=lambda v: v.id, default=None)
        ended = f" Last: {last.id} {last.technique}, {last.status}." if last else ""
        say(f"Nothing is running.{ended}")
    if alerts and not options.json:
        say(alerts)
    return OK


def _undelivered(ws: Workspace) -> str:
    """What alerts did not get through, where somebody is to be told."""
    from cockpit.services.alerts import record

    try:
        return record.trouble(ws.layout) if ws.config.alerts.wanted else ""
    except CockpitError as error:  # of cockpit.toml: nobody is told then, and the runs are shown all the same
        return str(error)


def tmux_line(views: list[ExperimentView]) -> str:
    """At most about 40 characters: what runs, how far, how good; else how the newest one ended."""
    running = [view for view in views if view.status == "running" and view.attempt]
    if running:
        view = running[-1]
        assert view.attempt is not None
        mini = "" if view.mini_last is None else f" mini {view.mini_last:.2f}"
        more = f" +{len(running) - 1}" if len(running) > 1 else ""
        step = f" {view.attempt.step}" if view.attempt.step is not None else ""
        return f"{view.id} {view.technique} {view.attempt.state}{step}{mini}{more}"
    ended = [view for view in views if view.attempt]
    if not ended:
        return "cockpit: idle"
    view = ended[-1]
    score = f" {view.score.value:.3f}" if view.score else ""
    return f"{view.id} {view.technique} {view.status}{score}"


def _show(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import report

    ws = workspace(options)
    view = ws.experiment(options.experiment)
    facts = report.of(ws, view, items=options.items)
    if options.json:
        print_json({**as_dict(view), **facts})
    else:
        say(report.as_text(view, facts))
    return OK


def _method_log(options: argparse.Namespace) -> int:
    ws = workspace(options)
    from cockpit.core import methodlog

    id_ = ws.experiment(options.experiment).id if options.experiment else ""
    lines = ws.method_log_lines()
    entries = [e for e in methodlog.parse("\n".join(lines)) if not id_ or e.experiment in ("", id_)]
    if options.json:
        fields = ("date", "kind", "experiment", "text")
        print_json(
            {"file": ws.layout.methodlog, "entries": [{f: getattr(e, f) for f in fields} for e in entries]}
        )
    elif not lines:
        say("Nothing decided yet: experiments, verdicts and decisions are written to methodlog.md.")
    elif id_:
        for entry in entries:
            where = f"{entry.experiment}: " if entry.experiment else ""
            say(" · ".join(part for part in (entry.date, entry.kind, where + entry.text) if part))
    else:
        say("\n".join(lines))
    return OK


def _logs(options: argparse.Namespace) -> int:
    from cockpit.services.system.logview import last_lines

    ws = workspace(options)
    view = ws.experiment(options.experiment)
    log = ws.log_file(view)
    if log is None:
        raise CockpitError(f"{view.id} has not run yet", f"Start it with `cockpit launch {view.id}`.")
    lines = last_lines(log, max(0, options.lines))
    if options.json:
        print_json({"experiment": view.id, "log": str(log), "lines": lines})
        return OK
    for line in lines:
        say(line)
    return _follow(ws, view.id, log) if options.follow else OK


def _follow(ws: Workspace, experiment_id: str, log: Path) -> int:
    from cockpit.contract.reader import LineTail

    tail = LineTail(log)
    tail.offset = log.stat().st_size if log.exists() else 0
    while True:
        lines = tail.read()
        for line in lines:
            say(line.decode("utf-8", "replace"))
        if lines:
            continue
        view = ws.experiment(experiment_id)
        if view.status != "running":
            say(f"-- {view.attempt.sentence if view.attempt else view.status}")
            return FAILED if view.status == "failed" else OK
        time.sleep(0.25)
