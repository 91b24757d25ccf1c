"""`cockpit new TECHNIQUE`: a draft with every setting resolved; `cockpit launch` starts it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from cockpit.cli import OK
from cockpit.cli.output import print_json, reading_shown, say
from cockpit.cli.place import workspace
from cockpit.cli.tree.look import as_dict
from cockpit.contract.errors import CockpitError
from cockpit.services.workspace.workspace import ExperimentView, Workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    from cockpit.contract.techniques import RUNNABLE
    from cockpit.core.recipe.presets import PRESETS

    parser.add_argument(
        "technique", choices=[*RUNNABLE, "baseline"], nargs="?", help="left out with --from-finding alone"
    )
    names = "TRL's own names or short ones (lr, bs), or peft.r=16, …"
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help=names)
    parser.add_argument(
        "--preset", metavar="NAME[,NAME]", action="append", help=f"variants by name: {', '.join(PRESETS)}"
    )
    parser.add_argument("--hypothesis", "-m", default="", help="what you expect, in a line")
    parser.add_argument(
        "--parent",
        metavar="EXP[@STEP]",
        help="default: the baseline; training goes on from a committed experiment's best checkpoint, or from STEP",
    )
    parser.add_argument("--data", "--train", metavar="FILE", help="default: the workspace's training file")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--lora", action="store_true", default=None, help="train an adapter (the default)")
    weights.add_argument("--full", action="store_false", dest="lora", help="train all weights")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--warm-start", metavar="EXP[@STEP]", help="go on from that checkpoint, or a folder's")
    start.add_argument("--fresh", action="store_true", help="from the base, although the parent is committed")
    parser.add_argument(
        "--from-finding", metavar="KEY", help="the experiment anew with the change of `cockpit findings`"
    )
    parser.add_argument("--command", dest="own", metavar="CMD", help="technique custom: what to run")
    parser.add_argument("--launch", action="store_true", help="start it at once")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.experiments import lifecycle

    ws = workspace(options)
    if options.preset:
        options.settings = [*options.settings, f"preset={','.join(options.preset)}"]
    with reading_shown():
        if options.from_finding:
            view = _from_finding(ws, options)
        elif options.technique == "baseline":
            view = lifecycle.draft_baseline(ws)
        else:
            view = lifecycle.new(
                ws,
                _technique(options),
                hypothesis=options.hypothesis,
                parent=options.parent,
                train=Path(options.data) if options.data else None,
                overrides=options.settings,
                lora=options.lora,
                warm_start=options.warm_start,
                fresh=options.fresh,
                command=options.own,
            )
    if options.launch:
        lifecycle.launch(ws, view.id)
        view = ws.experiment(view.id)
    from cockpit.contract.recipe import Recipe
    from cockpit.core.recipe import recipes, serving
    from cockpit.services.experiments import precheck

    recipe = Recipe.load(ws.layout.experiment(view.id).draft)
    asked = recipes.named_overrides(options.settings, view.technique)
    defaults = recipes.named_defaults(ws.config.recipes, view.technique)
    against = precheck.concerns(ws, recipe, but=view.id)
    if options.json:
        print_json({**as_dict(view), "concerns": against, "reasons": recipe.reasons,
                    "renamed": {**defaults.renamed, **asked.renamed}})  # fmt: skip
    else:
        for note in [*(f"In cockpit.toml {note}" for note in defaults.notes), *asked.notes]:
            say(f"{note}.")
        draft = ws.layout.experiment(view.id).draft
        start = f" It starts from {view.start}." if view.start else ""
        say(f"{view.id} {view.technique}: {view.status}.{start} Its recipe: {draft}")
        for names, reason in _by_reason(recipe.reasons).items():
            say(f"  {names} {reason}.")
        for text in serving.biased(recipe):
            say(f"  ! {text}")
        for concern in against:
            say(f"  ! {concern.headline}\n      {concern.fix}")
        if not options.launch and options.technique not in ("custom", "baseline"):
            say(f"Prove it on ten examples with `cockpit smoke {view.id}`.")
        if not options.launch:
            say(f"Start it with `cockpit launch {view.id}`.")
    return OK


def _technique(options: argparse.Namespace) -> str:
    if options.technique is None:
        raise CockpitError(
            "a new experiment needs its technique", "`cockpit new sft`, say, or --from-finding KEY."
        )
    return options.technique


def _from_finding(ws: Workspace, options: argparse.Namespace) -> ExperimentView:
    from cockpit.services.experiments import varied

    given = ("technique", "settings", "hypothesis", "parent", "data", "lora", "warm_start", "fresh", "own")
    if any(getattr(options, name) not in (None, "", False, []) for name in given) or options.lora is False:
        raise CockpitError(
            "a draft from a finding takes everything but the change from the experiment that it is about",
            "Give --from-finding KEY alone, or write the change out: `cockpit new TECHNIQUE NAME=VALUE`.",
        )
    return varied.from_finding(ws, options.from_finding)


def _by_reason(reasons: Mapping[str, str]) -> dict[str, str]:
    """Settings that have one reason in common, together: `batch and accumulation:` -> why."""
    names: dict[str, list[str]] = {}
    for field, reason in reasons.items():
        names.setdefault(reason, []).append(field.removeprefix("trainer."))
    return {" and ".join(fields) + ":": reason for reason, fields in names.items()}
