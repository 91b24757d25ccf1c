"""A sweep on the command line: siblings with the varied setting, the rest as in the varied experiment."""

from __future__ import annotations

import json

from cockpit.services.workspace.workspace import Workspace
from tests.support.cli import Cli


def test_siblings_differ_in_the_setting_alone(workspace: Cli) -> None:
    workspace.json("new", "grpo", "temperature=0.7", "--full", "learning_rate=1e-6", "-m", "reward")
    made = workspace.json("sweep", "lr=1e-5,3e-5,1e-4")["experiments"]
    assert [row["id"] for row in made] == ["exp_0002", "exp_0003", "exp_0004"]
    assert {(row["technique"], row["parent"], row["lora"]) for row in made} == {("grpo", "exp_0000", False)}
    ws = Workspace(workspace.root)
    trainers = [json.loads(ws.layout.experiment(row["id"]).draft.read_text())["trainer"] for row in made]
    assert [trainer["learning_rate"] for trainer in trainers] == [1e-5, 3e-5, 1e-4]
    assert {trainer["temperature"] for trainer in trainers} == {0.7}
    assert {ws.experiment(row["id"]).sweep for row in made} == {"sweep-exp_0002"}


def test_siblings_keep_what_is_no_trainers_setting_too(workspace: Cli) -> None:
    asked = {"model.dtype": "float32", "model.load_in_4bit": "true", "launcher": "slurm", "slurm.account": "0042x",
             "resources.processes": "2", "resources.cuda_visible_devices": "0", "generation.max_new_tokens": "77",
             "data.chat_template_kwargs": '{"enable_thinking": false}', "resources.env": '{"A": "b"}'}  # fmt: skip
    workspace.json("new", "sft", *(f"{name}={value}" for name, value in asked.items()), "-m", "mine")
    layout = Workspace(workspace.root).layout
    first = json.loads(layout.experiment("exp_0001").draft.read_text())
    first["data"]["columns"] = {**first["data"]["columns"], "hint": "ignored"}
    layout.experiment("exp_0001").draft.write_text(json.dumps(first))
    made = workspace.json("sweep", "lr=1e-5,3e-5")["experiments"]
    other = json.loads(layout.experiment(made[0]["id"]).draft.read_text())
    for section in (
        "model",
        "data",
        "generation",
        "mid_eval",
        "budget",
        "resources",
        "slurm",
        "launcher",
        "peft",
    ):
        assert other[section] == first[section], section


def test_a_technique_may_be_named_and_is_needed_where_nothing_trained_yet(workspace: Cli) -> None:
    code, text = workspace("sweep", "lr=1e-5,3e-5")
    assert code == 2
    assert "Name a technique" in text
    code, text = workspace("sweep", "sft", "lr=1e-5,3e-5", "peft.r=8,16")
    assert code == 0
    assert text.count("learning_rate=") == 4
    assert "lr is learning_rate." in text
    assert "p < 0.013" in text
