"""Everyday short names on the command line: taken, said in a line, and stored under TRL's names."""

from __future__ import annotations

import json
from typing import Any

from tests.support.cli import Cli


def draft(cli: Cli, id_: str) -> dict[str, Any]:
    return json.loads((cli.root / ".cockpit" / "experiments" / id_ / "recipe.draft.json").read_text())


def test_new_takes_them_and_says_what_they_became(workspace: Cli) -> None:
    code, text = workspace("new", "grpo", "lr=1e-5", "rank=8", "n=4", "max_steps=20")
    assert code == 0, text
    lines = text.splitlines()
    assert lines[:3] == ["lr is learning_rate.", "rank is peft.r.", "n is num_generations."]
    made = draft(workspace, "exp_0001")
    assert (made["trainer"]["learning_rate"], made["trainer"]["num_generations"]) == (1e-5, 4)
    assert made["peft"]["r"] == 8
    assert not {"lr", "n", "rank"} & made["trainer"].keys()
    told = workspace.json("new", "grpo", "lr=1e-5")
    assert told["renamed"] == {"lr": "learning_rate"}


def test_two_values_for_one_setting_are_a_sentence_and_make_nothing(workspace: Cli) -> None:
    for words in (("new", "grpo"), ("sweep", "grpo", "temp=0.7,1.0")):
        code, text = workspace(*words, "lr=1e-5", "learning_rate=2e-5")
        assert code == 2
        assert "lr=1e-05 and learning_rate=2e-05 both set learning_rate, to two values. Keep one" in text
    assert not (workspace.root / ".cockpit" / "experiments" / "exp_0001").exists()


def test_the_workspaces_defaults_may_be_short_too_and_are_said(workspace: Cli) -> None:
    config = workspace.root / "cockpit.toml"
    config.write_text(config.read_text() + "\n[recipes.grpo]\nlr = 3e-6\nsteps = 30\n")
    code, text = workspace("new", "grpo", "learning_rate=1e-5")
    assert code == 0, text
    assert "In cockpit.toml lr is learning_rate." in text
    made = draft(workspace, "exp_0001")["trainer"]
    assert (made["learning_rate"], made["max_steps"]) == (1e-5, 30)


def test_a_sweep_of_a_short_name_takes_the_place_of_what_was_chosen(workspace: Cli) -> None:
    workspace.json("new", "grpo", "lr=1e-6", "rank=8")
    made = workspace.json("sweep", "r=16,32")["experiments"]
    found = [draft(workspace, row["id"]) for row in made]
    assert [recipe["peft"]["r"] for recipe in found] == [16, 32]
    assert {recipe["trainer"]["learning_rate"] for recipe in found} == {1e-6}
