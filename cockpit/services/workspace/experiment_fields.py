"""An experiment's fields as the filter words (core/tree/experiment_filter) name them."""

from __future__ import annotations

from cockpit.services.workspace.workspace import ExperimentView


def fields_of(view: ExperimentView, now: float = 0.0) -> dict[str, object]:
    """What can be filtered and sorted by; `now` in epoch seconds makes `age` (hours)."""
    return {
        "id": view.id,
        "parent": view.parent,
        "technique": view.technique,
        "weights": "" if view.technique == "baseline" else "lora" if view.lora else "full",
        "status": view.status,
        "state": view.attempt.state if view.attempt else None,
        "hypothesis": view.hypothesis,
        "model": view.model,
        "note": view.note,
        "decision": view.decision.reason if view.decision else None,
        "score": view.score.value if view.score else None,
        "items": view.score.n if view.score else None,
        "parsed": view.score.parsed if view.score else None,
        "delta": view.delta.value if view.delta else None,
        "mini": view.mini_best,
        "step": view.attempt.step if view.attempt else None,
        "age": max(0.0, now - view.created) / 3600 if now and view.created else None,
    }
