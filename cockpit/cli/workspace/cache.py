"""`cockpit cache ls`, `cockpit cache rm`: what runs of this workspace need not make again."""

from __future__ import annotations

import argparse

from cockpit.cli import OK
from cockpit.cli.output import print_json, say, size_text, table
from cockpit.cli.place import workspace
from cockpit.core.runs.status import span


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("ls", "rm"), nargs="?", default="ls")
    parser.add_argument("names", nargs="*", metavar="KIND|KEY", help="tokenized, or a key's first characters")
    parser.add_argument("--unused", type=float, metavar="DAYS", help="rm: what was of no use for so long")
    parser.add_argument("--all", action="store_true", help="rm: everything")
    parser.add_argument("--apply", action="store_true", help="rm: remove it; without it, only look")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.workspace import caching

    ws = workspace(options)
    if options.what == "ls":
        found = caching.entries(ws)
        if options.names:
            found = caching.chosen(ws, options.names)
    else:
        found = caching.chosen(ws, options.names, unused_days=options.unused, everything=options.all)
    total = sum(entry.size for entry in found)
    freed = caching.remove(ws, found) if options.what == "rm" and options.apply else 0
    if options.json:
        answer = {"cache": str(caching.root(ws)), "bytes": total, "entries": found}
        removal = {"applied": options.apply, "freed": freed} if options.what == "rm" else {}
        print_json(answer | removal)
        return OK
    if not found:
        say("Nothing there." if options.what == "rm" else f"The cache is empty ({caching.root(ws)}).")
        return OK
    now = ws.clock()
    rows = [
        [e.kind, e.key[:12], size_text(e.size), f"{span(e.seconds)}", f"{span(now - e.used)} ago", _about(e)]
        for e in found
    ]
    say(table(("kind", "key", "size", "took", "last used", "made of"), rows, right=(2,)))
    if options.what == "rm":
        say(f"{size_text(freed)} freed." if options.apply else f"{size_text(total)}. --apply removes it.")
    else:
        say(f"{size_text(total)} in all, in {caching.root(ws)}")
    return OK


def _about(entry: object) -> str:
    from cockpit.services.workspace.caching import Entry

    assert isinstance(entry, Entry)
    if not entry.whole:
        return "left unfinished by a run that died"
    known = [f"{name} {entry.parts[name]}" for name in ("trainer", "n", "settings") if name in entry.parts]
    shown = known or [f"{name} {value}" for name, value in entry.parts.items()]
    by = f" by {entry.by}" if entry.by else ""
    return (", ".join(shown)[:60] + by).strip()
