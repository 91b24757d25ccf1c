"""The peer: `leet` of the wandb package, on the same rows, where it is installed; it is no dependency of ours."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.scenarios import Bed, Values, has_chart
from tests.bench.terminal import Terminal
from tests.bench.workspace import values

_RECORD = """
import sys, wandb
sys.path.insert(0, {here!r})
from tests.bench.workspace import values
run = wandb.init(project="bench", mode="offline", dir={folder!r}, settings=wandb.Settings(console="off"))
for step in range(1, {rows} + 1):
    run.log(values(step), step=step)
run.finish()
"""


def missing() -> str:
    """Why there is no peer to measure; "" where there is one."""
    if importlib.util.find_spec("wandb") is None:
        return "the wandb package is not installed (pip install wandb)"
    return ""


def measure(bed: Bed) -> Values:
    """First frame, 100 k rows, and an idle look; a million rows take it minutes, and are left out."""
    folder = bed.folder / "wandb"
    run = _record(folder, 100_000)
    argv = [sys.executable, "-m", "wandb", "leet", "run", str(run)]

    def start() -> float:
        with Terminal(argv, cwd=folder) as terminal:
            terminal.until(has_chart)
            return terminal.cost().cpu

    with Terminal(argv, cwd=folder) as terminal:
        terminal.until(has_chart)
        cost = terminal.settle(quiet=3.0, share=0.45, timeout=180.0)
        rss = terminal.rss_mb()
        before = terminal.cost()
        terminal.rest(bed.seconds)
        quiet = terminal.cost().since(before)
    return {
        "leet_first_chart_cpu_s": statistics.median(start() for _ in range(bed.repeats)),
        "leet_load_100k_cpu_s": cost.cpu,
        "leet_rss_100k_mb": rss,
        "leet_idle_cpu_percent": 100 * quiet.cpu / quiet.time,
        "leet_idle_bytes_per_s": quiet.sent / quiet.time,
    }


def _record(folder: Path, rows: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    here = str(Path(__file__).parents[2])
    code = _RECORD.format(here=here, folder=str(folder), rows=rows)
    began = time.time()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=900)
    runs = [path for path in folder.glob("wandb/offline-run-*/*.wandb") if path.stat().st_mtime >= began - 1]
    return runs[0]


__all__ = ["measure", "missing", "values"]
