"""Classic RLHF on the tiny model: a reward model, then PPO against it, in an environment with TRL 1.12.0 of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract import CockpitError
from cockpit.contract.reader import read_rows
from cockpit.core.scores import Score, compare
from cockpit.services.system import environments, spawn
from tests.trainers.real.conftest import ROOT, Run, Tiny, make_attempt
from tests.trainers.real.test_techniques import finished_run, move, scored

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> environments.Environment:
    """`cockpit env add ppo`, from the registry; skipped where there is none."""
    try:
        return environments.add(tmp_path_factory.mktemp("ws"), "ppo")
    except CockpitError as error:
        pytest.skip(f"needs a package index for trl==1.12.0: {error}")


@pytest.fixture(scope="module")
def judge(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished_run(move(tiny, tmp_path_factory.mktemp("judge") / "exp_0001", "reward", lora=False))


@pytest.fixture(scope="module")
def base(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Score:
    return scored(make_attempt(tiny, tmp_path_factory.mktemp("base") / "exp_0000", "baseline"))


def command(
    run: Run, environment: environments.Environment, *, resume: bool = False
) -> subprocess.Popen[bytes]:
    """The run's process, started as the supervisor starts it."""
    recipe = run.recipe.model_dump(mode="json")
    recipe["resources"]["python"] = str(environment.python)
    made = spawn.command(run.layout.root, recipe, {"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"}, token="t")
    run.layout.log.parent.mkdir(exist_ok=True)
    argv = [*made.argv, *(["--resume"] if resume else [])]
    with run.layout.log.open("ab") as log:
        return subprocess.Popen(argv, env=dict(made.env), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)


def test_the_environment_is_small_and_has_the_old_trl_before_the_shared_one(
    environment: environments.Environment,
) -> None:
    assert environment.ready
    assert environment.shared
    assert dict(environment.installed) == {"trl": "1.12.0"}
    assert environment.megabytes is not None
    assert environment.megabytes < 50


def test_ppo_gains_by_the_verifier_which_it_never_sees(
    tiny: Tiny, judge: Run, base: Score, environment: environments.Environment, tmp_path: Path
) -> None:
    path = str(judge.layout.best.resolve())
    runs = [
        move(tiny, tmp_path / f"exp_000{2 + lora}", "ppo", lora=lora, reward_model_path=path)
        for lora in (False, True)
    ]
    processes = [command(run, environment) for run in runs]
    for run, process in zip(runs, processes, strict=True):
        assert process.wait(timeout=600) == 0, run.log[-3000:]
        delta = compare(scored_there(run), base)
        assert delta.kind == "gained", delta.sentence
        rewards = [row["reward"] for row in run.metrics if "reward" in row]
        assert sum(rewards[-5:]) / 5 > rewards[0] + 1
        assert all("rewards/verifier/mean" in row for row in run.metrics if "reward" in row)
        assert [finding["rule"] for finding in run.events("finding")] == ["learnt-reward"]
        rows = list(read_rows(run.layout.sample_file("train", 1)))
        assert len(rows) == 64
        assert {row["policy_id"] for row in rows} == {f"{run.recipe.experiment_id}@0"}
        assert all(row["prompt"].endswith("assistant\n") and "reward_model" in row["rewards"] for row in rows)


def scored_there(run: Run) -> Score:
    """The score of the held-out pass that the process went on to."""
    from cockpit.services.runs.attempts import read_score

    score = read_score(run.layout)
    assert score is not None, run.log[-3000:]
    return score


def test_ppo_stops_when_asked_and_resumes_where_it_was(
    tiny: Tiny, judge: Run, environment: environments.Environment, tmp_path: Path
) -> None:
    from cockpit.contract import control

    path = str(judge.layout.best.resolve())
    run = move(tiny, tmp_path / "exp_0002", "ppo", lora=True, reward_model_path=path, max_steps=3)
    run.layout.control.mkdir()
    control.request(run.layout, "stop")
    assert command(run, environment).wait(timeout=600) == 0, run.log[-3000:]
    assert run.end["outcome"] == "stopped"
    assert run.checkpoints == [1]
    assert (run.layout.checkpoint(1) / "value_model.safetensors").is_file()
    assert command(run, environment, resume=True).wait(timeout=600) == 0, run.log[-3000:]
    steps = [row["step"] for row in run.metrics if "reward" in row]
    assert steps == [1, 2, 3]
    assert run.summary["outcome"] == "finished"


def test_without_its_environment_it_says_how_to_make_it(tiny: Tiny, judge: Run, tmp_path: Path) -> None:
    run = move(
        tiny, tmp_path / "exp_0002", "ppo", lora=True, reward_model_path=str(judge.layout.best.resolve())
    )
    assert run.here() == 1
    assert "has no PPO" in run.end["reason"]
    assert "cockpit env add ppo" in run.end["reason"]


def test_two_processes_train_as_one(
    tiny: Tiny, judge: Run, environment: environments.Environment, tmp_path: Path
) -> None:
    path = str(judge.layout.best.resolve())
    together = {
        "launcher": "accelerate",
        "resources__processes": 2,
        "max_steps": 2,
        "mid_eval__every_steps": 1,
    }
    batch: dict[str, Any] = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4}
    run = move(tiny, tmp_path / "exp_0002", "ppo", lora=True, reward_model_path=path, **together, **batch)
    assert command(run, environment).wait(timeout=600) == 0, run.log[-4000:]
    assert run.checkpoints == [1, 2]
    assert [row["step"] for row in run.metrics if "reward" in row] == [1, 2], "one writer: no line twice"
    assert [row["step"] for row in run.events("mid_eval")] == [1, 2]
    assert run.summary["outcome"] == "finished"
    assert (run.layout.checkpoint(2) / "value_model.safetensors").is_file()
