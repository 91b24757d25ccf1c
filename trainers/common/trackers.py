"""Experiment trackers: transformers' own callbacks report to them; here are the two things that those leave open."""

from __future__ import annotations

import sys
from typing import Any

from cockpit.contract import Recipe


def mid_eval_key(recipe: Recipe, name: str) -> str:
    """The key under which a tracker shows `eval/<name>`: all but MLflow's callback make that of `eval_<name>`."""
    return f"eval/{name}" if recipe.report_to == "mlflow" else f"eval_{name}"


def close(recipe: Recipe, *, failed: bool = False) -> None:
    """End the tracker's run, so that none is left "running" after a stop, a crash or an exec. Never raises."""
    try:
        tracker: Any = sys.modules.get(recipe.report_to)
        if tracker is None:
            return
        if recipe.report_to == "mlflow":
            tracker.end_run("FAILED" if failed else "FINISHED")
        elif recipe.report_to == "wandb":
            tracker.finish(exit_code=1 if failed else 0)
        else:
            tracker.finish()
    except Exception as error:  # noqa: BLE001 - a dead tracker must not fail the run; each has errors of its own
        print(f"[cockpit] {recipe.report_to} could not be closed: {error}", flush=True)
