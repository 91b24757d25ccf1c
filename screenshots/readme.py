"""Fills the README's blocks that come from code: the keys from the table of actions, the commands from the CLI's.

python screenshots/readme.py            # writes them; tests/house/test_readme.py fails while they are out of date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from cockpit.cli import COMMANDS, GROUPS
from cockpit.ui import actions
from cockpit.ui.actions import Action

README = Path(__file__).parent.parent / "README.md"


def keys() -> str:
    """A table a group: keys, what they do, the command that does the same."""
    lines: list[str] = []
    for group in dict.fromkeys(action.group for action in actions.ACTIONS):
        lines += [f"| {group} | | from the shell |", "|---|---|---|"]
        lines += [_row(action) for action in actions.listed() if action.group == group]
        lines.append("")
    return "\n".join(lines).rstrip()


def _row(action: Action) -> str:
    names = " ".join(f"`{name}`" for name in actions.key_names(action).split())
    equivalent = f"`cockpit {action.cli_equivalent}`" if action.cli_equivalent else ""
    return f"| {names} | {action.help} | {equivalent} |"


def commands() -> str:
    """Every command with what it does, by group."""
    lines = ["| | |", "|---|---|", "| `cockpit` | open the screens on the workspace here |"]
    for key in GROUPS:
        lines += [f"| `cockpit {name}` | {c.help} |" for name, c in COMMANDS.items() if c.group == key]
    return "\n".join(lines)


BLOCKS = {"keys": keys, "commands": commands}


def filled(text: str) -> str:
    """`text` with every block between `<!-- name -->` and `<!-- /name -->` made anew."""
    for name, make in BLOCKS.items():
        pattern = re.compile(rf"<!-- {name} -->\n.*?<!-- /{name} -->", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"README.md has no block <!-- {name} --> … <!-- /{name} -->")
        head, tail, made = f"<!-- {name} -->\n", f"<!-- /{name} -->", make()
        text = pattern.sub(lambda _, block=f"{head}{made}\n{tail}": block, text)
    return text


def main(argv: Sequence[str]) -> int:
    """Write the README; with `--check` only say whether it is current."""
    before = README.read_text(encoding="utf-8")
    after = filled(before)
    if "--check" in argv:
        return int(before != after)
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
