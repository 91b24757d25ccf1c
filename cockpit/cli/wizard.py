"""`cockpit wizard`: from data to a proven recipe, a page at a time; `--plain` without screens."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, warn
from cockpit.contract.errors import CockpitError

if TYPE_CHECKING:
    from cockpit.services.wizard.page import Choice, Page
    from cockpit.services.wizard.wizard import Wizard

Read = Callable[[str], str]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plain", action="store_true", help="questions and answers, without screens")
    parser.add_argument(
        "--restart", action="store_true", help="begin another experiment, forget the answers so far"
    )


def run(options: argparse.Namespace) -> int:
    from cockpit.services.wizard.wizard import Wizard

    root = _root(options)
    wizard = Wizard(root, tell=say)
    if options.restart:
        wizard.restart()
    if options.json:
        print_json(
            {
                "step": wizard.step,
                "steps": wizard.places(),
                "state": wizard.state,
                "page": wizard.page().as_dict(),
            }
        )
        return OK
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise CockpitError(
            "the wizard needs a terminal", "For scripts there is `cockpit init … --yes --json`."
        )
    if options.plain:
        return walk(wizard)
    from cockpit.ui.app import run as open_screens

    return open_screens(root if wizard.workspace else None, wizard=root)


def _root(options: argparse.Namespace) -> Path:
    from cockpit.services.workspace import open as open_workspace

    try:
        return open_workspace.find(Path(options.dir) if options.dir else None).root
    except CockpitError:
        return Path(options.dir or ".").resolve()


def walk(wizard: Wizard, read: Read = input) -> int:
    """Every page in turn, in a plain terminal. Raises KeyboardInterrupt where the person leaves: nothing is lost."""
    wizard.width = min(100, shutil.get_terminal_size((80, 24)).columns - 2)
    if wizard.resumed:
        say(f"Going on where you left it: {wizard.page().title}.")
    while not wizard.finished:
        page = None
        try:
            page = wizard.page()
            say(f"\n== {page.title}")
            say("\n".join((*page.confirmed, *page.lines)))
            value, reason = _asked(page, read)
            if value == "back":
                wizard.back()
                continue
            if value in page.busy:
                say("This takes a while …")
            wizard.answer(value, reason)
        except CockpitError as error:
            warn(f"! {error}")
            if page is None:  # what was answered before can't stand
                wizard.back()
    say("Done. `cockpit` opens the screens.")
    return OK


def _asked(page: Page, read: Read) -> tuple[str, str]:
    """The answer, and its reason where one is needed."""
    if not page.choices:
        hint = f" [{page.default}]" if page.default else ""
        return _line(read, f"{page.question}{hint}: ") or page.default, ""
    say(f"\n{page.question}")
    for number, choice in enumerate(page.choices, 1):
        say(f"  {number}. {choice.label}{'  <- enter' if number == 1 else ''}")
    while True:
        said = _line(read, "> ")
        if said.lower() in ("back", "b"):
            return "back", ""
        chosen = _choice(page, said)
        if chosen is not None:
            return chosen.value, _line(read, "Why? ") if chosen.reason else ""
        say(f"  A number from 1 to {len(page.choices)}, or back.")


def _choice(page: Page, said: str) -> Choice | None:
    if not said:
        return page.choices[0]
    if said.isdecimal() and 1 <= int(said) <= len(page.choices):
        return page.choices[int(said) - 1]
    return next((choice for choice in page.choices if choice.value == said), None)


def _line(read: Read, prompt: str) -> str:
    try:
        return read(prompt).strip()
    except EOFError:
        raise KeyboardInterrupt from None
