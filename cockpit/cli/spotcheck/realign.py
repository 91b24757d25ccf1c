"""`cockpit realign`: training data in the verifier's form, as a new file; or the eval prompt, where rules allow it."""

from __future__ import annotations

import argparse
from pathlib import Path

from cockpit.cli import OK
from cockpit.cli.output import print_json, say
from cockpit.contract.errors import CockpitError
from cockpit.verifiers.catalogue import LISTED


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--train", metavar="F", help="the training file (default: the experiment's)")
    parser.add_argument(
        "--verifier", metavar="SPEC", help=f"whose form is wanted (default: the workspace's): {LISTED}"
    )
    parser.add_argument("--experiment", metavar="EXP", help="realign what this experiment trains on")
    parser.add_argument("--technique", metavar="NAME", help="how the training file is used (default: sft)")
    parser.add_argument("--column", metavar="THEIRS=OURS", action="append", default=[], help="frage=prompt")
    parser.add_argument(
        "--write", action="store_true", help="write the file (without it: a preview of the diff)"
    )
    parser.add_argument("--out", metavar="DIR", help="where to (default: the workspace's cache)")
    parser.add_argument("--adopt", action="store_true", help="and let the next experiments train on it")
    parser.add_argument("--reason", "-m", default="", help="why, in a line")
    parser.add_argument("--prompt", nargs="?", const="", metavar="TEXT",
                        help="change the eval prompt instead (default: a sentence that asks for the form)")  # fmt: skip
    parser.add_argument(
        "--allowed", default="", metavar="WHY", help="why the rules allow the prompt to change"
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.cli.spotcheck import spot_check
    from cockpit.services.experiments import catch_up
    from cockpit.services.spotcheck import check, realign

    ws = spot_check.find_workspace(options)
    if ws is not None and (options.adopt or options.prompt is not None):
        catch_up.before_move(ws)
    request = check.SpotCheckRequest(
        train=options.train, verifier=options.verifier, experiment=options.experiment,
        technique=spot_check.technique(options.technique), columns=spot_check.columns(options.column),
        without_model=True,
    )  # fmt: skip
    about = check.subject(request, ws)
    if options.prompt is not None:
        if ws is None or about.verifier is None:
            raise CockpitError("the eval prompt belongs to a workspace, and there is none here", "Use --dir.")
        text = realign.prompt_change(ws, about.verifier, reason=options.allowed, text=options.prompt)
        print_json({"system_prompt": text.partition(": ")[2]}) if options.json else say(text)
        return OK
    if options.adopt and ws is None:
        raise CockpitError("--adopt needs a workspace, and there is none here", "Use --write --out DIR.")
    write = options.write or options.adopt
    folder = Path(options.out) if options.out else realign.folder_of(ws) if ws else Path.cwd()
    made = realign.realign(about, folder if write else None)
    sentence = realign.adopt(ws, about, made, reason=options.reason) if options.adopt and ws else ""
    if options.json:
        print_json({**made.as_dict(), "adopted": options.adopt})
        return OK
    say(as_text(made))
    if sentence:
        say(sentence)
    elif not write:
        say("Nothing was written: --write makes the file, --adopt lets the next experiments train on it.")
    return OK


def as_text(made: object) -> str:
    """The preview for a person: counts, then the first changes as a diff."""
    from cockpit.services.spotcheck.realign import Realigned

    assert isinstance(made, Realigned)
    lines = [f"{made.sentence}."]
    for change in made.changes:
        lines += [f"row {change.row}", *(f"  {line}" for line in change.diff)]
    if made.left_rows:
        lines.append(
            f"Left out: row {', '.join(map(str, made.left_rows[:12]))}{' …' if made.left > 12 else ''}"
        )
    if made.path:
        lines.append(f"Written: {made.path} sha256:{made.digest}")
    return "\n".join(lines)
