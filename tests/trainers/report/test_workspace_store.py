"""A real SFT run that asks for MLflow without an address is reported to the workspace's own store."""

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


def test_a_run_is_reported_to_the_workspaces_own_store(tmp_path: Path, tiny: dict[str, Any]) -> None:
    from mlflow.tracking import MlflowClient

    root, files = tmp_path / "ws", tiny["files"]
    attempt = root / ".cockpit/experiments/exp_0001/attempts/001"
    attempt.mkdir(parents=True)
    recipe = {
        "experiment_id": "exp_0001",
        "technique": "sft",
        "model": {"name_or_path": tiny["model"]},
        "data": {"train": files["sft"], "mini_eval": files["mini_eval"], "held_out": files["held_out"]},
        "verifier": tiny["verifier"],
        "generation": {"max_new_tokens": 8, "batch_size": 64},
        "mid_eval": {"every_steps": 100, "every_epochs": 100, "baseline": 1.0},  # no full pass
        "report_to": "mlflow",
        "trainer": {"max_steps": 3, "max_length": 64, "per_device_train_batch_size": 8},
    }
    (attempt / "recipe.json").write_text(json.dumps(recipe))
    env = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "HF_TOKEN")}
    done = subprocess.run(
        [sys.executable, "-m", "trainers.sft", str(attempt)],
        env=env | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]

    told = attempt / "tracker.json"
    until(lambda: json.loads(told.read_text())["state"] == "closed")
    id_ = json.loads(told.read_text())["run_id"]
    client = MlflowClient(f"sqlite:///{root / '.cockpit/mlflow.db'}")
    run = client.get_run(id_)
    assert (run.info.run_name, run.info.status) == ("exp_0001", "FINISHED")
    assert run.data.tags["technique"] == "sft"
    assert {"loss", "lr", "grad_norm", "eval/score"} <= set(run.data.metrics)
    assert len(client.get_metric_history(id_, "loss")) == 3
