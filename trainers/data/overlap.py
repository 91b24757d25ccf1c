"""The firm guardrail: refuse training data that contains an item of the held-out set or of the mini-eval."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.contract import CockpitError, Recipe
from cockpit.data.keys import Asked, item_keys, row_keys
from cockpit.data.reading.files import Rows
from cockpit.data.rows import Row
from trainers.data.items import eval_items


def refuse_overlap(recipe: Recipe, rows: Iterable[Row]) -> None:
    """Compare prompts by content. Raises CockpitError with the first that stands on both sides."""
    slices = [("held-out set", recipe.data.held_out), ("mini-eval", recipe.data.mini_eval)]
    columns = recipe.data.columns
    kept = [
        Asked((i.id, item_keys(i.prompt, i.row, columns)) for i in eval_items(path, columns, name=name))
        for name, path in slices
    ]
    met: list[list[tuple[int, str]]] = [[] for _ in slices]
    for number, row in enumerate(rows, 1):
        keys = row_keys(row, columns)
        for asked, found in zip(kept, met, strict=True):
            found += [(number, item) for item, _ in asked.met(keys)]
    for (name, path), found in zip(slices, met, strict=True):
        if found:
            number, item = found[0]
            raise CockpitError(
                f"{len(found)} prompt(s) of the {name} are in the training data: the first is row {number}, "
                f"which is item {item} of {path}",
                "Take them out of the training data: a score on items that were trained on says nothing.",
                file=recipe.data.train,
            )


def training_rows(recipe: Recipe) -> Rows:
    """The training file's rows, after the guardrail; read anew each time. Raises CockpitError."""
    rows = training_file(recipe)
    rows.first(1)
    refuse_overlap(recipe, rows)
    return rows


def training_file(recipe: Recipe) -> Rows:
    """The same before the guardrail. Raises CockpitError where there is none."""
    if recipe.data.train is None:
        raise CockpitError("the recipe names no training file", "Set data.train.")
    return Rows(recipe.data.train)
