"""`cockpit init`: make a workspace from a model, a data file and a verifier; asks for what wasn't given."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cockpit.cli import OK
from cockpit.cli.output import plain, print_json, reading_shown, say
from cockpit.contract.errors import CockpitError
from cockpit.verifiers.catalogue import LISTED


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="DIR_OR_ID", help="the base model: a folder, or a hub id")
    parser.add_argument("--data", "--train", metavar="FILE", help="training data (JSONL, JSON)")
    parser.add_argument(
        "--held-out", metavar="FILE", help="never trained on; split off --data where you have none"
    )
    parser.add_argument(
        "--mini-eval", metavar="FILE", help="5-10 items for mid-evals; split off --data by default"
    )
    parser.add_argument(
        "--sealed", metavar="FILE", help="a second held-out set, opened once (`cockpit unseal`)"
    )
    parser.add_argument("--verifier", metavar="NAME[:ARG]", help=f"what scores an answer: {LISTED}")
    parser.add_argument("--name", help="the workspace's name (default: its folder's)")
    parser.add_argument("--random-score", type=float, help="what guessing would score, for the diagnostics")
    parser.add_argument("--system-prompt", help="put before every prompt, in training and evaluation alike")
    parser.add_argument(
        "--max-new-tokens", type=int, help="longest answer when the model is scored (default 256)"
    )
    parser.add_argument(
        "--constraint", action="append", default=[], help="a rule of yours for the log; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split")
    parser.add_argument("--yes", "-y", action="store_true", help="no questions; what is missing is an error")


_FROM_ARGUMENTS = ("model", "data", "verifier", "held_out")
_QUESTIONS = (
    ("model", "Base model (a folder or a hub id)"),
    ("data", "Training data (a JSONL file)"),
    ("verifier", f"Verifier ({LISTED})"),
)


def run(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import setup
    from cockpit.services.technique.advice import advised
    from cockpit.services.workspace.workspace import Workspace

    root = Path(options.dir or ".").resolve()
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not (options.yes or options.json)
    if interactive and not all(getattr(options, name) for name, _ in _QUESTIONS):
        return _walk(root, options)
    _require(options)
    generation = {"max_new_tokens": options.max_new_tokens} if options.max_new_tokens else {}
    with reading_shown():
        made = setup.init(
            root,
            name=options.name or root.name,
            model=options.model,
            verifier=options.verifier,
            train=Path(options.data),
            held_out=Path(options.held_out) if options.held_out else None,
            mini_eval=Path(options.mini_eval) if options.mini_eval else None,
            sealed=Path(options.sealed) if options.sealed else None,
            random_score=options.random_score,
            system_prompt=options.system_prompt,
            constraints=options.constraint,
            seed=options.seed,
            sections={"generation": generation} if generation else {},
        )
        advice = advised(workspace=Workspace(root), data=options.data, verifier=options.verifier).advice
    if options.json:
        print_json({**plain(made), "advice": {"technique": advice.name, "why": advice.why}})
        return OK
    for line in made.messages:
        say(line)
    say(f"Workspace ready: {made.root}")
    say(f"The technique that fits: {advice.name.upper()}. {advice.why}")
    say("Next: `cockpit launch exp_0000` scores the base model, before any training.")
    return OK


def _require(options: argparse.Namespace) -> None:
    for name, question in _QUESTIONS:
        if not getattr(options, name):
            raise CockpitError(f"--{name} is missing", f"{question}: give it as --{name}.")


def _walk(root: Path, options: argparse.Namespace) -> int:
    """The wizard in a plain terminal, with what was given on the command line already answered."""
    from cockpit.cli.wizard import walk
    from cockpit.services.wizard.wizard import Wizard

    wizard = Wizard(root, tell=say)
    for name in _FROM_ARGUMENTS:
        given = getattr(options, name)
        if given:
            setattr(wizard.state, name, str(Path(given).resolve()) if Path(given).exists() else given)
    if options.constraint:
        wizard.state.rules = list(options.constraint)
    return walk(wizard)
