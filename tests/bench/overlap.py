"""How fast and in how much memory `cockpit overlap` works: rows a second, peak memory, at growing sizes.

    python -m tests.bench overlap [--write]       # 50,000 and a million rows beside 1,000 items
    python -m tests.bench.overlap [ROWS …]        # other sizes

The rows are made of the words of the items, cut and pasted, so that many n-grams are met, as in real data. The ratio
that matters: the time grows with the rows, the memory doesn't.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ITEMS = 1_000
_SUBJECTS = (
    "A florist,The ferry,An orchard,The library,A baker,The railway,A diver,The quarry,A vineyard,The theatre"
)
_VERBS = "sells,counts,repairs,carries,paints,borrows,weighs,ships,stores,measures,collects,rents,washes,sorts,loses"
_THINGS = "lanterns,ropes,apples,novels,loaves,tickets,corals,stones,barrels,masks,pots of rosemary,bundles of lavender"
_WHEN = "before noon,on a Friday,after the storm,every second week,in the first hour,for a year,at dusk,during the fair"


def sentence(rng: random.Random) -> str:
    pick = [rng.choice(part.split(",")) for part in (_SUBJECTS, _VERBS, _THINGS, _WHEN, _THINGS, _VERBS)]
    return (
        f"{pick[0]} {pick[1]} {rng.randrange(900)} {pick[2]} {pick[3]} and then {pick[5]} {rng.randrange(90)} "
        f"{pick[4]} for {rng.randrange(50)} euros each."
    )


def row(rng: random.Random) -> dict[str, str]:
    asked = " ".join(sentence(rng) for _ in range(3)) + " How much is left in the end?"
    return {
        "question": asked,
        "answer": " ".join(sentence(rng) for _ in range(4)) + f" #### {rng.randrange(1000)}",
    }


class Figures(NamedTuple):
    """One run in a process of its own: CPU seconds (user and system), wall seconds, peak MiB, the answer."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    answer: dict[str, Any]


def measured(train: Path, held_out: Path) -> Figures:
    began, before = time.monotonic(), _children_cpu()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(train), str(held_out)], capture_output=True, text=True, check=True
    )
    peak, _, answer = done.stdout.partition("\n")
    return Figures(_children_cpu() - before, time.monotonic() - began, float(peak), json.loads(answer))


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_CHILD = """
import contextlib, io, resource, sys
from cockpit.cli import main
out = io.StringIO()
with contextlib.redirect_stdout(out):
    main(["overlap", *sys.argv[1:], "--json", "--most", "0"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(out.getvalue())
"""


def report(sizes: list[int]) -> str:
    """The table in Markdown; each size's line is told to stderr as it comes."""
    rng = random.Random(0)
    lines = ["| rows | MB | CPU | wall | rows a CPU second | peak memory |", "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory(prefix="cockpit-bench-") as folder:
        held_out = Path(folder) / "held_out.jsonl"
        held_out.write_text("".join(json.dumps(row(rng)) + "\n" for _ in range(ITEMS)))
        for size in sizes:
            train = Path(folder) / "train.jsonl"
            with train.open("w") as handle:
                for _ in range(size):
                    handle.write(json.dumps(row(rng)) + "\n")
            found = measured(train, held_out)
            assert found.answer["rows"] == size
            assert found.answer["items"] == ITEMS
            lines.append(
                f"| {size:,} | {train.stat().st_size / 1e6:,.0f} | {found.cpu_s:.1f} s | {found.wall_s:.1f} s | "
                f"{size / found.cpu_s:,.0f} | {found.peak_mib:.0f} MiB |"
            )
            print(lines[-1], file=sys.stderr, flush=True)
    lines += ["", f"Measured by `python -m tests.bench overlap` against {ITEMS:,} items, a large file by two "
              f"processes, on {os.cpu_count()} cores; the load average was {os.getloadavg()[0]:.1f} at the end. The "
              "rows are made of the items' own words, so that every item shares n-grams with them."]  # fmt: skip
    return "\n".join(lines)


def main(sizes: list[int] | None = None) -> str:
    return report(sizes or [50_000, 1_000_000])


if __name__ == "__main__":
    print(main([int(word.replace(",", "")) for word in sys.argv[1:]]))
