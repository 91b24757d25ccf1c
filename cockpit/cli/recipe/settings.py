"""`cockpit settings TECHNIQUE [WORDS]`: every setting that a technique's trainer takes, as TRL describes it."""

from __future__ import annotations

import argparse
import difflib

from cockpit.cli import OK
from cockpit.cli.output import print_json, say
from cockpit.contract.errors import CockpitError
from cockpit.contract.setting_names import recipe_name


def arguments(parser: argparse.ArgumentParser) -> None:
    from cockpit.contract.techniques import TECHNIQUES

    parser.add_argument("technique", choices=TECHNIQUES)
    parser.add_argument(
        "words", nargs="*", metavar="WORD", default=[], help="of a setting's name or description"
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.core.recipe import trl_fields
    from cockpit.core.recipe.settings import shown
    from cockpit.core.safe_text import clean

    words = options.words
    if len(words) == 1 and recipe_name(words[0], options.technique) in trl_fields.fields(options.technique):
        words = [recipe_name(words[0], options.technique)]  # `lr`, as it is taken wherever a setting is given
    found = trl_fields.search(options.technique, " ".join(words))
    if options.json:
        told = [{"name": field.name, "allowed": field.allowed(), "default": field.default, "about": field.about}
                for field in found]  # fmt: skip
        print_json({"technique": options.technique, "settings": told})
        return OK
    for field in found:
        say(f"{field.name} = {shown(field.default)}   ({field.allowed()})")
        say(f"    {clean(field.about if len(found) <= 5 else field.line)}")
    if not found:
        near = difflib.get_close_matches(" ".join(words), trl_fields.fields(options.technique), n=1)
        raise CockpitError(
            f"no setting of {options.technique} holds {' '.join(words)!r}",
            f"Did you mean {near[0]}?" if near else f"`cockpit settings {options.technique}` lists all.",
        )
    if len(found) > 5:
        say(f"{len(found)} settings, with TRL's defaults; a draft's own stand in `cockpit new`'s answer. A name, or "
            "words that fewer of them hold, show all of what TRL says.")  # fmt: skip
    return OK
