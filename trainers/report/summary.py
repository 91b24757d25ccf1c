"""Write train_summary.json and result.json, in the words of the evo contract; never NaN, never an invented score."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cockpit.contract import atomic
from cockpit.contract.reader import weights_key
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import Ending

if TYPE_CHECKING:
    from trainers.data.items import Item
    from trainers.scoring.scoring import Scored

_SHORT, _MOST_COLUMNS = 100, 16  # characters of a value that names a group; columns that are kept


def write_train_summary(attempt: Attempt, ending: Ending) -> None:
    """Write what was trained, how long and how it ended; outcome figures are the cockpit's to measure. Never raises."""
    recipe, facts = attempt.recipe, attempt.facts
    failed = ending.outcome in ("failed", "out_of_memory")
    summary: dict[str, Any] = {
        "method": recipe.technique,
        "base": recipe.model.name_or_path,
        "warm_start": recipe.model.warm_start,
        "checkpoint": _best(attempt),
        "hyperparams": _hyperparams(attempt),
        "framework": facts.get("framework"),
        "glue_ref": None,
        "metrics_path": attempt.layout.metrics.name,
        "steps": ending.step,
        "tokens": facts.get("tokens"),
        "wall_time_s": round(time.monotonic() - attempt.began, 1),
        "cpu_time_s": round(time.process_time(), 1),
        "early_stop_reason": ending.reason if ending.outcome == "early_stopped" else None,
        "errors": [ending.reason] if failed else [],
        "outcome": ending.outcome,
        "reason": ending.reason,
        "best_step": ending.best_step,
        "best_mini_eval": ending.best_score,
        "peak_rss_mb": facts.get("peak_rss_mb"),
        "train_loss": facts.get("train_loss"),
    }
    write(attempt.layout.summary, summary)
    attempt.orchestrator.publish_summary(summary)


def write_result(attempt: Attempt, scored: Scored, checkpoint: Path | None) -> None:
    """Write the held-out score, a number an item, and the checkpoint with its content key. Never raises."""
    result: dict[str, Any] = {
        "score": scored.score,
        "tasks": {row["item"]: row["score"] for row in scored.rows},
    }
    if checkpoint is not None:
        adapter = (checkpoint / "adapter_config.json").is_file()
        result["artifacts"] = [
            {
                "kind": "lora_adapter" if adapter else "checkpoint",
                "uri": str(checkpoint),
                "content_key": f"sha256:{weights_key(checkpoint)}",
                "created_by": os.environ.get("EVO_EXPERIMENT_ID", attempt.recipe.experiment_id),
            }
        ]
    write(attempt.layout.result, result)
    attempt.orchestrator.publish_result(result, scored.rows)


def write_columns(attempt: Attempt, folder: Path, items: Sequence[Item]) -> None:
    """Keep beside a score what may group its items (source, template, subject …), as their file may change or go."""
    rows = [
        {
            name: value
            for name, value in item.row.items()
            if isinstance(value, int | str) and not isinstance(value, bool) and len(str(value)) <= _SHORT
        }
        for item in items
    ]
    said: dict[str, list[int | str]] = {}
    for row in rows:
        for name, value in row.items():
            said.setdefault(name, []).append(value)
    shared = [name for name, values in said.items() if len(set(values)) < len(values)][:_MOST_COLUMNS]
    if shared:
        kept = [{name: row[name] for name in shared if name in row} for row in rows]
        attempt.out.rows(
            folder / "columns.jsonl",
            [{"item": item.id, **row} for item, row in zip(items, kept, strict=True)],
        )


def file_key(path: str | Path) -> str | None:
    """SHA-256 of a file's bytes, in hexadecimal; None where it can't be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def _hyperparams(attempt: Attempt) -> dict[str, Any]:
    recipe = attempt.recipe
    trainer = dict(recipe.trainer)
    return {
        "lora_rank": recipe.peft.r if recipe.peft else None,
        "lr": trainer.get("learning_rate"),
        "epochs": trainer.get("num_train_epochs"),
        "kl_coef": trainer.get("beta", trainer.get("kl_coef")),
        "seed": recipe.seed,
        **trainer,
    }


def _best(attempt: Attempt) -> str | None:
    best = attempt.layout.best
    return str(best.resolve()) if best.exists() else None


def write(path: Path, value: object) -> None:
    try:
        atomic.write_json(path, value)
    except OSError as error:
        print(f"[cockpit] could not write {path.name}: {error}", flush=True)
