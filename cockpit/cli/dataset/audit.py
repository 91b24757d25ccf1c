"""`cockpit audit VERIFIER --data FILE`: does a verifier tell right from wrong, on your own gold answers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say
from cockpit.contract.errors import CockpitError
from cockpit.verifiers.catalogue import LISTED

if TYPE_CHECKING:
    from cockpit.verifiers.audit.audit import Audit


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verifier",
        metavar="VERIFIER",
        nargs="?",
        help=f"what is audited (default: the workspace's): {LISTED}",
    )
    parser.add_argument(
        "--data", metavar="FILE", help="rows with gold answers (default: the workspace's held-out set)"
    )
    parser.add_argument(
        "--items", type=int, metavar="N", help="gold answers to make cases from (50; 8 for tests)"
    )
    parser.add_argument(
        "--column", action="append", default=[], metavar="THEIRS=OURS", help="read a column as answer"
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.cli.dataset.overlap import named_columns
    from cockpit.cli.dataset.verify import verifier_of
    from cockpit.cli.place import workspace
    from cockpit.services.dataset.verifying import audit_file

    if options.items is not None and options.items < 1:
        raise CockpitError(f"--items {options.items} makes no sense", "Give a number from 1 up.")
    verifier = verifier_of(options, options.verifier)
    file = options.data or str(workspace(options).config.held_out)
    found = audit_file(verifier, file, most=options.items, columns=named_columns(options.column))
    if options.json:
        print_json({"data": file, **found.as_dict()})
    else:
        say(as_text(found))
    return OK if found.ok else FAILED


def as_text(found: Audit) -> str:
    """The outcome, what was asked, and a few of the mistakes."""
    from cockpit.core.safe_text import clean, clip

    told = found.as_dict()
    lines = [found.sentence(), ""]
    lines += [f"  {n['n']:>6,} {kind:<12} {n['wrong']:,} judged wrongly" for kind, n in told["cases"].items()]
    if found.rejected:
        lines.append(
            f"  {found.rejected:>6,} gold answers fail as they stand, so that nothing was made of them"
        )
    if found.unchecked:
        lines.append(f"  {found.unchecked:>6,} items without a right answer that can be written")
    for mistake in found.examples():
        wrong = "rejected, though right" if mistake.case.passes else "accepted, though wrong"
        lines += [
            "",
            f"item {mistake.item}: {wrong}: {mistake.case.what}{_kind(mistake.case.kind)}",
            f"  gold        {clip(mistake.gold, 100)}",
            f"  completion  {clip(clean(mistake.case.completion, newlines='show'), 200) or '(nothing)'}",
            f"  it says     {clip(mistake.why, 160)}",
        ]
    if found.mistakes or found.rejected:
        lines += [
            "",
            "RL finds each of these within hours: mend the verifier, or choose another, before it trains.",
        ]
    return "\n".join(lines)


def _kind(kind: str) -> str:
    return "" if kind == "gold" else f" ({kind})"
