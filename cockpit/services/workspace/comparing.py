"""Experiments as the values that a comparison needs: recipes, held-out answers, curves, read from their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError, why
from cockpit.contract.events import mini_evals
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.values import finite
from cockpit.core.tree.comparing import (
    FEWEST,
    MOST,
    Answer,
    Axis,
    Comparison,
    Side,
    as_csv,
    as_markdown,
    comparison,
)
from cockpit.services.workspace.workspace import ExperimentView, Workspace

EXPORTED = 200  # items won and lost in the Markdown; the CSV has all
POINTS = 400  # of a curve: what a screen can show
_NOT_CURVES = ("step", "time", "epoch", "num_tokens", "nonfinite")


def of(ws: Workspace, ids: Sequence[str], axis: Axis = "step") -> Comparison:
    """Compare experiments by their ids. Raises CockpitError: too few, too many, unknown."""
    wanted = list(dict.fromkeys(ws.experiment(one).id for one in ids))
    if not FEWEST <= len(wanted) <= MOST:
        raise CockpitError(
            f"{len(wanted)} experiment{'s' * (len(wanted) != 1)} can't be compared",
            f"Name {FEWEST} to {MOST} of them.",
        )
    views = {view.id: view for view in ws.experiments()}
    return comparison([side(ws, views[one], axis) for one in wanted], axis)


def export(ws: Workspace, whole: Comparison) -> tuple[Path, Path]:
    """Write a comparison as Markdown and CSV into the workspace's `comparisons/`; other people's stays untouched: then
    into the folder one is in. A comparison of the same experiments is replaced. Raises CockpitError.
    """
    folder = Path.cwd() if ws.read_only else ws.root / "comparisons"
    stem = "_".join(one.id for one in whole.sides)
    markdown, csv = folder / f"{stem}.md", folder / f"{stem}.csv"
    try:
        folder.mkdir(exist_ok=True)
        atomic.write_text(markdown, as_markdown(whole, items=EXPORTED))
        atomic.write_text(csv, as_csv(whole))
    except OSError as error:
        raise CockpitError(
            f"the comparison can't be written: {why(error)}",
            "Make room, or rights.",
            file=folder,
        ) from error
    return markdown, csv


def side(ws: Workspace, view: ExperimentView, axis: Axis = "step") -> Side:
    """One experiment, whole."""
    attempt = AttemptLayout(view.attempt_dir) if view.attempt_dir else None
    return Side(
        id=view.id,
        technique=f"{view.technique}{' lora' if view.lora else ''}",
        status=view.status,
        hypothesis=view.hypothesis,
        score=view.score,
        sampled=view.sampled,
        recipe=ws.recipe_of(view),
        answers=answers(attempt) if attempt else {},
        curves=curves(attempt, axis) if attempt else {},
    )


def answers(attempt: AttemptLayout) -> dict[str, Answer]:
    """The held-out pass's answers by item."""
    made: dict[str, Answer] = {}
    for row in read_rows(attempt.held_out / "items.jsonl"):
        item, score = row.get("item"), row.get("score")
        if item is not None and isinstance(score, int | float):
            made[str(item)] = Answer(
                str(item), str(row.get("prompt") or ""), str(row.get("completion") or ""), str(row.get("answer") or ""),
                float(score), row.get("parsed") is not None, str(row.get("why") or ""),
            )  # fmt: skip
    return made


def curves(attempt: AttemptLayout, axis: Axis) -> dict[str, list[tuple[float, float]]]:
    """Every metric and the mini-eval against steps, tokens seen or seconds since the first row."""
    made: dict[str, list[tuple[float, float]]] = {}
    at_step: dict[int, float] = {}
    began: float | None = None
    for row in read_rows(attempt.metrics):
        began = began if began is not None else finite(row.get("time"))
        x = _place(row, axis, began)
        if x is None:
            continue
        at_step[int(row.get("step") or 0)] = x
        for name, value in row.items():
            number = finite(value)
            if name not in _NOT_CURVES and number is not None:
                made.setdefault(name, []).append((x, number))
    for row in mini_evals(read_rows(attempt.events)):
        step, score = row.get("step"), finite(row.get("score"))
        if isinstance(step, int) and score is not None:
            x = float(step) if axis == "step" else at_step.get(step)
            if x is not None:
                made.setdefault("mini_eval", []).append((x, score))
    return {name: thinned(points) for name, points in made.items() if len(points) > 1 or name == "mini_eval"}


def thinned(points: Sequence[tuple[float, float]], most: int = POINTS) -> list[tuple[float, float]]:
    """At most `most` points, the lowest and the highest of every stretch: spikes stay."""
    if len(points) <= most:
        return list(points)
    size = -(-2 * len(points) // most)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = {
            min(range(len(stretch)), key=lambda k: stretch[k][1]),
            max(range(len(stretch)), key=lambda k: stretch[k][1]),
        }
        kept += [stretch[k] for k in sorted(ends)]
    return kept


def _place(row: Mapping[str, Any], axis: Axis, began: float | None) -> float | None:
    if axis == "time":
        now = finite(row.get("time"))
        return None if now is None or began is None else now - began
    return finite(row.get("num_tokens" if axis == "tokens" else "step"))
