"""`cockpit new` for every technique: what it needs is there or named, and experiments stand for folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.services.system import environments
from tests.support.cli import Cli

PAIRS = [{"prompt": f"{n}*1=?", "chosen": str(n), "rejected": "no"} for n in range(20)]


def recipe(cli: Cli, id_: str) -> dict[str, Any]:
    return json.loads((cli.root / ".cockpit" / "experiments" / id_ / "recipe.draft.json").read_text())


@pytest.fixture
def reward_model(workspace: Cli, write_rows: Callable[..., Path]) -> str:
    """A reward model's experiment with a checkpoint, as a run would leave it."""
    made = workspace.json("new", "reward", "--data", str(write_rows("pairs.jsonl", PAIRS)))
    best = workspace.root / ".cockpit" / "experiments" / made["id"] / "attempts" / "001" / "checkpoints"
    (best / "step_000010").mkdir(parents=True)
    (best / "best").symlink_to("step_000010")
    return made["id"]


@pytest.fixture
def ppo_environment(workspace: Cli) -> Path:
    """The environment as `cockpit env add ppo` leaves it, as far as a draft looks."""
    folder = environments.folder_of(workspace.root) / "ppo"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("")
    (folder / environments.RECORD).write_text('{"v": 1, "installed": {"trl": "1.12.0"}}')
    return folder / "bin" / "python"


@pytest.mark.parametrize("technique", ["dpo", "kto", "orpo", "reward"])
def test_pairs_make_a_draft_of_every_technique_of_preferences(
    technique: str, workspace: Cli, write_rows: Callable[..., Path]
) -> None:
    made = workspace.json("new", technique, "--data", str(write_rows("pairs.jsonl", PAIRS)))
    assert (made["technique"], made["status"]) == (technique, "draft")
    assert recipe(workspace, made["id"])["peft"]["r"] == 32
    assert "no column set" in str(workspace.json("new", technique, code=2))


@pytest.mark.parametrize("technique", ["rft", "rloo"])
def test_questions_make_a_draft_of_every_technique_that_samples(technique: str, workspace: Cli) -> None:
    made = workspace.json("new", technique, "rewards=verifier,0.2*format")
    assert recipe(workspace, made["id"])["rewards"] == [
        {"source": "verifier", "weight": 1.0},
        {"source": "format", "weight": 0.2},
    ]
    for wrong, says in (("verifier,x*format", "is no weight"), ("loudness", "module:function")):
        assert says in str(workspace.json("new", technique, f"rewards={wrong}", code=2))


def test_ppo_needs_a_reward_model_and_its_environment(workspace: Cli, reward_model: str) -> None:
    assert "PPO needs a reward model" in str(workspace.json("new", "ppo", code=2))
    told = str(workspace.json("new", "ppo", f"reward_model_path={reward_model}", code=2))
    assert "cockpit env add ppo" in told
    assert "unmaintained" in told


def test_ppos_recipe_names_interpreter_and_reward_model(
    workspace: Cli, reward_model: str, ppo_environment: Path
) -> None:
    made = workspace.json("new", "ppo", f"reward_model_path={reward_model}")
    draft = recipe(workspace, made["id"])
    assert draft["resources"]["python"] == str(ppo_environment)
    assert draft["trainer"]["reward_model_path"].endswith(
        f"{reward_model}/attempts/001/checkpoints/step_000010"
    )
    assert "not a reward model" in str(workspace.json("new", "ppo", "reward_model_path=exp_0000", code=2))
    unfit = "verifier=regex:Nobody says (this)"
    assert "ever be rewarded" in str(workspace.json("new", "grpo", unfit, code=2))
    workspace.json("new", "ppo", f"reward_model_path={reward_model}", unfit)  # its reward model rewards


def test_a_reward_model_may_be_one_of_several_rewards(workspace: Cli, reward_model: str) -> None:
    made = workspace.json("new", "grpo", f"rewards=verifier,0.5*model:{reward_model}")
    sources = [part["source"] for part in recipe(workspace, made["id"])["rewards"]]
    assert sources[0] == "verifier"
    assert sources[1].endswith("checkpoints/step_000010")


def test_a_filter_of_difficulty_takes_its_band_from_the_groups(workspace: Cli) -> None:
    made = workspace.json("new", "grpo", "data.filter_samples=8")
    draft = recipe(workspace, made["id"])
    assert draft["data"]["filter_band"] == [0.083, 0.917]
    assert "half of the groups of 8 differ" in draft["reasons"]["data.filter_band"]
    made = workspace.json("new", "rloo", "data.filter_samples=8", "data.filter_band=[0.2,0.8]")
    assert recipe(workspace, made["id"])["data"]["filter_band"] == [0.2, 0.8]
    for words in (("sft", "data.filter_samples=8"), ("grpo", "data.filter_band=[0.2,0.8]")):
        assert "data.filter_" in workspace.json("new", *words, code=2)["error"]
    assert (
        "lower one first"
        in workspace.json("new", "grpo", "data.filter_samples=8", "data.filter_band=[1,0]", code=2)["error"]
    )
