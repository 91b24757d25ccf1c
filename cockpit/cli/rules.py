"""`cockpit findings`, `cockpit judge`: what the diagnostics say, of a workspace and of a history from elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, table, warn
from cockpit.core.rules.finding_actions import actions_of
from cockpit.core.rules.table import rule

if TYPE_CHECKING:
    from cockpit.core.findings import Finding
    from cockpit.core.rules.tree_rules.history import History

_WORDS = {"block": "BLOCKS", "alarm": "ALARM", "warn": "warning", "info": "note"}


def judge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("history", metavar="HISTORY.jsonl", type=Path, help="one experiment a line")
    parser.set_defaults(run=_judge)


def findings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXP", nargs="?", help="only what is about this one")
    parser.set_defaults(run=_findings)


def _judge(options: argparse.Namespace) -> int:
    from cockpit.services.rules import workspace_findings

    judged = workspace_findings.history_file(options.history)
    for note in judged.notes:
        warn(f"cockpit: {options.history}: {note}.")
    if options.json:
        print_json({"findings": [finding.as_dict() for finding in judged.findings]})
    else:
        say(scores_text(judged.history))
        say()
        say(as_text(judged.findings))
    return OK


def _findings(options: argparse.Namespace) -> int:
    from cockpit.cli.place import workspace
    from cockpit.services.rules import workspace_findings

    found = workspace_findings.workspace_findings(workspace(options), options.experiment)
    if options.json:
        print_json({"findings": [finding.as_dict() for finding in found]})
    else:
        say(as_text(found))
    return OK


def as_text(findings: Sequence[Finding]) -> str:
    """Findings for a person: what, the evidence, what next, where the rule comes from."""
    if not findings:
        return "Nothing found."
    lines: list[str] = []
    for finding in findings:
        about = f" ({', '.join(finding.experiments)})" if finding.experiments else ""
        since = f", since step {finding.step:,}" if finding.step is not None else ""
        lines += [f"{_WORDS.get(finding.severity, finding.severity)}: {finding.headline}{about}{since}"]
        lines += [f"    {line}" for line in finding.evidence]
        lines += [f"  next: {finding.next_step}"]
        lines += [
            f"  {act.label}: {act.command}" for act in actions_of(finding, running=False) if act.do == "draft"
        ]
        row = rule(finding.rule)
        lines += [f"  {row.instead}"] if row is not None and not row.changes else []
        lines += [f"  {finding.rule}; {finding.source}", ""]
    return "\n".join(lines[:-1])


def scores_text(history: History) -> str:
    """Every experiment with its interval, and what its delta is worth."""
    from cockpit.core.scores import compare

    by_id = history.by_id()
    rows: list[list[str]] = []
    for move in history.moves:
        parent = by_id.get(move.parent or "")
        said = compare(move.score, parent.score).sentence if move.score and parent and parent.score else "-"
        score = f"{move.score.text(3)} /{move.score.n}" if move.score else "-"
        rows.append([move.id, move.parent or "-", move.technique, move.status, score, said])
    return table(["id", "parent", "technique", "status", "score", "against its parent"], rows)
