"""The held-out items by columns of their file: slices (subject, level …), and groups whose items share something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cockpit.contract.errors import CockpitError
from cockpit.contract.values import mapping
from cockpit.core import clusters
from cockpit.core.scores import Score

if TYPE_CHECKING:
    from cockpit.services.workspace.view import ExperimentView

Rows = list[dict[str, Any]]
T = TypeVar("T")

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
_KEPT: dict[tuple[str, int, int, str], Any] = {}


def scores_of(view: ExperimentView, recipe: Mapping[str, Any]) -> dict[str, Score]:
    """Slice name -> its score; empty where the held-out file names no slices. Never raises."""
    if view.attempt_dir is None or view.score is None or view.score.items is None:
        return {}
    path = mapping(recipe.get("data")).get("held_out")
    if not path:
        return {}
    by_item = slices_of(Path(str(path)))
    parts: dict[str, dict[str, float]] = {}
    for item, score in view.score.items.items():
        if item in by_item:
            parts.setdefault(by_item[item], {})[item] = score
    groups = clusters.Groups(view.score.cluster, view.score.groups) if view.score.groups else None
    return {
        name: Score.of_items(part).grouped(groups)
        for name, part in parts.items()
        if len(part) >= FEWEST_ITEMS
    }


COLUMNS = "columns.jsonl"
"""Beside a score: what its items' rows held that may group them (trainers/report/summary.py writes it)."""


def groups_of(
    held_out: object, named: str | None, scored: Path | None = None
) -> tuple[clusters.Groups | None, str]:
    """How the items of a held-out file group, by the column `named` or one that is found; or what is wrong with it.

    `scored`: the folder of a score. What is kept there counts first, for the file may have changed since.
    """
    try:
        known = scored and _kept(scored / COLUMNS, f"groups by {named}", lambda rows: _groups(rows, named))
    except CockpitError:
        known = None  # a column that was not kept may stand in the file
    if known:
        return known, ""
    if not isinstance(held_out, str) or not held_out:
        return None, ""
    try:
        path, what = Path(held_out), f"groups by {named}"
        return _kept(path, what, lambda rows: clusters.find(rows, _ids(rows), named)), ""
    except CockpitError as error:
        return None, str(error) if named else ""


def _groups(rows: Rows, named: str | None) -> clusters.Groups | None:
    ids = [str(row.pop("item", number)) for number, row in enumerate(rows)]
    return clusters.find(rows, ids, named)


def unread(score: Score, held_out: object, groups: clusters.Groups | None, named: str | None) -> str:
    """A sentence where the score's items had groups that can't be read any more; empty where all is well."""
    column = groups.column if groups else named
    gone = bool(named) and not groups and isinstance(held_out, str) and not Path(held_out).is_file()
    strange = groups is not None and any(item not in groups.of for item in score.items or ())
    said = "the interval takes every item for itself"
    return f"groups by {column} can't be read from the held-out file: {said}" if gone or strange else ""


def slices_of(held_out: Path) -> dict[str, str]:
    """Item id -> `column=value`, for the first column that names slices; as the trainers name the items."""
    try:
        return _kept(held_out, "slices", _slices) or {}
    except CockpitError:
        return {}


def _kept(path: Path, what: str, make: Callable[[Rows], T]) -> T | None:
    """What `make` gave of the file's rows, made anew when the file changes; None where there is no such file."""
    from cockpit.data.reading.files import load_rows

    try:
        stat = path.stat()
    except OSError:
        return None
    key = (str(path), stat.st_mtime_ns, stat.st_size, what)
    if key not in _KEPT:
        _KEPT[key] = make(load_rows(path))
    return _KEPT[key]


def _ids(rows: Rows) -> list[str]:
    """The items' ids, as the trainers give them."""
    from cockpit.data.rows import value

    ids = [str(label) if (label := value(row, "id")) is not None else f"held-out-set-{n:05d}"
           for n, row in enumerate(rows, 1)]  # fmt: skip
    return ids if len(set(ids)) == len(ids) else [f"{one}#{n}" for n, one in enumerate(ids, 1)]


def _slices(rows: Rows) -> dict[str, str]:
    column = next((name for name in NAMES if _names_slices(rows, name)), None)
    if column is None:
        return {}
    return {
        one: f"{column}={row[column]}"
        for one, row in zip(_ids(rows), rows, strict=True)
        if row.get(column) is not None
    }


def _names_slices(rows: Rows, name: str) -> bool:
    values = {str(row[name]) for row in rows if isinstance(row.get(name), str | int)}
    return 2 <= len(values) <= min(MOST, len(rows) // FEWEST_ITEMS)
