"""`cockpit verify --verifier SPEC`: score one completion, or a file of them, and say why."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, cast

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, table
from cockpit.contract.errors import CockpitError
from cockpit.verifiers.catalogue import LISTED

if TYPE_CHECKING:
    from cockpit.services.dataset.verifying import Scored, Unscored
    from cockpit.verifiers import Verifier

SHOWN = 200
"""Rows of a file that are shown; --json gives all."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="completions with their gold answers, a row each (JSONL, CSV, …)",
    )
    parser.add_argument(
        "--verifier", metavar="SPEC", help=f"what scores (default: the workspace's): {LISTED}"
    )
    parser.add_argument("--completion", metavar="TEXT", help="the completion, where there is one")
    parser.add_argument("--answer", metavar="GOLD", help="the gold answer (of a file: of every row)")
    parser.add_argument(
        "--item", metavar="JSON", help='other columns that the verifier reads: {"tests": …}, {"schema": …}'
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="read a column as completion or answer",
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.cli.dataset.overlap import named_columns
    from cockpit.services.dataset import verifying

    if (options.file is None) == (options.completion is None):
        raise CockpitError(
            "there is nothing to score, or two things", "Give either --completion TEXT or a file."
        )
    verifier = verifier_of(options)
    if options.completion is not None:
        item = _item(options.item)
        if options.answer is not None:
            item[verifier.gold_key] = options.answer
        verdict = verifier(options.completion, item)
        if options.json:
            print_json({"verifier": verifier.spec, "gold": verifier.gold(item),
                        **verifying.scored_dict(options.completion, verdict)})  # fmt: skip
        else:
            say(f"{_word(verdict.score, verdict.parsed, verifier)}: {verdict.why}")
        return OK
    columns = named_columns(options.column)
    scored, lacking = verifying.score_file(verifier, options.file, answer=options.answer, columns=columns)
    counts = {
        "n": len(scored), "unscored": len(lacking), "passed": sum(row.verdict.passed for row in scored),
        "parsed": sum(row.verdict.parsed for row in scored),
        "score": sum(row.verdict.score for row in scored) / len(scored),
    }  # fmt: skip
    if options.json:
        rows = [
            {"row": row.line, "gold": row.gold, **verifying.scored_dict(row.completion, row.verdict)}
            for row in scored
        ]
        without = [{"row": row.line, "why": row.why} for row in lacking]
        print_json({"verifier": verifier.spec, **counts, "against_itself": scored[0].itself, "rows": rows,
                    "unscored_rows": without})  # fmt: skip
    else:
        say(_as_text(verifier, scored, lacking, counts))
    return OK


def verifier_of(options: argparse.Namespace, spec: str | None = None) -> Verifier:
    """The verifier that was named, else the workspace's. Raises CockpitError with the names there are."""
    from cockpit.cli.place import workspace
    from cockpit.verifiers import load

    spec = spec or options.verifier
    if spec is None:
        try:
            spec = workspace(options).config.verifier
        except CockpitError:
            raise CockpitError("no verifier is named", f"Name one: --verifier SPEC ({LISTED}).") from None
    return load(spec)


def _item(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CockpitError(
            f"--item is no JSON: {error}", 'For instance --item \'{"tests": "assert f(1) == 2"}\'.'
        ) from None
    if not isinstance(value, dict):
        raise CockpitError(
            "--item is no JSON object", 'For instance --item \'{"tests": "assert f(1) == 2"}\'.'
        )
    return cast("dict[str, Any]", value)


def _word(score: float, parsed: bool, verifier: Verifier) -> str:
    """What is said of a score: of a verifier that grades the number, for it knows no right and wrong."""
    from cockpit.verifiers import is_graded

    if not parsed:
        return "no answer"
    if is_graded(verifier.spec) or 0 < score < 1:
        return f"score {score:.2f}"
    return "pass" if score >= 1 else "fail"


def _as_text(
    verifier: Verifier, scored: list[Scored], lacking: list[Unscored], counts: dict[str, Any]
) -> str:
    from cockpit.core.safe_text import clip

    rows = [
        [
            str(row.line),
            _word(row.verdict.score, row.verdict.parsed, verifier),
            clip(row.gold, 30),
            clip(row.verdict.why, 90),
        ]
        for row in scored[:SHOWN]
    ]
    more = f"\n… and {len(scored) - SHOWN:,} more (--json gives all)." if len(scored) > SHOWN else ""
    said = (
        f"{table(('row', 'verdict', 'gold', 'why'), rows)}{more}\n\n{verifier.spec}: mean score {counts['score']:.3f} "
        f"of {counts['n']:,}; {counts['passed']:,} with the full score, {counts['n'] - counts['parsed']:,} without an "
        "answer."
    )
    if scored[0].itself:
        said += (
            "\nThe file has no gold answers, so each completion was judged against itself: what passes can be read by "
            "the verifier, which doesn't make it right."
        )
    if not lacking:
        return said
    one = "1 row was" if len(lacking) == 1 else f"{len(lacking):,} rows were"
    return f"{said}\n{one} not scored (row {lacking[0].line}: {clip(lacking[0].why, 200)})."
