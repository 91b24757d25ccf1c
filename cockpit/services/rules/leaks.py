"""The held-out set stays out of every training set: each pair of files is compared once, by content, and remembered."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.core.findings import Finding
from cockpit.services.dataset import datasets
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

VERSION = 3  # raise it when the comparison finds more or less than before
SLICES = (("held_out", "held-out"), ("mini_eval", "mini-eval"), ("sealed", "sealed"))


def of_recipe(ws: Workspace, recipe: Recipe) -> list[Finding]:
    """What the recipe's training data holds of the held-out set and of the mini-eval. Raises CockpitError."""
    return of_data(ws, recipe.data.model_dump(mode="json"), recipe.experiment_id, keep=True)


def of_data(
    ws: Workspace, data: Mapping[str, Any], experiment: str, *, look: bool = True, keep: bool = False
) -> list[Finding]:
    """The same for a recipe's data section; `look=False` gives only what is remembered, `keep` remembers it."""
    train, digest = data.get("train"), data.get("train_hash")
    if not train:
        return []
    data = {**data, **_sealed(ws)}
    found: list[Finding] = []
    for name, shown in SLICES:
        path, other = data.get(name), data.get(f"{name}_hash")
        if path:
            columns = cast("dict[str, str]", data.get("columns") or {})
            told = _compared(
                ws, (str(train), digest), (str(path), other), columns, shown, look=look, keep=keep
            )
            about = (experiment,) if experiment else ()
            found += [replace(finding, experiments=about) for finding in told]
    return found


def _sealed(ws: Workspace) -> dict[str, str]:
    """The sealed held-out set, which no recipe names; empty where there is none (or none to be read)."""
    if ws.read_only:
        return {}
    try:
        path = ws.config.sealed
        return {"sealed": str(path), "sealed_hash": datasets.content_hash(path)} if path else {}
    except CockpitError:
        return {}  # said by whatever opens the file or the settings


def _compared(
    ws: Workspace,
    train: tuple[str, object],
    held_out: tuple[str, object],
    columns: Mapping[str, str],
    shown: str,
    *,
    look: bool,
    keep: bool,
) -> list[Finding]:
    key = hashlib.sha256(
        json.dumps([VERSION, train[1], held_out[1], sorted(columns.items()), shown], default=str).encode()
    ).hexdigest()[:32]
    path = ws.layout.cache / "overlap" / f"{key}.json"
    known = atomic.read_object(path) if train[1] and held_out[1] else None
    if known is not None:
        rows: list[dict[str, Any]] = known.get("findings", [])
        return [finding for row in rows if (finding := Finding.from_dict(row)) is not None]
    if not look or not Path(train[0]).exists() or not Path(held_out[0]).exists():
        return []
    from cockpit.core.rules.tree_rules.leaks import of_overlap
    from cockpit.services.dataset import overlap

    compared = overlap.compare(train[0], held_out[0], train_columns=columns)
    found = of_overlap(compared, Path(train[0]).name, items=shown)
    if keep and train[1] and held_out[1] and not ws.read_only:
        with contextlib.suppress(OSError):  # a full disk costs a second look, not the first one
            atomic.write_json(path, {"v": VERSION, "train": train[0], "held_out": held_out[0], **compared.as_dict(50),
                                     "findings": [finding.as_dict() for finding in found]})  # fmt: skip
    return found
