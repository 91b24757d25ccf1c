"""How fast and in how much memory `cockpit overlap` works: rows a second, peak memory, at growing sizes.

    python -m tests.bench.overlap [ROWS …]        # default: 50,000 and 200,000 rows beside 1,000 items

The rows are made of the words of the items, cut and pasted, so that many n-grams are met, as in real data. The ratio
that matters: the time grows with the rows, the memory doesn't.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def measured(train: Path, held_out: Path) -> tuple[float, float, dict[str, object]]:
    """Wall seconds, peak MiB and the answer of one run in a process of its own."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(train), str(held_out)], capture_output=True, text=True, check=True
    )
    peak, _, answer = done.stdout.partition("\n")
    return time.monotonic() - began, float(peak), json.loads(answer)


_CHILD = """
import contextlib, io, resource, sys
from cockpit.cli import main
out = io.StringIO()
with contextlib.redirect_stdout(out):
    main(["overlap", *sys.argv[1:], "--json", "--most", "0"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(out.getvalue())
"""


def main(sizes: list[int]) -> None:
    rng = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="cockpit-bench-") as folder:
        held_out = Path(folder) / "held_out.jsonl"
        held_out.write_text("".join(json.dumps(row(rng)) + "\n" for _ in range(ITEMS)))
        print(
            f"{'rows':>10} {'MB':>6} {'seconds':>8} {'rows/s':>8} {'peak MiB':>9}   against {ITEMS:,} items"
        )
        for size in sizes:
            train = Path(folder) / "train.jsonl"
            with train.open("w") as handle:
                for _ in range(size):
                    handle.write(json.dumps(row(rng)) + "\n")
            seconds, peak, answer = measured(train, held_out)
            print(
                f"{size:>10,} {train.stat().st_size / 1e6:>6.0f} {seconds:>8.1f} {size / seconds:>8,.0f} {peak:>9.0f}"
                f"   8-grams {answer['ngrams']['8']}",
                flush=True,
            )  # type: ignore[index]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"CPU seconds in all: {children.ru_utime + children.ru_stime:.1f}")


if __name__ == "__main__":
    main([int(word.replace(",", "")) for word in sys.argv[1:]] or [50_000, 200_000])
