"""A folder without a workspace, as one finds them: runs that others made, data files, a model."""

from __future__ import annotations

import json
import os
from pathlib import Path


def make(root: Path, now: float) -> Path:
    """Make it at `root`, its runs written as long before `now` as they say."""
    trainer = root / "outputs" / "qwen-sft"
    _text(trainer / "checkpoint-20" / "trainer_state.json", json.dumps({
        "global_step": 20, "max_steps": 100, "epoch": 1,
        "log_history": [{"step": step, "loss": 2 - step / 20, "learning_rate": 1e-4} for step in range(1, 21)],
    }))  # fmt: skip
    factory = root / "saves" / "llama3-dpo" / "trainer_log.jsonl"
    _text(factory, "".join(
        json.dumps({"current_steps": step, "total_steps": 50, "loss": 0.69 - step / 200, "lr": 5e-6}) + "\n"
        for step in range(1, 30)
    ))  # fmt: skip
    _text(root / "data" / "gsm_train.jsonl", "".join(
        json.dumps({"question": f"{n} + {n % 7} = ?", "answer": str(n + n % 7)}) + "\n" for n in range(60)
    ))  # fmt: skip
    _text(root / "pairs.jsonl", "".join(
        json.dumps({"prompt": f"say {n}", "chosen": str(n), "rejected": "no"}) + "\n" for n in range(60)
    ))  # fmt: skip
    _text(root / "models" / "tiny" / "config.json", "{}")
    _text(root / "models" / "tiny" / "model.safetensors", "-")
    for path in (factory, factory.parent):
        os.utime(path, (now - 20, now - 20))
    for path in (trainer / "checkpoint-20" / "trainer_state.json", trainer / "checkpoint-20", trainer):
        os.utime(path, (now - 8000, now - 8000))
    return root


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
