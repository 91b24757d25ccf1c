"""Workspaces to look at: a run that is alive, with a metrics file of any length, written as trainers write it."""

from __future__ import annotations

import json
import math
import shutil
import time
from pathlib import Path

from cockpit.contract.layout import AttemptLayout
from cockpit.contract.writer import AttemptWriter
from tests.support.ui.stage import Stage

AGE_S = 900.0
"""How old the newest row is at the start: ages on screen change once a minute then."""


class Bench:
    """A workspace with a running GRPO experiment of `rows` rows and five metrics."""

    def __init__(self, root: Path, rows: int, *, age_s: float = AGE_S) -> None:
        shutil.rmtree(root, ignore_errors=True)
        self.root = root
        now = time.time() - age_s
        stage = Stage(root, now=now)
        stage.baseline()
        out, clock, self.layout = stage.experiment(
            "exp_0001", "grpo", parent="exp_0000", hypothesis="bench", ago=60
        )
        out.stage("training")
        stage.process(self.layout, started=now - 60)
        write_rows(self.layout, rows, now)
        for step, score in ((rows // 4, 0.4), (rows // 2, 0.6), (3 * rows // 4, 0.5)):
            clock.now = now - 1
            out.mid_eval(step, score, passed=round(score * 10), parsed=10, n=10, best=score == 0.6, best_score=0.6,
                         best_step=rows // 2, since_best=0, baseline=0.3)  # fmt: skip
        self.layout.log.parent.mkdir(parents=True, exist_ok=True)
        self.layout.log.write_text("".join(f"step {n} of {rows}\n" for n in range(200)))
        self.writer = AttemptWriter(self.layout.root)
        self.step = rows

    def append(self, rows: int = 1) -> None:
        """Log as the trainer would."""
        for _ in range(rows):
            self.step += 1
            self.writer.metrics(self.step, values(self.step))


def crowd(root: Path, experiments: int) -> Path:
    """A workspace of so many experiments that have run and been scored, each a child of one of the ten before it."""
    shutil.rmtree(root, ignore_errors=True)
    now = time.time() - AGE_S
    stage = Stage(root, now=now)
    stage.baseline()
    for number in range(1, experiments):
        id_ = f"exp_{number:04d}"
        parent = f"exp_{max(0, number - 1 - number % 10):04d}"
        technique = ("sft", "grpo", "dpo")[number % 3]
        out, clock, layout = stage.experiment(
            id_, technique, parent=parent, hypothesis=f"move {number}", ago=60
        )
        out.stage("training")
        write_rows(layout, 20, now)
        stage.score(layout, 40 + number % 150, 200, 190, seed=number)
        out.held_out(score=(40 + number % 150) / 200, passed=40 + number % 150, parsed=190, n=200)
        out.end("finished", "", step=20, best_step=20, best_score=0.5)
        stage.process(layout, started=now - 60, ended=clock.now, exit_code=0)
    return root


def values(step: int) -> dict[str, float]:
    """Five metrics that look like a run's, with noise that is the same every time."""
    noise = math.sin(step * 12.9898) * 43758.5453 % 1 - 0.5
    return {
        "loss": round(2.4 * math.exp(-step / 2e5) + 0.2 + 0.1 * noise, 4),
        "reward": round(0.5 + 0.3 * math.tanh(step / 1e5) + 0.1 * noise, 4),
        "kl": round(0.01 + 0.004 * noise, 4),
        "grad_norm": round(1.0 + 0.3 * noise, 3),
        "lr": 3e-4,
    }


def write_rows(layout: AttemptLayout, rows: int, now: float) -> None:
    with layout.metrics.open("w") as handle:
        for step in range(1, rows + 1):
            handle.write(
                json.dumps({"step": step, "time": round(now - (rows - step) * 1e-3, 3)} | values(step)) + "\n"
            )
