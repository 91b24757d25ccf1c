"""What a path holds: which kind of run, and how many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cockpit.contract.errors import CockpitError
from cockpit.services.foreign.record import ForeignRun
from cockpit.services.foreign.sources import mlflow, tensorboard, trackio
from cockpit.services.foreign.sources.attempt import AttemptRun, attempt_in
from cockpit.services.foreign.sources.factory_log import LOG, FactoryRun
from cockpit.services.foreign.sources.hf import STATE, TrainerRun, newest_state
from cockpit.services.foreign.sources.lines import LOGS, NAMES, LinesRun, looks_like_metrics
from cockpit.services.foreign.sources.wandb import WandbRun

_DEEP = 4
_MOST = 500
_LOOKED_FOR = (
    "a Trainer's output folder, a LLaMA-Factory trainer_log.jsonl, TensorBoard event files, mlflow.db or mlruns/, an "
    "MLflow address, run-*.wandb, a trackio project's .db, metrics as JSON lines or CSV, a Trainer's log, or an evo "
    "workspace"
)


def find(place: str) -> list[ForeignRun]:
    """Every run at `place`: a file, a folder, `sqlite:///…`, `http(s)://…`. Raises CockpitError: what it may be."""
    if place.startswith(("http://", "https://")):
        return _some(mlflow.Server(place).runs(), place)
    path = Path(place.removeprefix("sqlite:///").removeprefix("file://")).expanduser()
    path = Path("/") / path if place.startswith("sqlite:////") else path
    if not path.exists():
        raise CockpitError(f"there is nothing at {place}", f"Name {_LOOKED_FOR}.")
    return _some(_file(path) if path.is_file() else _folder(path), place)


def _some(runs: Sequence[ForeignRun], place: str) -> list[ForeignRun]:
    if not runs:
        raise CockpitError(f"no run was found at {place}", f"Name {_LOOKED_FOR}.")
    return list(runs)[:_MOST]


def _file(path: Path) -> Sequence[ForeignRun]:
    if path.suffix == ".wandb":
        return [WandbRun(path, path.stem)]
    if path.suffix in (".db", ".sqlite", ".sqlite3"):
        return _database(path)
    if path.name == STATE:
        return [TrainerRun(path.parent, path.parent.name)]
    if path.name == LOG:
        return [FactoryRun(path, path.parent.name)]
    if ".tfevents." in path.name:
        return tensorboard.runs_in(path.parent, path.parent.name)
    if path.suffix in (".jsonl", ".csv", ".tsv", *LOGS):
        return [LinesRun(path, path.stem)]
    return []


def _database(path: Path) -> Sequence[ForeignRun]:
    return trackio.runs_in(path) if trackio.is_store(path) else mlflow.sqlite_runs(path)


def _folder(root: Path) -> Sequence[ForeignRun]:
    runs: list[ForeignRun] = []
    claimed: set[Path] = set()
    base = len(root.parts)
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = sorted(n for n in names if not n.startswith(".") and len(here.parts) - base < _DEEP)
        if any(parent in claimed for parent in here.parents):
            continue
        found = runs_in(here, files, root)
        if found:
            claimed.add(here)
            runs += found
        if len(runs) >= _MOST:
            break
    return runs


def runs_in(here: Path, files: Sequence[str], root: Path) -> list[ForeignRun]:
    """The runs that one folder holds. A Trainer's folder comes before the event files that it wrote beside it."""
    name = str(here.relative_to(root)) if here != root else here.resolve().name
    ours = attempt_in(here)
    if ours is not None:
        return [AttemptRun(ours, name)]
    if newest_state(here) is not None and not here.name.startswith("checkpoint-"):
        return [TrainerRun(here, name)]
    if LOG in files:
        return [FactoryRun(here / LOG, name)]
    if "mlflow.db" in files:
        return list(mlflow.sqlite_runs(here / "mlflow.db"))
    if "meta.yaml" in files and list(here.glob("*/meta.yaml")):
        return list(mlflow.file_runs(here.parent))
    found: list[ForeignRun] = [
        WandbRun(here / f, f.removesuffix(".wandb")) for f in sorted(files) if f.endswith(".wandb")
    ]
    found += [run for f in sorted(files) if f.endswith(".db") for run in trackio.runs_in(here / f)]
    found = found or list(tensorboard.runs_in(here, name))
    if found:
        return found
    texts = [here / f for f in sorted(files) if f in NAMES or looks_like_metrics(here / f)]
    return [LinesRun(path, name if len(texts) == 1 else f"{name}/{path.name}") for path in texts]
