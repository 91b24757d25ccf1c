"""Check a finished experiment's files: were its rows made from failures, are its weights its own?

Answers are remembered beside the workspace's cache, by what the files held.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cockpit.contract import atomic
from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import AttemptLayout
from cockpit.contract.reader import read_rows
from cockpit.contract.values import mapping
from cockpit.core.findings import Finding
from cockpit.core.rules.tree_rules.progress import (
    Closeness,
    trained_on_failures,
    untrained_checkpoint,
)
from cockpit.services.workspace.workspace import ExperimentView, Workspace, stamp

VERSION = 1
MOST_ROWS = 40_000  # new rows that are looked at; of more, every second, third …


@dataclass(frozen=True, slots=True)
class Memory:
    """Answers that are remembered, by what they are about; looked for anew and kept only where that is wanted."""

    ws: Workspace
    look: bool
    keep: bool

    def of(self, key: list[Any], check: Callable[[], list[Finding]]) -> list[Finding]:
        """Return what is remembered for `key`, else what `check` finds."""
        digest = hashlib.sha256(json.dumps(key, default=str).encode()).hexdigest()[:32]
        path = self.ws.layout.cache / "checks" / f"{digest}.json"
        known: object = atomic.read_json(path)
        if isinstance(known, list):
            rows = cast("list[dict[str, Any]]", known)
            return [finding for row in rows if (finding := Finding.from_dict(row)) is not None]
        if not self.look:
            return []
        try:
            found = check()
        except (CockpitError, OSError):
            return []  # a file that is gone or broken: nothing can be said of it
        if self.keep and not self.ws.read_only:
            with contextlib.suppress(OSError):  # a full disk costs a second look, not the first one
                atomic.write_json(path, [finding.as_dict() for finding in found])
        return found


def of_view(
    ws: Workspace,
    view: ExperimentView,
    views: Mapping[str, ExperimentView],
    *,
    look: bool = True,
    keep: bool = False,
) -> list[Finding]:
    """Both checks for one experiment that has ended. Never raises for files that are missing or broken.

    The first look may take seconds; `look=False` gives only what is remembered, `keep` remembers what is found.
    """
    if (
        view.attempt_dir is None
        or view.technique == "baseline"
        or view.status in ("draft", "smoked", "running")
    ):
        return []
    parent = views.get(view.parent or "")
    memory = Memory(ws, look, keep)
    return [*_failures(memory, view, parent), *_weights(memory, view, parent)]


# -- rows made from failures -------------------------------------------------------------------------------------


def _failures(memory: Memory, view: ExperimentView, parent: ExperimentView | None) -> list[Finding]:
    if parent is None or parent.attempt_dir is None or view.attempt_dir is None:
        return []
    mine, theirs = _data(view.attempt_dir), _data(parent.attempt_dir)
    train, before = mine.get("train"), theirs.get("train")
    items_file = AttemptLayout(parent.attempt_dir).held_out / "items.jsonl"
    if not train or mine.get("train_hash") == theirs.get("train_hash") or not Path(train).is_file():
        return []
    key = [VERSION, "failures", view.id, mine.get("train_hash"), theirs.get("train_hash"), stamp(items_file)]

    def check() -> list[Finding]:
        items = _items(items_file)
        known = {_row_key(row) for _, row in _rows(before)} if before else set[str]()
        new, old = _closest(train, items, known)
        close = [
            Closeness(
                name, passed, float(new.best[k]), float(old.best[k]), new.rows[k][0], new.rows[k][1], asks
            )
            for k, (name, passed, asks) in enumerate(items)
        ]
        made_after = _made_after(Path(train), items_file, parent.id)
        return trained_on_failures(view.id, parent.id, close, made_after)

    return memory.of(key, check)


def _closest(train: str, items: list[tuple[str, bool, str]], known: set[str]) -> tuple[Any, Any]:
    from cockpit.core.rules.tree_rules.closeness import Closest
    from cockpit.data.rows import full_text

    new, old = (Closest([asks for _, _, asks in items]) for _ in range(2))
    total = sum(1 for _ in _rows(train))
    every = max(1, total // MOST_ROWS)
    for line, row in _rows(train):
        if line % every == 0:
            (old if _row_key(row) in known else new).feed([(line, full_text(row))])
    return new, old


def _items(path: Path) -> list[tuple[str, bool, str]]:
    rows = [row for row in read_rows(path) if row.get("item") is not None]
    return [
        (str(r["item"]), bool(r.get("passed")), f"{r.get('prompt', '')} {r.get('answer', '')}") for r in rows
    ]


def _made_after(train: Path, log: Path, parent: str) -> list[str]:
    try:
        newer = train.stat().st_mtime > log.stat().st_mtime
    except OSError:
        return []
    return [f"{train.name} was written after {parent}'s answers to the held-out items were"] if newer else []


def _rows(path: str | None) -> Iterable[tuple[int, dict[str, Any]]]:
    from cockpit.services.dataset import sources

    if not path or not Path(path).exists():
        return ()
    try:
        return sources.open_source(path).rows
    except CockpitError:
        return ()


def _row_key(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()


# -- weights of one's own ----------------------------------------------------------------------------------------


def _weights(memory: Memory, view: ExperimentView, parent: ExperimentView | None) -> list[Finding]:
    from cockpit.services.rules import weights

    assert view.attempt_dir is not None
    attempt = AttemptLayout(view.attempt_dir)
    folder = attempt.best
    if not folder.is_dir():
        return []
    files = sorted(folder.glob("*.safetensors"))
    key = [
        VERSION,
        "weights",
        view.id,
        str(folder.resolve()),
        [stamp(file) for file in files],
        parent.id if parent else "",
    ]

    def check() -> list[Finding]:
        mine = weights.read(folder)
        if mine is None:
            return []
        recipe = mapping(atomic.read_json(attempt.recipe))
        model = mapping(recipe.get("model"))
        seen = [
            weights.compare(mine, other, called)
            for place, called in _others(view, parent, model, mine.adapter)
            if (other := weights.read(place)) is not None and other.adapter == mine.adapter
        ]
        if mine.adapter:
            zero, b = weights.adapter_b(mine)
            seen.append(weights.Weights(0, 0, "its base", zero, b))
        names = {"recipe": str(model.get("name_or_path") or "")}
        if mine.adapter:
            names["adapter"] = str(mine.config.get("base_model_name_or_path") or "")
        else:
            names["config"] = str(mine.config.get("_name_or_path") or "")
        return untrained_checkpoint(view.id, seen, names)

    return memory.of(key, check)


def _others(
    view: ExperimentView, parent: ExperimentView | None, model: Mapping[str, Any], adapter: bool
) -> list[tuple[Path, str]]:
    """What the checkpoint must differ from: its warm start, its parent's checkpoint, the base model."""
    places: list[tuple[Path, str]] = []
    if model.get("warm_start"):
        places.append(
            (Path(str(model["warm_start"])), f"its warm start {model.get('warm_start_from') or ''}".strip())
        )
    if parent is not None and parent.attempt_dir is not None:
        places.append((AttemptLayout(parent.attempt_dir).best, f"its parent's ({parent.id})"))
    if not adapter:
        places.append(
            (Path(str(model.get("name_or_path") or "")), f"the base model {model.get('name_or_path')}")
        )
    return [(place, called) for place, called in places if place.is_dir()]


# -- shared ------------------------------------------------------------------------------------------------------


def _data(attempt_dir: Path) -> dict[str, Any]:
    return mapping(mapping(atomic.read_json(AttemptLayout(attempt_dir).recipe)).get("data"))
