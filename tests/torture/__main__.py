"""`python -m tests.torture [--seed N] [--faults N]`: the campaign, what came of it, and 1 for any loss or lie."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.torture import campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        files = campaign.break_files(place, options.seed, options.faults)
        killed = campaign.kill_writers(place, options.seed, max(1, options.faults // 20))
    for title, tally in (("files", files), ("writers", killed)):
        print(f"{title} ({', '.join(f'{name} {n}' for name, n in sorted(tally.kinds.items()))}):\n{tally}")
    return 1 if files.lost or files.lies or killed.lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
