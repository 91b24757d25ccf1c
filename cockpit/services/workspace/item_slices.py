"""The held-out score in slices: by the column of the held-out file that names one (subject, level, category …)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping
from cockpit.core.scores import Score
from cockpit.data.reading.files import load_rows
from cockpit.data.rows import value
from cockpit.services.workspace.workspace import ExperimentView, Workspace

NAMES = (
    "slice",
    "subject",
    "category",
    "topic",
    "domain",
    "level",
    "difficulty",
    "task",
    "type",
    "skill",
    "language",
)
MOST, FEWEST_ITEMS = 40, 5
_KEPT: dict[tuple[str, int, int], dict[str, str]] = {}


def scores_of(ws: Workspace, view: ExperimentView) -> dict[str, Score]:
    """Slice name -> its score; empty where the held-out file names no slices. Never raises."""
    if view.attempt_dir is None or view.score is None or view.score.items is None or ws.read_only:
        return {}
    path = mapping(ws.recipe_of(view).get("data")).get("held_out")
    if not path:
        return {}
    by_item = slices_of(Path(str(path)))
    parts: dict[str, dict[str, float]] = {}
    for item, score in view.score.items.items():
        if item in by_item:
            parts.setdefault(by_item[item], {})[item] = score
    return {name: Score.of_items(part) for name, part in parts.items() if len(part) >= FEWEST_ITEMS}


def slices_of(held_out: Path) -> dict[str, str]:
    """Item id -> `column=value`, for the first column that names slices; as the trainers name the items."""
    try:
        stat = held_out.stat()
        key = (str(held_out), stat.st_mtime_ns, stat.st_size)
        if key not in _KEPT:
            _KEPT[key] = _read(held_out)
        return _KEPT[key]
    except (OSError, CockpitError):
        return {}


def _read(path: Path) -> dict[str, str]:
    rows = load_rows(path)
    column = next((name for name in NAMES if _names_slices(rows, name)), None)
    if column is None:
        return {}
    ids = [str(label) if (label := value(row, "id")) is not None else f"held-out-set-{n:05d}"
           for n, row in enumerate(rows, 1)]  # fmt: skip
    if len(set(ids)) != len(ids):
        ids = [f"{one}#{n}" for n, one in enumerate(ids, 1)]
    return {
        one: f"{column}={row[column]}"
        for one, row in zip(ids, rows, strict=True)
        if row.get(column) is not None
    }


def _names_slices(rows: list[dict[str, Any]], name: str) -> bool:
    values = {str(row[name]) for row in rows if isinstance(row.get(name), str | int)}
    return 2 <= len(values) <= min(MOST, len(rows) // FEWEST_ITEMS)
