"""A real SFT run puts its tokenized data into the cache; its sibling takes it from there and trains the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import evo
from tests.support.attempts import until

tiny = evo.tiny
pytestmark = [pytest.mark.ml, pytest.mark.timeout(1800)]


class Runs:
    """`python -m trainers.sft` on attempts of one workspace."""

    def __init__(self, root: Path, tiny: dict[str, Any]) -> None:
        self.root, self.tiny = root, tiny

    def __call__(self, number: int, *, train: str = "sft", **trainer: Any) -> tuple[str, list[float]]:
        files = self.tiny["files"]
        attempt = self.root / f".cockpit/experiments/exp_{number:04d}/attempts/001"
        attempt.mkdir(parents=True)
        recipe = {
            "experiment_id": f"exp_{number:04d}",
            "technique": "sft",
            "model": {"name_or_path": self.tiny["model"]},
            "data": {"train": files[train], "mini_eval": files["mini_eval"], "held_out": files["held_out"]},
            "verifier": self.tiny["verifier"],
            "generation": {"max_new_tokens": 8, "batch_size": 64},
            "mid_eval": {"every_steps": 100, "every_epochs": 100, "baseline": 1.0},  # no full pass
            "report_to": "mlflow",
            "trainer": {"max_steps": 3, "max_length": 64, "per_device_train_batch_size": 8} | trainer,
        }
        (attempt / "recipe.json").write_text(json.dumps(recipe))
        env = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "HF_TOKEN")}
        done = subprocess.run(
            [sys.executable, "-m", "trainers.sft", str(attempt)],
            env=env | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        rows = [json.loads(line) for line in (attempt / "metrics.jsonl").read_text().splitlines()]
        return done.stdout, [row["loss"] for row in rows if "loss" in row]


@pytest.fixture
def runs(tmp_path: Path, tiny: dict[str, Any]) -> Runs:
    return Runs(tmp_path / "ws", tiny)


def test_siblings_share_the_tokenized_data_and_a_run_is_reported(runs: Runs) -> None:
    said, losses = runs(1)
    assert "in the cache" not in said
    said, again = runs(2, learning_rate=1e-3)  # changes nothing of the data
    assert said.count("is in the cache") == 2, "the rows, and their tokens"
    assert again[0] == losses[0]
    said, _ = runs(3, max_length=60)
    assert "[cache] rows/" in said
    assert "[cache] tokenized/" not in said
    assert not list(runs.root.rglob(".rows")), "what was made on the way is gone"
    assert len(list((runs.root / ".cockpit/cache/tokenized").glob("*/made.json"))) == 2
    _is_reported_to_the_workspaces_own_store(runs)


def _is_reported_to_the_workspaces_own_store(runs: Runs) -> None:
    from mlflow.tracking import MlflowClient

    told = runs.root / ".cockpit/experiments/exp_0001/attempts/001/tracker.json"
    until(lambda: json.loads(told.read_text())["state"] == "closed")
    id_ = json.loads(told.read_text())["run_id"]
    client = MlflowClient(f"sqlite:///{runs.root / '.cockpit/mlflow.db'}")
    run = client.get_run(id_)
    assert (run.info.run_name, run.info.status) == ("exp_0001", "FINISHED")
    assert run.data.tags["technique"] == "sft"
    assert {"loss", "lr", "grad_norm", "eval/score"} <= set(run.data.metrics)
    assert len(client.get_metric_history(id_, "loss")) == 3
