"""What a tokenizer without surprises makes of the rows that a spot check asks about, and a program that says it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What `trainers.spotcheck.render` would say, without torch."""
    row = {"tokens": 20, "cut": 0, "bos": 0, "ends": True, "follows": "", "trained": 9, "trained_prompt": 0,
           "kept_chars": 20, "target_found": True}  # fmt: skip
    shown = {"pieces": [["<|im_start|>", 1], ["user\n", 0], ["so it is", 2], ["<|im_end|>", 3]], "ids": [1, 2, 3, 4],
             "tokens": 4, "trained": 2}  # fmt: skip
    return {
        "v": 1, "tokenizer": "Fake", "bos": None, "adds_bos": False, "ends": ["<|im_end|>"], "max_length": 1024,
        "max_positions": 4096, "has_template": True, "trims": False, "trains_text": False, "refused": [], "refusals": 0,
        "rows": [{"row": index + 1, **row} for index in asked["fact_rows"]], "contexts": [],
        "items": [{"row": index + 1, "tokens": 9, "bos": 0} for index in asked["fact_items"]],
        "systems": {system: f"<|im_start|>system\n{system}" for system in asked["systems"]}, "served": None,
        "train_examples": [{"row": index + 1, **shown, "cut_at": None} for index in asked["rows"]],
        "eval_examples": [{"row": index + 1, "id": str(index), **shown} for index in asked["items"]],
    }  # fmt: skip


def interpreter(path: Path) -> Path:
    """Write a program that stands for the trainers' Python where a spot check asks it."""
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    path.chmod(0o755)
    return path


if __name__ == "__main__":
    print(json.dumps(answer(json.loads(Path(sys.argv[-1]).read_text("utf-8")))))
