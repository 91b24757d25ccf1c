"""A run as evo's benchmark: `evo init --benchmark "exec python -m trainers.run recipe.toml"`.

    exec python -m trainers.run {target}                       # a recipe, TOML or JSON, in the experiment's worktree
    exec python -m trainers.run --technique sft --model DIR --train train.jsonl --mini-eval m.jsonl --held-out h.jsonl …

Reads evo's variables (EVO_CHECKPOINT_DIR, EVO_RESULT_PATH, …), makes an attempt's folder in EVO_CHECKPOINT_DIR/cockpit
and becomes the technique's trainer, under the same pid: what evo signals is what trains. `--help` tells the options.
"""

from __future__ import annotations

import os
import sys

PREPARES = "cockpit.services.experiments.evo_benchmark"
"""Resolves the recipe; trainers import nothing of the cockpit but its contract, so it is started, not imported."""


def main() -> None:
    os.execv(sys.executable, [sys.executable, "-m", PREPARES, *sys.argv[1:]])


if __name__ == "__main__":
    main()
