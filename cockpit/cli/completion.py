"""`cockpit completion SHELL`, and the answers that the shell then asks for at each TAB (by argcomplete)."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from cockpit.cli import COMMANDS, OK, add_arguments, command_at, command_parser, root_parser
from cockpit.contract.layout import WorkspaceLayout

SHELLS = ("bash", "zsh", "fish")
_WHERE = {
    "bash": 'eval "$(cockpit completion bash)"      # in ~/.bashrc',
    "zsh": 'eval "$(cockpit completion zsh)"       # in ~/.zshrc, after compinit',
    "fish": "cockpit completion fish | source       # in ~/.config/fish/config.fish",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell that you use")
    parser.epilog = "Commands, options, techniques and experiment ids at TAB: " + "; ".join(_WHERE.values())


def run(options: argparse.Namespace) -> int:
    import argcomplete

    code = argcomplete.shellcode(["cockpit"], shell=options.shell)  # pyright: ignore[reportPrivateImportUsage]
    print(f"# {_WHERE[options.shell]}\n{code}")
    return OK


def answer() -> NoReturn:
    """Give the shell what may stand at its cursor: its line is in COMP_LINE, as argcomplete's code sends it."""
    import argcomplete

    line, point = os.environ.get("COMP_LINE", ""), int(os.environ.get("COMP_POINT", "0"))
    words = _words(line[:point])
    at = command_at(words)
    if at is None or (at == len(words) - 1 and not line[:point].endswith(" ")):
        parser = root_parser()
        parser.add_argument("command", choices=[*COMMANDS, "help"])
    else:
        name = words[at]
        parser = command_parser(name)
        add_arguments(COMMANDS[name], parser)
        place = list(re.finditer(r"\S+", line))[at + 1].span()
        # As many blanks: the places in the line stay the same.
        os.environ["COMP_LINE"] = line[: place[0]] + " " * (place[1] - place[0]) + line[place[1] :]
    for action in parser._actions:
        if action.metavar in ("EXP", "EXP[@STEP]"):
            action.completer = experiment_ids  # pyright: ignore[reportAttributeAccessIssue]
    argcomplete.autocomplete(parser, always_complete_options=False)  # pyright: ignore[reportPrivateImportUsage]
    raise SystemExit(OK)


def experiment_ids(prefix: str, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    """The workspace's experiments, by their folders' names alone: a TAB must not take a second."""
    named = getattr(parsed_args, "dir", None)
    here = Path(named).expanduser() if named else Path.cwd()
    for folder in (here, *here.resolve().parents) if here.is_dir() else ():
        if (experiments := WorkspaceLayout(folder).experiments).is_dir():
            return sorted(path.name for path in experiments.glob("exp_*") if path.name.startswith(prefix))
    return ()


def _words(text: str) -> list[str]:
    """The words before the cursor, without the program's name; a quote may still be open."""
    try:
        return shlex.split(text)[1:]
    except ValueError:
        return text.split()[1:]
