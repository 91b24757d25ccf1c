"""Real trainers on the tiny model: attempts made from a recipe, trained in this process or in one of their own."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import AttemptLayout, Recipe
from cockpit.contract.atomic import read_json
from cockpit.contract.reader import read_rows
from cockpit.core.recipe import recipes
from cockpit.services.experiments import setup
from cockpit.services.runs.record import read_facts
from cockpit.services.system.processes import alive, belonging
from cockpit.services.workspace.workspace import Workspace
from tests.support import attempts
from tests.trainers.real.warm import ROOT as ROOT
from tests.trainers.real.warm import Warm

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

QUICK: dict[str, dict[str, Any]] = {
    "sft": {"learning_rate": 1e-3, "per_device_train_batch_size": 32, "max_length": 64},
    "grpo": {
        "learning_rate": 2e-4,
        "per_device_train_batch_size": 32,
        "num_generations": 8,
        "beta": 0.05,
        "max_completion_length": 16,
    },
}
"""Settings of the tiny model's size; steps and cadence are each test's own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ml)


@dataclass(frozen=True)
class Tiny:
    """The embedded model and its files, as `python -m trainers.tiny --json` tells of them."""

    model: Path
    files: dict[str, str]
    verifier: str


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny model, pretrained once and kept in the demo's cache (COCKPIT_CACHE moves it)."""
    pytest.importorskip("torch", reason="needs the training stack: pip install 'finetune-cockpit[train]'")
    from cockpit.services.system.paths import cache_dir

    data = tmp_path_factory.mktemp("tiny-data")
    base = [sys.executable, "-m", "trainers.tiny", str(cache_dir())]
    subprocess.run(base, check=True, cwd=ROOT, capture_output=True)
    told = subprocess.run(
        [*base, "--data", str(data), "--json"], check=True, cwd=ROOT, capture_output=True, text=True
    )
    facts = json.loads(told.stdout.splitlines()[-1])
    assert facts["ready"]
    return Tiny(Path(facts["model"]), facts["files"], facts["verifier"])


def head(tiny: Tiny, folder: Path, name: str, rows: int = 160) -> str:
    """The first rows of one of its files: a run of few steps needs no more, and tokenizing the rest takes longer."""
    path = folder / f"{name}_{rows}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(Path(tiny.files[name]).read_text().splitlines(keepends=True)[:rows]))
    return str(path)


@dataclass
class Run:
    """One attempt on the tiny model; `would_score`: checkpoints that a run in this process would go on to score."""

    layout: AttemptLayout
    recipe: Recipe
    would_score: list[str] = field(default_factory=list[str])

    def here(self, *arguments: str) -> int:
        """Train in this process, which saves the import; the held-out pass, an exec, is only noted. Exit code."""
        from trainers.loop import frame

        module: Any = importlib.import_module(f"trainers.{self.recipe.technique}")
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        become, frame._become_evaluate = (
            frame._become_evaluate,
            lambda _, checkpoint: self.would_score.append(checkpoint),
        )
        try:
            return frame.run(self.recipe.technique, module.train, [str(self.layout.root), *arguments])
        finally:
            frame._become_evaluate = become
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def start(self, *arguments: str, **options: Any) -> Warm:
        """The same in a process of its own, its output in logs/trainer.log; the held-out pass included."""
        module = "evaluate" if self.recipe.technique == "baseline" else self.recipe.technique
        return Warm(f"trainers.{module}", [str(self.layout.root), *arguments], self.layout.log, **options)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in read_rows(self.layout.events) if row["kind"] == kind]

    @property
    def end(self) -> dict[str, Any]:
        ends = self.events("end")
        assert ends, self.log
        return ends[-1]

    @property
    def summary(self) -> dict[str, Any]:
        """train_summary.json: how the training ended, whether or not a held-out pass followed."""
        told = read_json(self.layout.summary)
        assert isinstance(told, dict), self.log
        return told

    @property
    def metrics(self) -> list[dict[str, Any]]:
        return list(read_rows(self.layout.metrics))

    @property
    def losses(self) -> list[float]:
        return [row["loss"] for row in self.metrics if "loss" in row]

    @property
    def notices(self) -> str:
        return "\n".join(row["text"] for row in self.events("notice"))

    @property
    def log(self) -> str:
        return self.layout.log.read_text() if self.layout.log.exists() else ""

    @property
    def checkpoints(self) -> list[int]:
        return sorted(int(path.name[5:]) for path in self.layout.checkpoints.glob("step_*"))


TrainRun = Callable[..., Run]


def make_attempt(
    tiny: Tiny,
    root: Path,
    technique: str,
    train: str | Path | None = None,
    *,
    lora: bool = False,
    **overrides: Any,
) -> Run:
    """An attempt below `root`, an experiment's folder; `overrides` as `cockpit new` takes them, `__` for a dot."""
    source = train or {"sft": "sft", "grpo": "train"}.get(technique)
    data = {name: tiny.files[name] for name in ("held_out", "mini_eval")}
    if source is not None:
        data["train"] = tiny.files.get(str(source), str(source))
    asked = {"generation.max_new_tokens": 16, "generation.batch_size": 64, **QUICK.get(technique, {})}
    if technique != "baseline":
        asked = {"warmup_steps": 0, "gradient_accumulation_steps": 1, **asked}
    recipe = recipes.resolve(
        technique,
        experiment_id=root.name,
        model=str(tiny.model),
        verifier=tiny.verifier,
        data=data,
        lora=lora if technique != "baseline" else None,
        overrides=asked | {name.replace("__", "."): value for name, value in overrides.items()},
    )
    layout = AttemptLayout(root / "attempts" / "001")
    layout.root.mkdir(parents=True)
    recipe.dump(layout.recipe)
    return Run(layout, recipe)


@pytest.fixture
def attempt(tiny: Tiny, tmp_path: Path) -> TrainRun:
    """Make an attempt of this test's own: `make_attempt` with the model and a folder filled in."""
    numbers = itertools.count(1)

    def make(technique: str, train: str | Path | None = None, **options: Any) -> Run:
        return make_attempt(tiny, tmp_path / f"exp_{next(numbers):04d}", technique, train, **options)

    return make


def make_workspace(tiny: Tiny, root: Path, *, train: str = "sft", **sections: dict[str, Any]) -> Workspace:
    """A workspace on the tiny model, its baseline still a draft."""
    setup.init(
        root,
        name="tiny",
        model=str(tiny.model),
        verifier=tiny.verifier,
        train=Path(tiny.files[train]),
        mini_eval=Path(tiny.files["mini_eval"]),
        held_out=Path(tiny.files["held_out"]),
        sections={
            "generation": {"max_new_tokens": 16, "batch_size": 64},
            "resources": {"omp_num_threads": 1},
            **sections,
        },
    )
    return Workspace(root)


def reap(ws: Workspace) -> None:
    """No process of the workspace's runs outlives its test."""
    for path in ws.layout.experiments.glob("*/attempts/*/process.json"):
        facts = read_facts(path)
        for process in (facts.supervisor, facts.trainer) if facts else ():
            if process is not None and process.pid != os.getpid() and alive(process):
                os.kill(process.pid, signal.SIGKILL)
        for row in belonging(facts.launch) if facts else ():
            os.kill(row.pid, signal.SIGKILL)


def until(what: Callable[[], Any]) -> Any:
    """Wait for what a real trainer does, which first has to import its libraries; its value, once it is true."""
    return attempts.until(what, 600)


class Scripted:
    """Stands for the scorer: gives these scores in turn (the last one for ever), and keeps what it saw."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.seen: list[dict[str, Any]] = []

    def __call__(self, load: Callable[[], Any], *, step: int, **more: Any) -> Any:
        from trainers.scoring.scoring import Scored

        score = self.scores.pop(0) if len(self.scores) > 1 else self.scores[0]
        self.seen.append({"step": step, "training": load().training})
        passed = round(100 * score)  # always the same items first
        rows = [{"item": f"i{i}", "score": float(i < passed)} for i in range(100)]
        return Scored(score, passed, 100, 100, 0, rows)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scripted]:
    """Put a `Scripted` scorer into the mid-eval."""

    def put(*scores: float) -> Scripted:
        from trainers.scoring.scoring import Scorer

        scorer = Scripted(*scores)
        monkeypatch.setattr(Scorer, "score", scorer)
        return scorer

    return put
