"""What a smoke run left on the disk, as the facts that core/smoke/gate judges."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.techniques import GROUPED
from cockpit.contract.values import mapping
from cockpit.core.safe_text import clean, clip
from cockpit.core.smoke.facts import Audited, Drift, SmokeFacts
from cockpit.services.runs import observe
from cockpit.services.runs.record import read_facts

RENDER = "render.json"
AUDIT = "audit.json"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
_LOG = 65_536
_NOTHING: dict[str, Any] = {}


def facts(attempt: AttemptLayout) -> SmokeFacts:
    """Everything that is known of the run now; never raises for missing or broken files."""
    recipe = mapping(atomic.read_json(attempt.recipe))
    status = observe.observe(attempt)
    events = list(read_rows(attempt.events))
    rows = list(read_rows(attempt.metrics))
    end = next((row for row in reversed(events) if row.get("kind") == "end"), _NOTHING)
    checkpoint, size = _checkpoint(attempt)
    trouble = status.state not in ("finished", "early_stopped", "stopped", "running", "starting", "stopping")
    reason = str(end.get("reason") or "")
    memory = str(end.get("outcome")) == "out_of_memory"
    return SmokeFacts(
        technique=str(recipe.get("technique", "")),
        state="out_of_memory" if memory else status.state,
        sentence=status.sentence,
        stage=_stage(events),
        part=str(end.get("part") or ""),
        error=clip(_error(attempt, reason) if trouble else "", 400),
        steps=max((int(row["step"]) for row in rows if isinstance(row.get("step"), int)), default=0),
        losses=_series(rows, "loss"),
        rewards=_series(rows, "reward"),
        nonfinite=tuple(sorted({name for row in rows for name in mapping(row.get("nonfinite"))})),
        step_time=_step_time(rows),
        batch_time=_batch_time(events, mapping(recipe.get("generation"))),
        seconds=_seconds(attempt),
        forced=_forced(attempt),
        peak_bytes=_peak(attempt, rows),
        checkpoint=checkpoint,
        checkpoint_bytes=size,
        verifier=str(recipe.get("verifier", "")),
        fix=reason if memory else "",
        group=_group(recipe),
        flat=_series(rows, "frac_reward_zero_std"),
        audit=_audited(attempt),
        **_rendered(attempt),
        **_scored(attempt),
        **_rollouts(attempt),
    )


def _group(recipe: Mapping[str, Any]) -> int:
    size = mapping(recipe.get("trainer")).get("num_generations")
    return size if recipe.get("technique") in GROUPED and isinstance(size, int) else 0


def _stage(events: list[dict[str, Any]]) -> str:
    return next((str(row.get("name")) for row in reversed(events) if row.get("kind") == "stage"), "")


def _error(attempt: AttemptLayout, reason: str) -> str:
    return clean(reason or observe.last_error(observe.text_at_end(attempt.log, _LOG)))


def _series(rows: list[dict[str, Any]], name: str) -> tuple[float, ...]:
    return tuple(float(row[name]) for row in rows if isinstance(row.get(name), int | float))


def _step_time(rows: list[dict[str, Any]]) -> float | None:
    """The median, without the first step, which warms up, where there are others."""
    times = _series(rows, "step_time")
    return statistics.median(times[1:] or times) if times else None


def _batch_time(events: list[dict[str, Any]], generation: Mapping[str, Any]) -> float | None:
    """Seconds a batch of answers took in the first mini-eval, from the stage's beginning to its result."""
    began = None
    for row in events:
        at, n = row.get("time"), row.get("n")
        if not isinstance(at, int | float):
            continue
        if row.get("kind") == "stage":
            began = at if row.get("name") == "evaluating" else None
        elif row.get("kind") == "mid_eval" and began is not None and isinstance(n, int) and n > 0:
            return (at - began) / math.ceil(n / int(generation.get("batch_size") or 16))
    return None


def _forced(attempt: AttemptLayout) -> bool:
    record = read_facts(attempt.process)
    return record is not None and record.forced


def _seconds(attempt: AttemptLayout) -> float | None:
    record = read_facts(attempt.process)
    if record is None or record.started is None or record.ended is None:
        return None
    return record.ended - record.started


def _peak(attempt: AttemptLayout, rows: list[dict[str, Any]]) -> int | None:
    """GPU memory where there is a GPU, else what the process held at its peak, in bytes."""
    gpu = max(_series(rows, "gpu_mb"), default=0.0)
    if gpu:
        return int(gpu * 2**20)
    peak = mapping(atomic.read_json(attempt.summary)).get("peak_rss_mb")
    peak = peak if isinstance(peak, int | float) else max(_series(rows, "rss_mb"), default=0.0)
    return int(peak * 2**20) or None


def _checkpoint(attempt: AttemptLayout) -> tuple[str, int]:
    """The newest checkpoint's name, and the bytes of weights in it."""
    found = sorted(path for path in attempt.checkpoints.glob("step_*") if path.is_dir())
    if not found:
        return "", 0
    return found[-1].name, sum(_size(file) for pattern in _WEIGHTS for file in found[-1].glob(pattern))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _rendered(attempt: AttemptLayout) -> dict[str, Any]:
    value = mapping(atomic.read_json(attempt.root / RENDER))
    if not value or value.get("skipped"):
        return {}
    if "error" in value:
        return {"render_error": clip(clean(str(value["error"])), 300)}
    drift = [
        Drift(
            clip(clean(str(group.get("train", "")), newlines="show"), 200),
            clip(clean(str(group.get("eval", "")), newlines="show"), 200),
            clip(clean(str(group.get("before", "")), newlines="show"), 100),
            int(group.get("count") or 1),
            bool(group.get("ids_only")),
        )
        for group in cast("list[dict[str, Any]]", value.get("contexts") or [])
    ]
    refused = cast("list[dict[str, Any]]", value.get("refused") or [])
    return {
        "rendered": int(value.get("rendered") or 0),
        "drift": tuple(drift),
        "render_error": f"row {refused[0].get('row')}: {refused[0].get('why')}" if refused else "",
    }


def _audited(attempt: AttemptLayout) -> Audited | None:
    value = mapping(atomic.read_json(attempt.root / AUDIT))
    if not isinstance(value.get("says"), str):
        return None
    cases = [mapping(kind) for kind in mapping(value.get("cases")).values()]
    wrong = [mapping(one) for one in cast("list[object]", value.get("examples") or [])]
    passing = next((str(one.get("completion")) for one in wrong if one.get("should_pass") is False), "")
    return Audited(
        sum(int(kind.get("n") or 0) for kind in cases),
        int(value.get("false_accepts") or 0),
        int(value.get("false_rejects") or 0),
        clip(clean(str(value["says"])), 300),
        clip(clean(passing, newlines="show"), 120),
        int(value.get("items") or 0) - int(value.get("unchecked") or 0),
        int(value.get("accepting_items") or 0),
    )


def _scored(attempt: AttemptLayout) -> dict[str, Any]:
    score = mapping(atomic.read_json(attempt.held_out / "score.json"))
    rows = list(read_rows(attempt.held_out / "items.jsonl"))
    if not score or not rows:
        return {}
    unread = next((row for row in rows if row.get("parsed") is None), _NOTHING)
    return {
        "scored": len(rows),
        "mean": float(score.get("score") or 0.0),
        "best_item": max(float(row.get("score") or 0.0) for row in rows),
        "parsed": sum(row.get("parsed") is not None for row in rows),
        "truncated": sum(bool(row.get("truncated")) for row in rows),
        "said": clip(clean(str(unread.get("completion") or ""), newlines="show"), 120),
        "why": clip(clean(str(unread.get("why") or "")), 120),
        "base_solved": int(mapping(atomic.read_json(attempt.root / "of.json")).get("solved") or 0),
    }


def _rollouts(attempt: AttemptLayout) -> dict[str, Any]:
    """Completions of the first step: the base model's own, for nothing has been learned before it."""
    rows = list(read_rows(attempt.sample_file("train", 1)))
    return {
        "rollouts": len(rows),
        "rollouts_passed": sum(bool(row.get("passed")) for row in rows),
        "rollouts_parsed": sum(row.get("parsed") is not None for row in rows),
    }
