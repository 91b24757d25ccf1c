"""The Tinker trainer through Tinker's own SDK, against a stand-in of the service: not run against the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import evo

pytest.importorskip("tinker", reason="Tinker's SDK is not installed (extra: tinker)")

tiny = evo.tiny
pytestmark = [pytest.mark.ml, pytest.mark.timeout(300)]


def test_sft_on_the_service(tmp_path: Path, tiny: dict[str, Any]) -> None:
    from tests.support.providers.tinker_service import Service

    service = Service(vocabulary=400)
    rows = [
        {"prompt": f"{word}?", "completion": "<answer>7</answer>", "answer": "7"}
        for word in ("one", "two", "six")
    ]
    files = {}
    for name, part in (("train", rows), ("mini", [{"prompt": "ten?", "answer": "7"}])):
        files[name] = tmp_path / f"{name}.jsonl"
        files[name].write_text("".join(json.dumps(row) + "\n" for row in part))
    attempt = tmp_path / "ws/.cockpit/experiments/exp_0001/attempts/001"
    attempt.mkdir(parents=True)
    recipe = {
        "experiment_id": "exp_0001",
        "technique": "custom",
        "model": {"name_or_path": tiny["model"]},
        "peft": {"r": 8},
        "data": {
            "train": str(files["train"]),
            "mini_eval": str(files["mini"]),
            "held_out": str(files["mini"]),
        },
        "verifier": "tagged:answer",
        "generation": {"max_new_tokens": 12},
        "mid_eval": {"every_steps": 5, "every_epochs": 100},
        "resources": {"command": [sys.executable, "-m", "trainers.tinker_sft"]},
        "trainer": {"max_steps": 10, "per_device_train_batch_size": 3, "learning_rate": 1e-3},
    }
    (attempt / "recipe.json").write_text(json.dumps(recipe))
    env = os.environ | {
        "TINKER_BASE_URL": service.url, "TINKER_API_KEY": "tml-secret-of-the-test", "TINKER_TELEMETRY": "0",
        "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "trainers.tinker_sft", str(attempt)], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    losses = [json.loads(line).get("loss") for line in (attempt / "metrics.jsonl").read_text().splitlines()]
    losses = [loss for loss in losses if loss is not None]
    assert len(losses) == 10
    assert losses[-1] < losses[0] / 2
    events = [json.loads(line) for line in (attempt / "events.jsonl").read_text().splitlines()]
    mids = [event for event in events if event["kind"] == "mid_eval"]
    assert [event["step"] for event in mids] == [5, 10]
    assert events[-1]["outcome"] == "finished"
    score = json.loads((attempt / "held_out/score.json").read_text())
    assert (score["score"], score["n"]) == (1.0, 1)
    assert score["checkpoint"].startswith("tinker://")
    assert service.calls["optim_step"] == 10
    kept = b"".join(path.read_bytes() for path in attempt.rglob("*") if path.is_file())
    assert b"tml-secret" not in kept
