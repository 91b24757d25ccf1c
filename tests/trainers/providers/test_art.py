"""The ART trainer through ART's own SDK, in its own environment, against a stand-in: not run against the service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError
from cockpit.services.system import environments
from tests.support.attempts import until
from tests.support.providers.art_service import Service

ROOT = Path(__file__).parents[3]
KEY = "wb-secret-of-the-test"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of `cockpit env add art`; skipped where it can't be had."""
    try:
        return environments.add(tmp_path_factory.mktemp("ws"), "art").python
    except CockpitError as error:
        pytest.skip(f"needs a package index for openpipe-art: {error}")


def make(folder: Path, **trainer: Any) -> Path:
    """An attempt with three prompts, whose answer is 7 each."""
    rows = {
        "train": [{"prompt": f"{word}?", "answer": "7"} for word in ("one", "two", "six")],
        "mini": [{"prompt": "ten?", "answer": "7"}],
    }
    files: dict[str, str] = {}
    for name, part in rows.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in part))
        files[name] = str(path)
    attempt = folder / "ws/.cockpit/experiments/exp_0001/attempts/001"
    attempt.mkdir(parents=True)
    recipe = {
        "experiment_id": "exp_0001",
        "technique": "custom",
        "model": {"name_or_path": "some/base-model"},
        "peft": {"r": 8},
        "data": {"train": files["train"], "mini_eval": files["mini"], "held_out": files["mini"]},
        "verifier": "tagged:answer",
        "rewards": [{"source": "verifier", "weight": 1.0}, {"source": "format", "weight": 0.1}],
        "generation": {"max_new_tokens": 12, "temperature": 0.0},
        "mid_eval": {"every_steps": 2, "every_epochs": 100, "early_stop": False},
        "trainer": {"num_generations": 8, "per_device_train_batch_size": 16, "learning_rate": 1e-5} | trainer,
    }
    (attempt / "recipe.json").write_text(json.dumps(recipe))
    return attempt


def start(python: Path, service: Service, attempt: Path) -> subprocess.Popen[str]:
    env = os.environ | {
        "ART_BASE_URL": service.url, "WANDB_API_KEY": KEY, "WANDB_PROJECT": "p", "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1", "COCKPIT_ATTEMPT_DIR": str(attempt), "PYTHONSAFEPATH": "1",
    }  # fmt: skip
    command = [
        str(python),
        "-m",
        "trainers.art_grpo",
    ]  # as a custom command: told its folder by the environment
    return subprocess.Popen(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=attempt
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_grpo_on_the_service(tmp_path: Path, python: Path) -> None:
    service, attempt = Service(), make(tmp_path, max_steps=6)
    run = start(python, service, attempt)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said[-4000:]

    events = lines(attempt / "events.jsonl")
    assert [event["step"] for event in events if event["kind"] == "mid_eval"] == [2, 4, 6]
    assert events[-1]["outcome"] == "finished"
    result = json.loads((attempt / "held_out/score.json").read_text())
    assert (result["score"], result["n"]) == (1.0, 1)
    assert result["checkpoint"].startswith("wandb-artifact:///us/p/exp_0001-001-")
    rewards = [row["reward"] for row in lines(attempt / "metrics.jsonl") if "reward" in row]
    assert len(rewards) == 6
    assert rewards[-1] > rewards[0]
    losses = [row["loss"] for row in lines(attempt / "metrics.jsonl") if "loss" in row]
    assert losses == [0.5] * len(service.kept)

    # What was sent: groups of eight answers to one prompt with a spread, and the verifier's word as the reward.
    assert service.groups
    for group in service.groups:
        assert len(group) == 8
        assert len({one["reward"] for one in group}) > 1
        for one in group:
            text = one["messages_and_choices"][-1]["message"]["content"]
            want = {"<answer>7</answer>": 1.1, "<answer>3</answer>": 0.1}.get(text, 0.0)
            assert one["reward"] == pytest.approx(want)
    rows = [row for path in (attempt / "samples").glob("*train*") for row in lines(path)]
    assert {row["item"] for row in rows} <= {f"training-data-{n:05d}" for n in (1, 2, 3)}
    assert all(row["kept"] == (row["group_std"] > 0) for row in rows)

    assert service.keys == {f"Bearer {KEY}"}
    kept = b"".join(path.read_bytes() for path in attempt.rglob("*") if path.is_file())
    assert KEY.encode() not in kept + said.encode()
    assert not list(attempt.rglob("wandb"))  # the SDK's own W&B run was not started


def test_a_stop_ends_it_while_the_service_works(tmp_path: Path, python: Path) -> None:
    service, attempt = Service(), make(tmp_path, max_steps=500)
    run = start(python, service, attempt)
    until(lambda: len(service.kept) >= 2 or run.poll() is not None)
    service.slow = 60.0
    time.sleep(1.5)
    run.send_signal(signal.SIGTERM)
    said, _ = run.communicate(timeout=180)
    assert run.returncode == 0, said[-4000:]
    end = lines(attempt / "events.jsonl")[-1]
    assert end["outcome"] == "stopped"
    assert "asked by SIGTERM; not scored on the held-out set" in end["reason"]
    assert not (attempt / "held_out/score.json").exists()


def test_without_a_key_it_says_so(tmp_path: Path) -> None:
    """Asked of a module that is the SDK by name only: its own import takes far longer than the answer."""
    service, attempt, sdk = Service(), make(tmp_path), tmp_path / "sdk"
    sdk.mkdir()
    for name in ("art", "wandb"):
        (sdk / f"{name}.py").touch()
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{sdk}", "ART_BASE_URL": service.url}
    done = subprocess.run(
        [sys.executable, "-m", "trainers.art_grpo", attempt],
        env=env,
        capture_output=True,
        text=True,
        cwd=attempt,
    )
    assert done.returncode == 1
    assert "Set WANDB_API_KEY" in lines(attempt / "events.jsonl")[-1]["reason"]
    assert not service.calls
