"""`cockpit alert`: who is told of ends and findings, and what was told; `alert test` sends a message now."""

from __future__ import annotations

import argparse
import time

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say, table
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError

SHOWN = 20  # causes, the newest


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("ls", "test"), default="ls")


def run(options: argparse.Namespace) -> int:
    ws = workspace(options)
    ws.refuse_moves()
    settings = ws.config.alerts
    if options.action == "test":
        return _test(options)
    from cockpit.services.alerts import record, sending

    kept = record.read(ws.layout)
    names = [target.name for target in sending.targets(settings, ws.root)]
    lacking = sending.lacking(settings)
    if options.json:
        print_json(
            {
                "targets": names,
                "on": sorted(settings.on),
                "quiet": ws.config.sections["alerts"].get("quiet"),
                "lacking": lacking,
                "failed": kept.failed,
                "waiting": [cause.key for one in kept.waiting for cause in one.causes],
                "sent": [{"cause": key, "time": at} for key, at in kept.sent.items()],
                "log": record.log_of(ws.layout),
            }
        )
        return OK
    if not names:
        say("Nobody is told. `[alerts]` in cockpit.toml names who is: docs/guide.md, “Alerts”.")
    else:
        on = ", ".join(sorted(settings.on)) or "nothing"
        quiet = ws.config.sections["alerts"].get("quiet")
        say(table(("target", "last"), [[name, kept.failed.get(name, "")] for name in names]))
        say(f"Told of: {on}." + (f" Quiet: {quiet}." if quiet else ""))
    for sentence in lacking:
        say(f"{sentence}.")
    rows = [[_when(at), key] for key, at in sorted(kept.sent.items(), key=lambda one: -one[1])[:SHOWN]]
    rows += [["waits", cause.key] for one in kept.waiting for cause in one.causes]
    if rows:
        say(table(("when", "cause"), rows))
    return OK


def _test(options: argparse.Namespace) -> int:
    from cockpit.core.alerts import Cause, message
    from cockpit.services.alerts import record, sending

    ws = workspace(options)
    targets = sending.targets(ws.config.alerts, ws.root)
    if not targets:
        raise CockpitError(
            "[alerts] names nobody to tell",
            'Write `to = ["env:COCKPIT_NTFY"]` under it.',
            file=ws.layout.config,
        )
    cause = Cause("test", "test", "a test", "this is how an end or a finding is told", "nothing, it arrived")
    title, text = message(ws.config.name, [cause])
    answers = [sending.send(target, title, text) for target in targets]
    well = all(answer.delivered for answer in answers)
    record.tested(ws.layout, answers, ws.clock())
    if options.json:
        rows = [{"target": a.target, "delivered": a.delivered, "answer": a.says} for a in answers]
        print_json({"delivered": well, "targets": rows})
    else:
        for answer in answers:
            say(f"{answer.target}: {answer.says}.")
    return OK if well else FAILED


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
