"""Print the tests that failed in the last run, where they are few enough to be tried again; exit with 1 otherwise.

python scripts/failed_few.py MOST
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def main(most: int) -> int:
    """Give 0 where one to `most` tests failed, having printed their names; a file that didn't load is never few."""
    failed = sorted(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else []
    if not 0 < len(failed) <= most or any("::" not in name for name in failed):
        return 1
    print(*failed, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
