"""`cockpit settings TECHNIQUE [WORDS]`: every setting that a technique's trainer takes, as TRL describes it."""

from __future__ import annotations

import argparse

from cockpit.cli import OK
from cockpit.cli.output import print_json, say


def arguments(parser: argparse.ArgumentParser) -> None:
    from cockpit.contract.techniques import TECHNIQUES

    parser.add_argument("technique", choices=TECHNIQUES)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of a setting's name or description")


def run(options: argparse.Namespace) -> int:
    from cockpit.core.recipe import trl_fields
    from cockpit.core.recipe.settings import shown
    from cockpit.core.safe_text import clean

    found = trl_fields.search(options.technique, " ".join(options.words))
    if options.json:
        told = [{"name": field.name, "allowed": field.allowed(), "default": field.default, "about": field.about}
                for field in found]  # fmt: skip
        print_json({"technique": options.technique, "settings": told})
        return OK
    for field in found:
        say(f"{field.name} = {shown(field.default)}   ({field.allowed()})")
        say(f"    {clean(field.about if len(found) <= 5 else field.line)}")
    if not found:
        say(f"No setting of {options.technique} holds {' '.join(options.words)!r}.")
    elif len(found) > 5:
        say(f"{len(found)} settings, with TRL's defaults. With words, or a name, all of what TRL says of it.")
    return OK
