"""What a recipe's files must be: no item to be scored is trained on, and nothing changed since the recipe was made."""

from __future__ import annotations

from collections.abc import Generator

from cockpit.contract.errors import CockpitError
from cockpit.contract.recipe import Recipe
from cockpit.data.images.refs import refs_in
from cockpit.data.reading.files import iter_rows, load_rows
from cockpit.data.rows import Row
from cockpit.services.dataset import datasets
from cockpit.services.recipe import seeing
from cockpit.services.workspace.workspace import Workspace


def refuse_leak(recipe: Recipe) -> tuple[int, int]:
    """The firm guardrail: no held-out or mini-eval item is ever trained on, and no image that nothing would see.

    Gives the numbers of rows and items.
    """
    assert recipe.data.train is not None
    columns, train = recipe.data.columns, recipe.data.train
    rows, items = 0, load_rows(recipe.data.mini_eval)
    held_out, seen = load_rows(recipe.data.held_out), 0

    def counted() -> Generator[Row]:
        nonlocal rows, seen
        for _, row in iter_rows(train):
            rows += 1
            seen = seen or (rows if refs_in(row) else 0)
            yield row

    found = datasets.overlaps_exact(counted(), [held_out, items], train_columns=columns)
    for name, met in zip(("held-out", "mini-eval"), found, strict=True):
        if met:
            first = met[0]
            raise CockpitError(
                f"{len(met)} training row(s) ask what the {name} set asks: the first is row "
                f"{first.train_row + 1}, {first.text[:80]!r}",
                "Take them out: a score on items that were trained on says nothing.",
                file=train,
            )
    sides = ((train, seen), (recipe.data.held_out, seeing.first_with_images(held_out)))
    for file, number in sides:
        if number:
            seeing.refuse_blind_run(recipe, file, number)
    return rows, len(items)


def refuse_leaks(ws: Workspace, recipe: Recipe) -> None:
    """The same for items inside longer texts, or but for a few words; each pair of files is compared once."""
    from cockpit.services.rules import leaks

    for finding in leaks.of_recipe(ws, recipe):
        if finding.severity == "block":
            raise CockpitError(
                f"{finding.headline}: {finding.evidence[0]}", finding.next_step, file=recipe.data.train
            )


def check_data_unchanged(recipe: Recipe) -> None:
    """Refuse a silent swap: each file must be what it was when the recipe was made. Raises CockpitError."""
    data = recipe.data
    for name, path, known in (
        ("training data", data.train, data.train_hash),
        ("mini-eval", data.mini_eval, data.mini_eval_hash),
        ("held-out set", data.held_out, data.held_out_hash),
    ):
        if path and known and datasets.content_hash(path) != known:
            raise CockpitError(
                f"the {name} has changed since this recipe was made",
                "Make a new experiment for the new content; the old one's scores belong to the old content.",
                file=path,
            )
