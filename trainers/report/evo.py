"""What evo is told of a run that is its benchmark: result.json, a trace an item, the summary, the exit code.

evo's contract: a result is written by rename to EVO_RESULT_PATH; `tasks` is a flat object of numbers; no score is
ever NaN; without exit code 0 the score is ignored. Outside evo nothing here does anything.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptLayout, atomic

MOST_TASKS = 2000
"""evo copies results into its graph: of a larger held-out set the first items are told one by one."""
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def inside(layout: AttemptLayout) -> bool:
    """Whether this attempt is evo's: its folder lies in the place that evo gave this very process."""
    folder = os.environ.get("EVO_CHECKPOINT_DIR")
    return bool(folder) and layout.root.resolve().is_relative_to(Path(str(folder)).resolve())


def unscored(layout: AttemptLayout) -> bool:
    """Whether evo waits for a result that was not written: then the exit code may not be 0."""
    place = os.environ.get("EVO_RESULT_PATH")
    return bool(place) and inside(layout) and not Path(str(place)).is_file()


def publish_summary(layout: AttemptLayout, summary: Mapping[str, Any]) -> None:
    """train_summary.json beside evo's result, with paths that hold from there. Never raises."""
    place = os.environ.get("EVO_RESULT_PATH")
    if place and inside(layout):
        told = {**summary, "metrics_path": str(layout.metrics)}
        _write(Path(place).with_name("train_summary.json"), told)


def publish_result(
    layout: AttemptLayout, result: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> None:
    """The traces first, then the result: evo counts one against the other. Never raises.

    A score that is no finite number is not told: evo would commit it, and its graph be poisoned.
    """
    place = os.environ.get("EVO_RESULT_PATH")
    if not place or not inside(layout):
        return
    if not math.isfinite(result["score"]):
        print(f"[cockpit] the score is {result['score']}, which evo must not get", flush=True)
        return
    kept = dict(list(result.get("tasks", {}).items())[:MOST_TASKS])
    traces = os.environ.get("EVO_TRACES_DIR")
    if traces:
        for row in rows:
            if row["item"] in kept:
                _write(trace_file(Path(traces), str(row["item"])), trace(row))
    _write(Path(place), {**result, "tasks": kept})


def trace(row: Mapping[str, Any]) -> dict[str, Any]:
    """One scored item in the words of evo's traces."""
    return {
        "task_id": str(row["item"]),
        "experiment_id": os.environ.get("EVO_EXPERIMENT_ID"),
        "score": float(row["score"]),
        "status": "passed" if row["passed"] else "failed",
        "failure_reason": None if row["passed"] else row.get("why"),
        "direction": "max",
        "target": row.get("answer"),
        "model_output": row.get("completion"),
        "events": [
            {"role": "user", "content": row.get("prompt", "")},
            {"role": "assistant", "content": row.get("completion", "")},
        ],
    }


def trace_file(folder: Path, item: str) -> Path:
    """`task_<id>.json`; an id that is no file name is made one, and stays told from others by its hash."""
    name = _PLAIN.sub("-", item)[:80]
    if name != item:
        name = f"{name}-{hashlib.sha256(item.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return folder / f"task_{name}.json"


def _write(path: Path, value: object) -> None:
    try:
        atomic.write_json(path, value)
    except OSError as error:
        print(f"[cockpit] could not write {path}: {error}", flush=True)
