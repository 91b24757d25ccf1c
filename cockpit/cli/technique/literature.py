"""`cockpit literature`: the brief, papers where there is a network, and what you rely on, written down."""

from __future__ import annotations

import argparse

from cockpit.cli import OK
from cockpit.cli.output import print_json, say
from cockpit.cli.place import workspace


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--technique", metavar="NAME", default="", help="the one that is planned")
    parser.add_argument("--brief", action="store_true", help="only the brief, to copy; ask nobody")
    parser.add_argument(
        "--rely", metavar="REF", help="record a reference that you rely on (a link or a title)"
    )
    parser.add_argument("--note", metavar="TEXT", default="", help="with --rely: what it shows")
    parser.add_argument("--skip", metavar="REASON", help="record that you skip it, and why")


def run(options: argparse.Namespace) -> int:
    from cockpit.services.technique import literature

    ws = workspace(options)
    if options.rely is not None or options.skip is not None:
        if options.rely is not None:
            literature.rely(ws, options.rely, options.note)
        else:
            literature.skip(ws, options.skip)
        recorded = literature.recorded(ws)
        if options.json:
            print_json({"recorded": recorded})
        else:
            say(f"Recorded in methodlog.md: {recorded[-1]}")
        return OK
    brief = literature.brief_of(ws, options.technique.lower())
    found = literature.Found(brief, (), ()) if options.brief else literature.search(brief)
    if options.json:
        print_json(
            {
                "brief": brief.text(),
                "hits": found.hits,
                "problems": found.problems,
                "recorded": literature.recorded(ws),
            }
        )
        return OK
    say(brief.text())
    for number, hit in enumerate(found.hits, 1):
        where = ", ".join(part for part in (hit.where, hit.published, f"match {hit.match:.0%}") if part)
        say(f"\n{number:>2}. {hit.title}  ({where})")
        say(f"    {hit.url}")
    for problem in found.problems:
        say(f"\n{problem}")
    say("\nRecord what you rely on: cockpit literature --rely URL --note TEXT (or --skip REASON).")
    return OK
