"""The held-out set stays out of every training set: each pair of files is compared once, by content, and remembered."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.core.findings import Finding
from cockpit.core.overlap.match import SHORTEST
from cockpit.core.overlap.text import words
from cockpit.services.dataset import datasets
from cockpit.services.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cockpit.contract.recipe import Recipe

VERSION = 4  # raise it when the comparison finds more or less than before
MEANING_S = 120.0  # seconds that the reading may take, beside the loading of the model
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
            found += _about(told, experiment)
    return found + by_meaning(ws, data, experiment, look=False).findings


@dataclass(frozen=True, slots=True)
class Meant:
    """What was found by meaning; `lacking` where it could not be looked for: what is missing, and what brings it."""

    findings: list[Finding]
    lacking: str = ""


def by_meaning(ws: Workspace, data: Mapping[str, Any], experiment: str, *, look: bool = True) -> Meant:
    """Held-out items that the training data has in other words, in bounded time; remembered by content.

    `look=False` gives only what is remembered. Items of a few words are compared whole: nothing hides there.
    """
    train, held_out = data.get("train"), data.get("held_out")
    digests = [data.get("train_hash"), data.get("held_out_hash")]
    if not train or not held_out or not all(digests):
        return Meant([])
    columns = cast("dict[str, str]", data.get("columns") or {})
    path = _place(ws, [VERSION, "meaning", *digests, sorted(columns.items())])
    known = atomic.read_object(path)
    if known is not None:
        return Meant(_about(_findings(known), experiment))
    if not look or not Path(train).exists() or not Path(held_out).exists():
        return Meant([])
    from cockpit.core.rules.tree_rules.leaks import of_paraphrases
    from cockpit.services.dataset import overlap, paraphrases
    from cockpit.services.workspace import caching

    asked = [text for _, text in overlap.asked_of(str(held_out), columns)]
    if not any(len(words(text)) >= SHORTEST for text in asked):
        return Meant([])
    if paraphrases.model_folder() is None:
        return Meant([], paraphrases.Paraphrases(why=paraphrases.LACKING).sentence)
    seen = paraphrases.look(
        str(train), str(held_out), columns=columns, seconds=MEANING_S, cache=caching.root(ws)
    )
    if seen.why:
        return Meant([], seen.sentence)
    found = of_paraphrases(seen, len(asked), Path(train).name)
    with contextlib.suppress(OSError):
        atomic.write_json(path, {"v": VERSION, "train": train, "held_out": held_out, "says": seen.sentence,
                                 "findings": [finding.as_dict() for finding in found]})  # fmt: skip
    return Meant(_about(found, experiment))


def _about(findings: list[Finding], experiment: str) -> list[Finding]:
    about = (experiment,) if experiment else ()
    return [replace(finding, experiments=about) for finding in findings]


def _findings(known: Mapping[str, Any]) -> list[Finding]:
    rows: list[dict[str, Any]] = known.get("findings", [])
    return [finding for row in rows if (finding := Finding.from_dict(row)) is not None]


def _place(ws: Workspace, what: list[object]) -> Path:
    """Where the outcome of a comparison of these contents is kept."""
    name = hashlib.sha256(json.dumps(what, default=str).encode()).hexdigest()[:32]
    return ws.layout.cache / "overlap" / f"{name}.json"


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
    path = _place(ws, [VERSION, train[1], held_out[1], sorted(columns.items()), shown])
    known = atomic.read_object(path) if train[1] and held_out[1] else None
    if known is not None:
        return _findings(known)
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
