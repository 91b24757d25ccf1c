"""Fill the parts of README and docs that come from code: keys, commands, rules, events, column names and so on.

python -m scripts.fill_docs             # writes them; tests/house/test_docs.py fails while they are out of date
python -m scripts.fill_docs --check     # only says which are

Measured tables (`demo-table`, `bench`, `techniques`) are written by what measures them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cockpit.cli import COMMANDS, GROUPS
from cockpit.contract import events
from cockpit.data import column_names, shapes
from cockpit.ui import actions
from cockpit.ui.actions import Action
from cockpit.verifiers import KINDS
from scripts import doc_blocks

if TYPE_CHECKING:
    from cockpit.core.rules.rule import Rule

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def code(names: Iterable[str]) -> str:
    """Return names as code, side by side."""
    return " ".join(f"`{name}`" for name in names)


def keys() -> str:
    """A table a group: keys, what they do, the command that does the same."""
    groups = dict.fromkeys(action.group for action in actions.ACTIONS)
    return "\n\n".join(
        table(
            (group, "what it does", "from the shell"),
            (_key(action) for action in actions.listed() if action.group == group),
        )
        for group in groups
    )


def _key(action: Action) -> Row:
    command = f"`cockpit {action.cli_equivalent}`" if action.cli_equivalent else ""
    return code(actions.key_names(action).split()), action.help, command


def commands() -> str:
    """Every command with what it does, by group."""
    rows = [("`cockpit`", "open the screens on the workspace here")]
    for key in GROUPS:
        rows += [(f"`cockpit {name}`", c.help) for name, c in COMMANDS.items() if c.group == key]
    return table(("command", "what it does"), rows)


def rules() -> str:
    """Every rule of judgement, by family: what it means, what to do, where it comes from, what it judges by."""
    from cockpit.core.rules.table import RULES

    parts: list[str] = []
    for family in dict.fromkeys(rule.family for rule in RULES):
        parts.append(f"### Rules: {family}")
        parts += [_rule(rule) for rule in RULES if rule.family == family]
    return "\n\n".join(parts)


def _changes(rule: Rule) -> str:
    """Return the settings, each with the techniques where it isn't changed in all that the rule changes."""
    most = max(rule.changes.values(), key=len)
    return ", ".join(
        f"`{name}`" + ("" if of == most else f" ({', '.join(of)})") for name, of in rule.changes.items()
    )


def _rule(rule: Rule) -> str:
    lines = [f"#### {rule.id}", "", rule.means, "", f"- What to do: {rule.advice}"]
    lines += [f"- A draft made from it changes {_changes(rule)}."] if rule.changes else []
    lines += [f"- No setting cures it. {rule.instead}"] if rule.instead else []
    if rule.thresholds:
        lines.append("- Judged by:")
        lines += [f"    - `{name}` {limit.value:g}: {limit.means}" for name, limit in rule.thresholds.items()]
    lines.append(f"- From: {'; '.join((rule.source, *rule.other_sources))}")
    return "\n".join(lines)


def event_kinds() -> str:
    """Every kind of event with the fields that a reader may count on."""
    return table(("kind", "fields"), ((f"`{kind}`", code(names)) for kind, names in events.KINDS.items()))


def columns() -> str:
    """What each of our roles is called by those who publish data."""
    roles = {
        name.lower().replace("_", " "): value
        for name, value in vars(column_names).items()
        if name.isupper() and isinstance(value, tuple)
    }
    return table(
        ("what it holds", "column names, the most telling first"),
        ((role, code(names)) for role, names in roles.items()),
    )


def known_shapes() -> str:
    """The shapes of data that are recognised."""
    shown: Mapping[str, str] = shapes.SHOWN
    return table(
        ("shape", "what it is"), ((f"`{name}`", says) for name, says in shown.items() if name != "unknown")
    )


def packages() -> str:
    """Every package with what its docstring says: what is there, and where to start reading."""
    rows: list[Row] = []
    for top in ("cockpit", "trainers"):
        for init in sorted((doc_blocks.ROOT / top).glob("*/**/__init__.py")):
            said = ast.get_docstring(ast.parse(init.read_text("utf-8"))) or ""
            what = " ".join(said.partition("\n\n")[0].split()).rstrip(".")
            start = start_of(said)
            package = f"`{init.parent.relative_to(doc_blocks.ROOT)}`"
            rows.append((package, what, start))
    return table(("package", "what is there", "start reading at"), rows)


def start_of(said: str) -> str:
    """Return where a package's docstring says to start reading, which may take several lines; "" where it doesn't."""
    start = re.search(r"^Start reading at (.+?)(?=\n\n|\Z)", said, re.MULTILINE | re.DOTALL)
    return " ".join(start[1].split()).rstrip(".") if start else ""


def verifiers() -> str:
    """Every verifier with what it wants."""
    return table(("name", "what it wants"), ((f"`{kind.spec}`", kind.wants) for kind in KINDS))


def presets() -> str:
    """Every preset with what it sets, when to try it, and where it is from."""
    from cockpit.core.recipe.presets import PRESETS
    from cockpit.core.recipe.settings import shown

    rows = (
        (
            f"`{one.name}`",
            code(f"{name}={shown(value)}" for name, value in one.settings.items()),
            one.when,
            one.source,
        )
        for one in PRESETS.values()
    )
    return table(("preset", "sets", "when to try it", "source"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    "keys": keys,
    "commands": commands,
    "events": event_kinds,
    "columns": columns,
    "shapes": known_shapes,
    "packages": packages,
    "rules": rules,
    "verifiers": verifiers,
    "presets": presets,
}


def filled(text: str) -> str:
    """Return a page with every block that comes from code made anew."""
    for name in doc_blocks.blocks(text):
        if name in BLOCKS:
            text = doc_blocks.replaced(text, name, BLOCKS[name]())
    return text


def main(argv: Sequence[str]) -> int:
    """Write the pages; with `--check` only say which are out of date."""
    stale = 0
    for page in doc_blocks.pages():
        before = page.read_text("utf-8")
        after = filled(before)
        if before == after:
            continue
        stale = 1
        print(page.relative_to(doc_blocks.ROOT))
        if "--check" not in argv:
            page.write_text(after, "utf-8")
    return stale if "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
