"""`cockpit advise`: which technique fits the reward that you have, and why; asks only what can't be seen."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.cli import OK
from cockpit.cli.output import print_json, say
from cockpit.services.technique.advice_text import as_text
from cockpit.verifiers.catalogue import LISTED

if TYPE_CHECKING:
    from cockpit.core.technique.decision import Question
    from cockpit.services.technique.advice import Advised
    from cockpit.services.workspace.workspace import Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="FILE", help="the data you have (default: the workspace's)")
    parser.add_argument("--verifier", metavar="NAME[:ARG]", help=f"what scores an answer: {LISTED}")
    parser.add_argument("--model", metavar="DIR_OR_ID", help="the base model")
    parser.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="answer a question beforehand; intend=sft says what you were going to do; may be repeated",
    )
    parser.add_argument("--lora", action="store_true", default=None, help="an adapter will be trained")
    parser.add_argument("--full", action="store_false", dest="lora", help="all weights will be trained")
    parser.add_argument("--yes", "-y", action="store_true", help="no questions: take what they assume")


def run(options: argparse.Namespace) -> int:
    from cockpit.core.technique.decision import parse_answers
    from cockpit.services.technique.advice import advised

    answers = parse_answers(options.answer)
    place = _workspace(options)
    found = advised(
        data=options.data,
        verifier=options.verifier,
        model=options.model,
        lora=options.lora,
        answers=answers,
        workspace=place,
    )
    if options.json:
        print_json(as_dict(found))
        return OK
    if sys.stdin.isatty() and sys.stdout.isatty() and not options.yes:
        found = _asked(found, answers)
    say(as_text(found, min(100, shutil.get_terminal_size((100, 24)).columns - 1)))
    return OK


def _workspace(options: argparse.Namespace) -> Workspace | None:
    """The workspace here, if there is one; data that is named stands for itself."""
    from cockpit.contract.errors import CockpitError
    from cockpit.services.workspace import open as open_workspace

    if options.dir:
        from cockpit.cli.place import workspace

        return workspace(options)
    if options.data:
        return None
    try:
        return open_workspace.find(Path.cwd())
    except CockpitError:
        return None


def as_dict(found: Advised) -> dict[str, Any]:
    """The advice as data: `technique` (or `none`, `undecided`), `ranked`, `why`, `questions`, and how it came about."""
    advice = found.advice
    return {
        "technique": advice.name,
        "ranked": [{"technique": r.technique, "fit": r.fit, "why": r.why} for r in advice.ranked],
        "why": advice.why,
        "source": advice.source,
        "questions": [
            {
                "key": q.key,
                "question": q.question,
                "matters": q.matters,
                "options": [{"value": value, "label": label} for value, label in q.options],
                "assumed": q.assumed,
            }
            for q in advice.questions
        ],
        "path": advice.path,
        "not_taken": advice.not_taken,
        "comfortable": (
            {"technique": advice.comfortable[0], "why": advice.comfortable[1]} if advice.comfortable else None
        ),
        "instead": advice.instead,
        "warnings": advice.warnings,
        "smaller_step": advice.smaller_step,
        "facts": found.facts,
        "columns": dict(found.seen.reading.columns) if found.seen else None,
    }


def _asked(found: Advised, answers: dict[str, str], read: Callable[[str], str] = input) -> Advised:
    """Ask what is open, one question at a time, until nothing is: an answer may close other questions."""
    from dataclasses import replace

    from cockpit.core.technique.decision import advise

    while True:
        question = next((q for q in found.advice.questions if q.key not in answers), None)
        if question is None:
            return found
        answers[question.key] = _answer(question, read)
        found = replace(found, advice=advise(found.facts, answers))


def _answer(question: Question, read: Callable[[str], str]) -> str:
    say(f"\n{question.question}\n  ({question.matters})")
    for number, (value, label) in enumerate(question.options, 1):
        mark = "  <- enter" if value == question.assumed else ""
        say(f"  {number}. {label}{mark}")
    values = [value for value, _ in question.options]
    while True:
        try:
            said = read("> ").strip().lower()
        except EOFError:
            raise KeyboardInterrupt from None
        if not said and question.assumed:
            return question.assumed
        if said.isdecimal() and 1 <= int(said) <= len(values):
            return values[int(said) - 1]
        if said in values:
            return said
        say(f"  A number from 1 to {len(values)}, please.")
