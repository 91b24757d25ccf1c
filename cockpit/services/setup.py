"""Making a workspace: check model, data and verifier before anything is written, set the held-out set apart.

Raises CockpitError for whatever could only fail later, and expensively: a verifier that doesn't accept its own
gold answers, a held-out item in the training data, a model folder that isn't one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.contract.layout import WorkspaceLayout
from cockpit.core import rows as meaning
from cockpit.core.methodlog import Entry
from cockpit.core.rows import Row
from cockpit.services import config, datasets, journal
from cockpit.services.workspace import Workspace
from cockpit.verifiers import load as load_verifier
from cockpit.verifiers import selfcheck

MINI_ITEMS = 10
HELD_OUT_ITEMS = 200  # enough that a gain of 0.1 is seen outside the noise
HELD_OUT_SHARE = 0.2  # of a small file


@dataclass(slots=True)
class Made:
    """What `init` did: where, from what, and what it has to say."""

    root: Path
    model: str
    verifier: str
    train: str | None
    mini_eval: str
    held_out: str
    counts: dict[str, int]
    says: list[str] = field(default_factory=list[str])


def init(
    root: Path,
    *,
    name: str,
    model: str,
    verifier: str,
    train: Path,
    held_out: Path | None = None,
    mini_eval: Path | None = None,
    random_score: float | None = None,
    system_prompt: str | None = None,
    constraints: Sequence[str] = (),
    seed: int = 0,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Made:
    """Make the workspace at `root` with its baseline experiment as a draft. Raises CockpitError."""
    layout = WorkspaceLayout(root)
    if layout.config.exists():
        raise CockpitError(
            "there is a workspace here already", "Open it with `cockpit`, or use --dir.", file=root
        )
    model = check_model(model)
    load_verifier_clearly(verifier)
    made = Made(root, model, verifier, str(train.resolve()), "", "", {})
    slices = _slices(train, held_out, mini_eval, seed, made)
    _check_items(slices["held_out"], verifier, made, held_out or train)
    root.mkdir(parents=True, exist_ok=True)
    paths = _write_slices(layout, slices, train, held_out, mini_eval)
    made.train, made.mini_eval, made.held_out = (str(paths[k]) for k in ("train", "mini_eval", "held_out"))
    made.counts = {key: len(rows) for key, rows in slices.items()}
    config.write(
        layout.config,
        {
            **(sections or {}),
            "name": name,
            "constraints": list(constraints),
            "model": {"name_or_path": model},
            "data": {key: _shown(paths[key], root) for key in ("train", "mini_eval", "held_out")}
            | {"system_prompt": system_prompt},
            "verifier": {"spec": verifier, "random_score": random_score},
        },
    )
    _first_experiment(Workspace(root), made, constraints)
    return made


def check_model(model: str) -> str:
    """A model folder, made absolute, or a hub id as it is. Raises CockpitError for a folder that isn't a model."""
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file() and not (path / "adapter_config.json").is_file():
            raise CockpitError(
                "this folder holds no model: there is no config.json in it",
                "Give a folder that `save_pretrained` wrote, or a hub id.",
                file=path,
            )
        return str(path.resolve())
    if path.is_file() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise CockpitError("there is no such model folder", "Correct the path, or give a hub id.", file=path)
    return model


def load_verifier_clearly(spec: str) -> Any:
    """The verifier that `spec` names. Raises CockpitError with the names there are."""
    try:
        return load_verifier(spec)
    except ValueError as error:
        raise CockpitError(f"--verifier {spec!r}: {error}") from error


def _slices(
    train: Path, held_out: Path | None, mini_eval: Path | None, seed: int, made: Made
) -> dict[str, list[Row]]:
    rows = datasets.load_rows(train)
    given: dict[str, list[Row]] = {}
    for name, path in (("held_out", held_out), ("mini_eval", mini_eval)):
        if path is not None:
            given[name] = datasets.load_rows(path)
            datasets.read_as(path, "items")
            _refuse_overlap(rows, given[name], train, path, name)
    sizes = {name: size for name, size in _sizes(len(rows)).items() if name not in given}
    if not sizes:
        return {**given, "train": rows}
    datasets.read_as(train, "items")
    split = datasets.split(rows, sizes, seed=seed)
    for name, size in sizes.items():
        made.says.append(f"Set {size} rows of {train.name} apart as {name.replace('_', '-')} (seed {seed}).")
    return {**given, **split}


def _sizes(rows: int) -> dict[str, int]:
    if rows < 20:
        raise CockpitError(
            f"{rows} rows are too few to set a held-out set apart and train on the rest",
            "Give at least 20, or a held-out file and a mini-eval file of their own.",
        )
    held_out = min(HELD_OUT_ITEMS, max(5, int(rows * HELD_OUT_SHARE)))
    return {"held_out": held_out, "mini_eval": min(MINI_ITEMS, max(5, rows // 20))}


def _refuse_overlap(rows: list[Row], items: list[Row], train: Path, path: Path, name: str) -> None:
    met = datasets.overlap_exact(rows, items)
    if met:
        first = met[0]
        raise CockpitError(
            f"{len(met)} training row(s) ask what the {name.replace('_', '-')} set asks: the first is row "
            f"{first.train_row + 1} of {train}, item {first.held_out_row + 1} here: {first.text[:80]!r}",
            "Take them out of the training data: a score on items that were trained on says nothing.",
            file=path,
        )


def _check_items(items: list[Row], verifier: str, made: Made, file: Path) -> None:
    """Gold answers through the verifier, before anything is trained."""
    judge = load_verifier_clearly(verifier)
    gold = [{**row, "answer": meaning.answer_text(row)} for row in items]
    check = selfcheck(judge, gold)
    if check.share == 0.0:
        why = f" ({check.failures[0].why})" if check.failures else ""
        raise CockpitError(
            f"the verifier {verifier!r} accepts none of its own {len(gold)} gold answers{why}",
            "Choose the verifier that fits the answers; nothing could ever score above 0 with this one.",
            file=file,
        )
    if check.share < 1.0:
        made.says.append(f"Careful: {verifier} accepts only {check.share:.0%} of its own gold answers.")
    if len(items) < 100:
        made.says.append(f"{len(items)} held-out items show only large gains; 200 or more are better.")


def _write_slices(
    layout: WorkspaceLayout,
    slices: Mapping[str, list[Row]],
    train: Path,
    held_out: Path | None,
    mini_eval: Path | None,
) -> dict[str, Path]:
    """Slices that we made go to `.cockpit/data`; a user's own files stay where they are."""
    paths: dict[str, Path] = {}
    own = {"train": train if held_out and mini_eval else None, "held_out": held_out, "mini_eval": mini_eval}
    for name, rows in slices.items():
        given = own.get(name)
        if given is not None:
            paths[name] = given.resolve()
            continue
        paths[name] = layout.data / f"{name}-{datasets.rows_hash(rows)[:8]}.jsonl"
        datasets.write_rows(paths[name], rows)
    return paths


def _shown(path: Path, root: Path) -> str:
    resolved = root.resolve()
    return str(path.relative_to(resolved)) if path.is_relative_to(resolved) else str(path)


def _first_experiment(ws: Workspace, made: Made, constraints: Sequence[str]) -> None:
    from cockpit.services import flight

    flight.draft_baseline(ws)
    hashes = {name: datasets.content_hash(getattr(made, name)) for name in ("train", "held_out", "mini_eval")}
    entries = [
        Entry("target", f"model {made.model}, verifier {made.verifier}", key="target"),
        *(
            Entry(
                "dataset",
                f"{name} {getattr(made, name)} sha256:{digest[:16]}",
                key=f"data/{name}/{digest[:16]}",
            )
            for name, digest in hashes.items()
        ),
        *(Entry("constraint", text) for text in constraints),
    ]
    journal.record(ws, entries)
