"""A run without a trainer: it writes telemetry and publishes checkpoints as trainers do, until somebody ends it."""

from __future__ import annotations

import json
import os
import struct
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptLayout, AttemptWriter
from cockpit.contract.bounded.checkpoint import TRAINER_STATE
from trainers.attempt import checkpoints
from trainers.attempt.checkpoints import EvalState

SCORES = {10: 0.5, 20: 0.75, 30: 0.25}


def fill(folder: Path, step: int) -> None:
    """What transformers writes, as far as anything looks at it."""
    folder.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "U8", "shape": [9000], "data_offsets": [0, 9000]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + os.urandom(9000))
    with zipfile.ZipFile(folder / "optimizer.pt", "w") as packed:
        packed.writestr("data", bytes(5000))
    (folder / "config.json").write_text('{"use_cache": true}')
    state = {"global_step": step, "max_steps": 90, "epoch": 1.0, "log_history": [], "stateful_callbacks": {}}
    (folder / TRAINER_STATE).write_text(json.dumps(state))


def publish(out: AttemptWriter, state: EvalState, step: int, score: float) -> None:
    """One checkpoint and its mini-eval."""
    layout = out.layout
    written = layout.checkpoints / ".writing" / f"checkpoint-{step}"
    fill(written, step)
    best = state.best_score is None or score > state.best_score
    if best:
        state.best_score, state.best_step, state.since_best = score, step, 0
    else:
        state.since_best += 1
    state.scores.append(score)
    state.history.append([score] * 4)
    checkpoints.publish(layout, written, step, state)
    out.samples(step, "eval", [{"score": score}] * 4)
    out.mid_eval(step, score)
    out.checkpoint(step, best=best)


def publish_three(layout: AttemptLayout) -> None:
    """Checkpoints at 10, 20 and 30, in an attempt that has nothing of mini-evals yet."""
    out, state = AttemptWriter(layout.root), EvalState()
    for step, score in SCORES.items():
        publish(out, state, step, score)
    out.close()


def expected(step: int | None) -> dict[str, Any]:
    """The early-stop state that an undamaged checkpoint of `publish_three` holds."""
    state = EvalState()
    for at, score in SCORES.items():
        if step is None or at > step:
            break
        if state.best_score is None or score > state.best_score:
            state.best_score, state.best_step, state.since_best = score, at, 0
        else:
            state.since_best += 1
        state.scores.append(score)
        state.history.append([score] * 4)
    return asdict(state)


def main() -> None:
    out, state = AttemptWriter(sys.argv[1]), EvalState()
    print("writing", flush=True)
    for step in range(1, 10_000):
        out.metrics(step, {"loss": 1 / step})
        if step % 3 == 0:
            publish(out, state, step, step % 7 / 7)
            checkpoints.rotate(out.layout, keep_last=2, best_step=state.best_step)


if __name__ == "__main__":
    main()
