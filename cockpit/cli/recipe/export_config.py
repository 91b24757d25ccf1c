"""`cockpit export EXP --format trl|axolotl|llamafactory`: an experiment's recipe as another trainer's YAML.

`cli/export.py` has the command, whose other formats are of weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cockpit.cli import OK
from cockpit.cli.output import print_json, say
from cockpit.cli.place import workspace
from cockpit.contract.errors import CockpitError

FORMATS = ("trl", "axolotl", "llamafactory")


def run(options: argparse.Namespace) -> int:
    from cockpit.contract import atomic
    from cockpit.contract.bounded import yaml_text
    from cockpit.contract.layout import AttemptLayout
    from cockpit.contract.recipe import Recipe
    from cockpit.core.configs.write import WRITERS

    ws = workspace(options)
    view = ws.experiment(options.experiment)
    file = AttemptLayout(view.attempt_dir).recipe if view.attempt_dir else ws.layout.experiment(view.id).draft
    made = WRITERS[options.format](Recipe.load(file))
    if options.json:
        print_json(
            {"experiment": view.id, "format": options.format, "settings": made.settings, "left": made.left}
        )
        return OK
    notes = [f"# {view.id} as {options.format} has it. It holds nothing of:"]
    notes += [f"#   {' '.join(f'{name}: {why}'.split())}" for name, why in made.left.items()]
    text = "\n".join([*notes, yaml_text.written(made.settings)])
    if not options.out:
        say(text.rstrip())
        return OK
    out = Path(options.out)
    if out.exists():
        raise CockpitError("there is a file of this name already", "Give another name with -o.", file=out)
    try:
        atomic.write_text(out, text)
    except OSError as error:
        raise CockpitError(
            f"it can't be written: {error.strerror}", "Give another name with -o.", file=out
        ) from error
    say(f"Written: {out}")
    return OK
