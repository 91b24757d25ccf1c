"""Report to evo a run that is its benchmark: result.json, a trace per item, the summary, the exit code.

evo's contract: a result is written by rename to EVO_RESULT_PATH; `tasks` is a flat object of numbers; no score is
ever NaN; without exit code 0 the score is ignored. Outside evo none of this is imported.
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
from trainers.attempt.attempt import Nobody

MOST_TASKS = 2000
"""evo copies results into its graph: of a larger held-out set the first items are told one by one."""
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class Evo(Nobody):
    """evo, of which this attempt is an experiment: it waits for a score, and gets the summary and a trace an item."""

    wants_score = True

    def __init__(self, layout: AttemptLayout, environment: Mapping[str, str]) -> None:
        self.layout = layout
        self.result_path = environment.get("EVO_RESULT_PATH")
        self.traces = environment.get("EVO_TRACES_DIR")

    def unscored(self) -> bool:
        return bool(self.result_path) and not Path(str(self.result_path)).is_file()

    def publish_summary(self, summary: Mapping[str, Any]) -> None:
        """Write train_summary.json beside evo's result, with paths that hold from there. Never raises."""
        if self.result_path:
            whole = {**summary, "metrics_path": str(self.layout.metrics)}
            _write(Path(self.result_path).with_name("train_summary.json"), whole)

    def publish_result(self, result: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the traces first, then the result: evo counts one against the other. Never raises.

        A score that is no finite number is not written: evo would commit it, and its graph be poisoned.
        """
        if not self.result_path:
            return
        if not math.isfinite(result["score"]):
            print(f"[cockpit] the score is {result['score']}, which evo must not get", flush=True)
            return
        kept = dict(list(result.get("tasks", {}).items())[:MOST_TASKS])
        if self.traces:
            for row in rows:
                if row["item"] in kept:
                    _write(trace_file(Path(self.traces), str(row["item"])), trace(row))
        _write(Path(self.result_path), {**result, "tasks": kept})


def inside(layout: AttemptLayout, environment: Mapping[str, str]) -> bool:
    """Return True if this attempt is evo's: its folder lies in the place that evo gave this very process."""
    folder = environment.get("EVO_CHECKPOINT_DIR")
    return bool(folder) and layout.root.resolve().is_relative_to(Path(str(folder)).resolve())


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
