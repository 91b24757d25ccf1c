"""From a large data file to the first training step: the cockpit's SFT beside plain TRL, in one run.

    python -m tests.bench large [--write]            # 100,000 and a million rows: half an hour
    python -m tests.bench.large [--rows N …]         # other sizes
    python -m tests.bench.large --rows 20000 --processes 2

Plain TRL is `load_dataset("json")` and SFTTrainer on a file that is in TRL's own form already. Both train the tiny
model for one step, with an empty cache. What counts are the ratios: the machine is never the same twice. Memory is what
the process tree holds for itself: pages of a file that is mapped can be dropped at any time and are nobody's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cockpit.services.system.paths import cache_dir
from tests.bench.overlap import row

ROWS = [100_000, 1_000_000]
_TRAINER = {
    "max_steps": 1,
    "max_length": 512,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
}


class Figures(NamedTuple):
    """One start: wall and CPU seconds to the first step, and the most memory of its own that the tree held, in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def write_rows(path: Path, count: int, rng: random.Random) -> None:
    """Prompt and completion as turns, which TRL takes as they are."""
    with path.open("w") as handle:
        for _ in range(count):
            made = row(rng)
            chat = {
                "prompt": [{"role": "user", "content": made["question"]}],
                "completion": [{"role": "assistant", "content": made["answer"]}],
            }
            handle.write(json.dumps(chat) + "\n")


def ours(root: Path, train: Path, facts: Any, processes: int | None) -> list[str]:
    """The command of a run of the cockpit's, in an attempt of its own."""
    attempt = root / ".cockpit/experiments/exp_0001/attempts/001"
    attempt.mkdir(parents=True)
    given: dict[str, Any] = {"dataset_num_proc": processes} if processes else {}
    recipe = {
        "experiment_id": "exp_0001",
        "technique": "sft",
        "model": {"name_or_path": facts["model"]},
        "data": {
            "train": str(train),
            "mini_eval": facts["files"]["mini_eval"],
            "held_out": facts["files"]["held_out"],
        },
        "verifier": facts["verifier"],
        "mid_eval": {"every_steps": 100, "every_epochs": 100, "baseline": 1.0},
        "trainer": _TRAINER | given,
    }
    (attempt / "recipe.json").write_text(json.dumps(recipe))
    return [sys.executable, "-m", "trainers.sft", str(attempt)]


def plain(root: Path, train: Path, facts: Any, processes: int | None) -> list[str]:
    """The command of plain TRL on the same rows, model and settings."""
    given = {"dataset_num_proc": processes} if processes else {}
    told = json.dumps(
        {"train": str(train), "model": facts["model"], "out": str(root), "trainer": _TRAINER | given}
    )
    return [sys.executable, "-c", _PLAIN, told]


_PLAIN = """
import json, sys
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer
given = json.loads(sys.argv[1])
rows = load_dataset("json", data_files=given["train"], split="train", cache_dir=given["out"] + "/cache")
trainer = SFTTrainer(
    AutoModelForCausalLM.from_pretrained(given["model"]),
    SFTConfig(given["out"] + "/out", use_cpu=True, bf16=False, activation_checkpointing=False,
              dataloader_pin_memory=False, report_to="none", save_strategy="no", disable_tqdm=True, **given["trainer"]),
    train_dataset=rows,
    processing_class=AutoTokenizer.from_pretrained(given["model"]),
)
trainer.train()
"""


def measured(command: Sequence[str], log: Path) -> Figures:
    """Run until its log speaks of a loss, watching the memory of the whole tree."""
    env = os.environ | {
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    began = time.monotonic()
    with log.open("w") as out:
        running = subprocess.Popen(command, stdout=out, stderr=out, env=env, start_new_session=True)
    peak, wall, cpu = 0.0, None, {running.pid: 0.0}
    try:
        while running.poll() is None and wall is None:
            tree = [running.pid, *_children(running.pid)]
            peak = max(peak, sum(_own_mb(pid) for pid in tree))
            cpu |= {pid: _cpu_s(pid) for pid in tree}
            if "loss" in log.read_text(errors="replace"):
                wall = time.monotonic() - began
            time.sleep(0.2)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    if wall is None and "loss" not in log.read_text(errors="replace"):
        raise RuntimeError(f"there was no first step:\n{log.read_text(errors='replace')[-2000:]}")
    return Figures(wall or time.monotonic() - began, sum(cpu.values()), peak)


def _children(pid: int) -> Iterator[int]:
    """Every process below `pid`."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        found = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return
    for child in found:
        yield child
        yield from _children(child)


def _own_mb(pid: int) -> float:
    """Memory of the process's own, its share of what a fork left in common among it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) / 1024


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(sizes: Sequence[int], processes: int | None = None) -> str:
    """The table in Markdown; each size's line is told to stderr as it comes."""
    head = "| rows | MB | plain TRL | the cockpit | ratio | plain TRL, memory | the cockpit, memory | ratio |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory(prefix="cockpit-bench-") as folder:
        place = Path(folder)
        told = subprocess.run(
            [sys.executable, "-m", "trainers.tiny", str(cache_dir()), "--data", str(place / "data"), "--json"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        facts = json.loads(told.stdout.splitlines()[-1])
        train = place / "train.jsonl"
        for size in sizes:
            write_rows(train, size, random.Random(0))
            found: list[Figures] = []
            for name, start in (("plain", plain), ("ours", ours)):
                root = place / name
                found.append(measured(start(root, train, facts, processes), place / f"{name}.log"))
                shutil.rmtree(root)
                print(name, found[-1], file=sys.stderr, flush=True)
            them, us = found
            lines.append(
                f"| {size:,} | {train.stat().st_size / 1e6:,.0f} | {them.wall_s:.0f} s ({them.cpu_s:.0f} s CPU) | "
                f"{us.wall_s:.0f} s ({us.cpu_s:.0f} s CPU) | {us.wall_s / them.wall_s:.2f} | {them.peak_mb:,.0f} MB | "
                f"{us.peak_mb:,.0f} MB | {us.peak_mb / them.peak_mb:.2f} |"
            )
            print(lines[-1], file=sys.stderr, flush=True)
    lines += ["", f"Measured by `python -m tests.bench large` on {os.cpu_count()} cores; the load average was "
              f"{os.getloadavg()[0]:.1f} at the end."]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.large", description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="how many")
    parser.add_argument("--processes", type=int, help="dataset_num_proc for both")
    options = parser.parse_args()
    print(main(options.rows, options.processes))
