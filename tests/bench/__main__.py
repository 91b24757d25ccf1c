"""`python -m tests.bench`: measure the live view and print a table. `--write` puts it into docs/benchmarks.md.

python -m tests.bench                       # everything, some five minutes
python -m tests.bench first_frame idle      # single scenarios
python -m tests.bench overlap               # a million training rows against the eval items: minutes, only if named
python -m tests.bench stopping              # what the early stop costs and saves, simulated: a minute, only if named
python -m tests.bench large                 # a million training rows to the first step, beside plain TRL: an hour
python -m tests.bench --json
python -m tests.bench --quick               # one repeat, short windows
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts import doc_blocks
from tests.bench import large, overlap, peer, stopping
from tests.bench.scenarios import ALL, Bed, Values
from tests.bench.targets import table
from tests.bench.terminal import stand_ahead

ALONE = ("overlap", "stopping", "large")
"""What is measured only where it is named: each has a table of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What the live view costs.")
    parser.add_argument(
        "scenario",
        nargs="*",
        help=f"of: {', '.join([*ALL, 'leet'])} (default: all), or one of {', '.join(ALONE)}",
    )
    parser.add_argument("--json", action="store_true", help="the figures as data")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--quick", action="store_true", help="one repeat, short windows")
    options = parser.parse_args(argv)
    if len(options.scenario) == 1 and options.scenario[0] in ALONE:
        return alone(options.scenario[0], write_it=options.write, quick=options.quick)
    wrong = [name for name in options.scenario if name not in (*ALL, "leet")]
    if wrong:
        parser.error(f"no scenario {wrong[0]}; there are {', '.join([*ALL, 'leet'])}")
    stand_ahead()
    with tempfile.TemporaryDirectory(prefix="cockpit-bench-") as folder:
        bed = Bed(Path(folder), seconds=8.0 if options.quick else 30.0, repeats=1 if options.quick else 3)
        found, skipped = measure(bed, options.scenario)
    load = os.getloadavg()[0]
    if options.json:
        print(
            json.dumps(
                {"figures": found, "skipped": skipped, "load": load, "cores": os.cpu_count()}, indent=2
            )
        )
        return 0
    text = report(found, skipped, load)
    print(text)
    if options.write:
        doc_blocks.put("bench", text)
    return 0


def alone(name: str, *, write_it: bool, quick: bool) -> int:
    """A table that has a place of its own: of the overlap check, the early stop, or large training files."""
    if name == "overlap":
        text = overlap.main([50_000] if quick else None)
    elif name == "stopping":
        text = stopping.report(10 if quick else stopping.RUNS)
    else:
        text = large.main([20_000] if quick else large.ROWS)
    print(text)
    if write_it:
        doc_blocks.put(f"bench {name}", text)
    return 0


def measure(bed: Bed, names: Sequence[str]) -> tuple[Values, dict[str, str]]:
    """The figures of the named scenarios (all for none), and why some have none."""
    found: Values = {}
    skipped: dict[str, str] = {}
    for name, scenario in ALL.items():
        if names and name not in names:
            continue
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        try:
            fresh = scenario(bed)
        except (TimeoutError, RuntimeError) as error:
            skipped[name] = str(error).splitlines()[0][:200]
            fresh = {}
        found |= fresh
        shown = "  ".join(f"{key} {value:.4g}" for key, value in fresh.items())
        print(shown or f"failed: {skipped.get(name, '')}", file=sys.stderr)
    if not names or "leet" in names:
        reason = peer.missing()
        if reason:
            skipped["leet"] = reason
        else:
            try:
                found |= peer.measure(bed)
            except (TimeoutError, RuntimeError, subprocess.SubprocessError) as error:
                skipped["leet"] = str(error).splitlines()[0][:200]
    return found, skipped


def report(found: Values, skipped: dict[str, str], load: float) -> str:
    """The table in Markdown, with what it was measured on."""
    head = ("what", "measured", "target", "compared", "reached")
    rows = [head, ("---",) * 5, *table(found)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", f"Measured by `make bench` in a pseudo-terminal of 160 x 45 on {os.cpu_count()} cores; the load "
              f"average was {load:.1f} at the end. CPU is user and system time of the process tree."]  # fmt: skip
    lines += [f"Not measured: {name} ({why})." for name, why in skipped.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
