"""Runs on the tiny model inside the test's own process: importing TRL costs ten times what the training does."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import AttemptLayout, AttemptWriter, Recipe
from cockpit.core.recipes import resolve
from cockpit.services.demo import cache_dir
from trainers.common.attempt import open_attempt
from trainers.common.ending import Ending
from trainers.common.signals import StopFlag


@dataclass(frozen=True)
class Tiny:
    """The tiny model, its files by name, and the settings of the runs on it."""

    model: str
    files: Mapping[str, str]
    generation: Mapping[str, Any]


def tiny(data: Path) -> Tiny:
    """Pretrain it, or find it in the cache; write its data below `data`."""
    base = [sys.executable, "-m", "trainers.tiny", str(cache_dir())]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(base, check=True, capture_output=True, env=env)
    said = subprocess.run(
        [*base, "--data", str(data), "--json"], check=True, capture_output=True, text=True, env=env
    )
    facts = json.loads(said.stdout.splitlines()[-1])
    return Tiny(facts["model"], facts["files"], facts["generation"])


@dataclass(frozen=True)
class Flown:
    """A run that has ended: how, and where its files are."""

    ending: Ending
    layout: AttemptLayout

    def events(self, kind: str) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.layout.events.read_text().splitlines()]
        return [row for row in rows if row["kind"] == kind]

    def metrics(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.layout.metrics.read_text().splitlines()]

    def samples(self, step: int) -> list[dict[str, Any]]:
        lines = self.layout.sample_file("train", step).read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def score(self) -> float:
        """The held-out score of the best checkpoint."""
        return json.loads((self.layout.held_out / "score.json").read_text())["score"]

    def counts(self) -> tuple[int, int]:
        """Held-out items passed, and how many there are."""
        facts = json.loads((self.layout.held_out / "score.json").read_text())
        return facts["passed"], facts["n"]


def recipe_of(made: Tiny, technique: str, train: str, *, lora: bool, **overrides: Any) -> Recipe:
    """A recipe on the tiny task; `train` is the name of one of its files."""
    sections = {
        "generation": made.generation,
        "mid_eval": {"every_steps": 1000, "every_epochs": 1000.0, "early_stop": False},
    }
    files = made.files
    return resolve(
        technique,
        experiment_id="exp_0001",
        model=made.model,
        verifier="tagged:answer",
        data={"train": files[train], "mini_eval": files["mini_eval"], "held_out": files["held_out"]},
        lora=lora,
        overrides=overrides,
        sections=sections,
    )


def fly(root: Path, recipe: Recipe, *, score: bool = True, resume: bool = False) -> Flown:
    """Train as `python -m trainers.X` does, and score the best checkpoint, in this process."""
    layout = AttemptLayout(root)
    if not resume:
        root.mkdir(parents=True)
        recipe.dump(layout.recipe)
    out = AttemptWriter(root)
    attempt = open_attempt(root, recipe.technique, out, StopFlag(), resume=resume)
    ending = importlib.import_module(f"trainers.{recipe.technique}").train(attempt)
    if score:
        from trainers.evaluate import evaluate

        evaluate(attempt, "best", announce=False)
    out.close()
    return Flown(ending, layout)
