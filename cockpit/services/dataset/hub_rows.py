"""Rows of a data set on the hub, through the training stack in a process of its own (none of it is imported here)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, cast

from cockpit.contract.bounded import untrusted
from cockpit.contract.errors import CockpitError
from cockpit.contract.network import hub
from cockpit.core.safe_text import clip

# Streams without downloading the whole; media columns are left out.
MAX_LINE = 64 << 20  # bytes of a row
_SCRIPT = """
import json, sys
name, split, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
from datasets import get_dataset_split_names, load_dataset
if not split:
    names = get_dataset_split_names(name)
    split = "train" if "train" in names else names[0]
for row in load_dataset(name, split=split, streaming=True).take(limit):
    print(json.dumps(row, default=lambda value: None), flush=False)
"""


def stream(
    name: str, *, split: str | None, limit: int, python: str = sys.executable
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield place and row of the hub's data set `name`. Raises CockpitError where it can't be had, and why."""
    if hub.offline() or not hub.reachable():  # the library would ask for minutes
        raise _unavailable(name, "OfflineModeIsEnabled" if hub.offline() else "ConnectionError")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [python, "-c", _SCRIPT, name, split or "", str(limit)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        said = process.stdout
        try:
            for number, line in enumerate(iter(lambda: said.readline(MAX_LINE), b""), 1):
                if len(line) >= MAX_LINE:
                    raise CockpitError(
                        f"row {number} of {name} is longer than {MAX_LINE >> 20} MB", "Leave it out."
                    )
                yield number, cast("dict[str, Any]", untrusted.parse(line))
            if process.wait() != 0:
                errors.seek(0)
                raise _unavailable(name, errors.read(MAX_LINE).decode("utf-8", "replace"))
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()
            process.wait()


def _unavailable(name: str, log: str) -> CockpitError:
    """The last line of a traceback as a reason that a person can use."""
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "no reason was given")
    if "ModuleNotFoundError" in last:
        why, fix = (
            "the training stack (`datasets`) is not installed",
            "pip install 'finetune-cockpit[train]'.",
        )
    elif (
        "OfflineMode" in log
        or "ConnectionError" in log
        or "Could not connect" in log
        or "ConnectError" in log
    ):
        why, fix = "the hub can't be reached from here", "Give a file, or a folder that `datasets` saved."
    elif "gated" in log.lower() or "401" in last:
        why, fix = "the data set is gated or private", "Ask for access and set HF_TOKEN."
    elif "DatasetNotFound" in last or "doesn't exist" in last:
        why, fix = "there is no such data set on the hub", "Correct the id."
    else:
        why, fix = clip(last, 160), "Fetch it by hand and give the file."
    return CockpitError(f"there is no file {name!r} here, and from the hub: {why}", fix)
