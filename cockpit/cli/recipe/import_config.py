"""`cockpit import FILE`: a configuration of TRL, axolotl, LLaMA-Factory or unsloth becomes a draft."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.cli import OK
from cockpit.cli.output import print_json, reading_shown, say
from cockpit.contract.errors import CockpitError

if TYPE_CHECKING:
    from cockpit.core.configs.carried import Carried
    from cockpit.core.spotcheck.spot import SpotCheck
    from cockpit.services.workspace.workspace import ExperimentView, Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    from cockpit.contract.techniques import TECHNIQUES

    parser.add_argument("file", metavar="FILE", help="its YAML, or the script that starts it")
    parser.add_argument(
        "--from",
        dest="tool",
        choices=("trl", "axolotl", "llamafactory", "unsloth"),
        help="default: told by the names in it",
    )
    parser.add_argument("--technique", choices=TECHNIQUES, help="default: as the file says")
    parser.add_argument(
        "--data", "--train", metavar="FILE", help="default: the data that it names, or the workspace's"
    )
    parser.add_argument("--look", action="store_true", help="only say what would be carried; makes no draft")
    parser.add_argument(
        "--no-spot-check", action="store_true", help="don't look at its data as the model sees it"
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.cli.spotcheck.spot_check import find_workspace
    from cockpit.services.recipe import config_file

    file = Path(options.file)
    made = config_file.read(file, options.tool, options.technique)
    train = Path(options.data) if options.data else config_file.data_file(made, file)
    ws = None if options.look else find_workspace(argparse.Namespace(dir=options.dir, experiment=None))
    if ws is None:
        _told(made, None, None, options)
        if not options.look and not options.json:
            model = made.model or "MODEL"
            say(f"There is no workspace here: `cockpit init --model {model} --data {train or 'FILE'} --verifier NAME` "
                f"makes one, then `cockpit import {file}` the draft.")  # fmt: skip
        return OK
    view = _draft(ws, made, file, train)
    check = None if options.no_spot_check else _spot_check(ws, view, made)
    _told(made, view, check, options)
    return OK


def _draft(ws: Workspace, made: Carried, file: Path, train: Path | None) -> ExperimentView:
    from cockpit.contract.recipe import Recipe
    from cockpit.core.recipe import recipes
    from cockpit.services.experiments import lifecycle

    ours = ws.config.model
    if made.model and os.path.basename(made.model.rstrip("/")) != os.path.basename(str(ours).rstrip("/")):
        made.doubts.append(f"its model is {made.model}; the draft trains this workspace's: {ours}")
    with reading_shown():
        view = lifecycle.new(
            ws, made.technique, hypothesis=f"as in {file.name} ({made.tool})", train=train, lora=made.lora,
            overrides=made.settings,
        )  # fmt: skip
    made.doubts += recipes.advice(Recipe.load(ws.layout.experiment(view.id).draft))
    return view


def _spot_check(ws: Workspace, view: ExperimentView, made: Carried) -> SpotCheck | None:
    """The spot check of the draft; None where it can't be made here, with the reason among the doubts."""
    from cockpit.services.spotcheck import check

    try:
        return check.run(check.SpotCheckRequest(experiment=view.id), ws)
    except CockpitError as error:
        made.doubts.append(f"the spot check couldn't be made: {error}")
        return None


def _told(
    made: Carried, view: ExperimentView | None, check: SpotCheck | None, options: argparse.Namespace
) -> None:
    from cockpit.core.recipe.settings import shown
    from cockpit.core.safe_text import clean

    if options.json:
        print_json({
            "tool": made.tool, "technique": made.technique, "lora": made.lora, "model": made.model, "data": made.data,
            "carried": [{"theirs": made.origin[name], "ours": name, "value": value}
                        for name, value in made.settings.items()],
            "left": made.left, "doubts": made.doubts, "experiment": view.id if view else None,
            "spot_check": check.as_dict() if check else None,
        })  # fmt: skip
        return
    weights = "LoRA" if made.lora else "full weights"
    say(f"A configuration of {made.tool}: {made.technique.upper()}, {weights}.")
    say(f"{len(made.settings)} settings carried over:")
    for name, value in made.settings.items():
        theirs = made.origin[name]
        say(clean(f"  {name} = {shown(value)}" + (f"   (its {theirs})" if theirs != name else "")))
    if made.left:
        say(f"{len(made.left)} left out:")
    for name, why in made.left.items():
        say(clean(f"  {name}: {why}"))
    if made.doubts:
        say("What looks wrong:")
    for doubt in made.doubts:
        say(clean(f"  ! {doubt}"))
    if check is not None:
        from cockpit.cli.spotcheck.text import as_text

        say()
        say(as_text(check))
    if view is not None:
        say()
        say(f"{view.id} is its draft. Prove it on ten examples with `cockpit smoke {view.id}`.")
