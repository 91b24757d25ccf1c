"""`cockpit spot-check`: training and eval examples side by side, through one verifier; takes no workspace."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.cli import FAILED, OK
from cockpit.cli.output import print_json, say
from cockpit.contract.errors import CockpitError
from cockpit.verifiers.catalogue import LISTED

if TYPE_CHECKING:
    from cockpit.services.workspace.workspace import Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--train", metavar="F", help="the training file (default: the experiment's)")
    parser.add_argument("--eval", metavar="F", help="the eval file (default: the workspace's held-out set)")
    parser.add_argument("--verifier", metavar="SPEC", help=f"what scores an answer: {LISTED}")
    parser.add_argument(
        "--model", metavar="DIR_OR_ID", help="whose tokenizer and chat template render both sides"
    )
    parser.add_argument(
        "--no-model", action="store_true", help="look at the data alone; takes no training stack"
    )
    parser.add_argument(
        "--experiment", metavar="EXP", help="check this experiment's recipe (default: the newest one)"
    )
    parser.add_argument("--technique", metavar="NAME", help="how the training file is used (default: sft)")
    parser.add_argument(
        "--serve", metavar="DIR_OR_JINJA", help="a model or template that answers are served with"
    )
    parser.add_argument(
        "--chat-template-kwargs", metavar="NAME=VALUE", action="append", default=[],
        help="given to the chat template on both sides: enable_thinking=false, or a JSON object",
    )  # fmt: skip
    parser.add_argument("--column", metavar="THEIRS=OURS", action="append", default=[], help="frage=prompt")
    parser.add_argument("--n", type=int, default=3, metavar="N", help="examples a side (default 3)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="draws the examples")
    parser.add_argument("--page", type=int, default=1, metavar="P", help="the next examples of the same draw")
    parser.add_argument(
        "--filter", default="", metavar="WORDS", help="only examples that hold all of these words"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 where the verdict is mismatched")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.spotcheck import check as spotcheck

    if options.n < 1 or options.page < 1:
        raise CockpitError("--n and --page count from 1", "Give a number from 1 up.")
    request = spotcheck.SpotCheckRequest(
        train=options.train, items=options.eval, verifier=options.verifier, model=options.model,
        experiment=options.experiment, technique=technique(options.technique), serve=options.serve,
        columns=columns(options.column), without_model=options.no_model,
    )  # fmt: skip
    request = replace(request, chat_template_kwargs=arguments_of(options.chat_template_kwargs))
    check = spotcheck.run(request, find_workspace(options), n=options.n, seed=options.seed, page=options.page - 1,
                          words=options.filter)  # fmt: skip
    if options.json:
        print_json(check.as_dict())
    else:
        from cockpit.cli.spotcheck.text import as_text

        say(as_text(check))
    return FAILED if options.check and check.verdict == "mismatched" else OK


def find_workspace(options: argparse.Namespace) -> Workspace | None:
    """The workspace here or above; None where there is none, unless one was named."""
    from cockpit.cli.place import workspace
    from cockpit.services.workspace import open as open_workspace

    if options.dir:
        return workspace(options)
    try:
        return open_workspace.find(Path.cwd())
    except CockpitError:
        if options.experiment:
            raise
        return None


def technique(name: str | None) -> str | None:
    """A technique's name, checked. Raises CockpitError with the names there are."""
    from cockpit.contract.techniques import TECHNIQUES

    if name is None or name in TECHNIQUES:
        return name
    raise CockpitError(f"there is no technique {name!r}", f"There are: {', '.join(TECHNIQUES)}.")


def arguments_of(given: list[str]) -> dict[str, Any]:
    """Arguments of the chat template, as a JSON object or as `NAME=VALUE` texts. Raises CockpitError."""
    from cockpit.core.recipe.recipes import parse_overrides

    made: dict[str, Any] = {}
    for text in given:
        try:
            value: object = json.loads(text)
        except ValueError:
            made |= parse_overrides([text])
            continue
        if not isinstance(value, dict):
            raise CockpitError(
                f"--chat-template-kwargs {text!r} names nothing", "Write it as enable_thinking=false."
            )
        made |= cast("dict[str, Any]", value)
    return made


def columns(given: list[str]) -> dict[str, str]:
    """`THEIRS=OURS` texts as a mapping. Raises CockpitError."""
    made: dict[str, str] = {}
    for text in given:
        theirs, equals, ours = text.partition("=")
        if not equals or not theirs or not ours:
            raise CockpitError(f"--column {text!r} names nothing", "Write it as --column frage=prompt.")
        made[theirs] = ours
    return made
