"""A secret in `--command`: no file of the workspace holds it but the one for the user alone; the process gets it."""

from __future__ import annotations

import json

import pytest

from cockpit.contract import atomic
from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.system import hidden, spawn
from tests.support.cli import Cli


def test_no_file_of_a_workspace_holds_it_and_the_process_gets_it(workspace: Cli) -> None:
    command = "API_TOKEN=tok-hunter22 train.py --api-key sk-abcdefghijklmnop1234"
    told = workspace.json("new", "custom", "-m", "mine", "--command", command)
    assert "hunter22" not in json.dumps(told)
    for path in workspace.root.rglob("*"):
        if path.is_file() and path.name != hidden.FILE:
            assert b"hunter22" not in path.read_bytes(), path
            assert b"sk-abcdefghij" not in path.read_bytes(), path
    layout = WorkspaceLayout(workspace.root).experiment(str(told["id"]))
    recipe = atomic.read_object(layout.draft) or {}
    made = spawn.command(layout.attempt(1).root, recipe, {}, token="t")
    assert made.argv == ("env", "API_TOKEN=tok-hunter22", "train.py", "--api-key", "sk-abcdefghijklmnop1234")
    assert "hunter22" not in " ".join(made.shown)
    (WorkspaceLayout(workspace.root).private / hidden.FILE).unlink()
    with pytest.raises(ValueError, match="isn't kept in"):
        spawn.command(layout.attempt(1).root, recipe, {}, token="t")


@pytest.mark.parametrize(
    "setting",
    [
        "hub_token=hunter22",
        'model_init_kwargs={"token": "hunter22"}',
        "wandb_api_key=hunter22",
        "resume_download=x/hf_hunter22hunter22hunter22",
        'slurm.setup=["export API_KEY=hunter22"]',
    ],
)
def test_a_setting_that_holds_one_is_refused_and_nothing_says_it(workspace: Cli, setting: str) -> None:
    told = workspace.json("new", "sft", "-m", "mine", "pad_token=PAD", setting, code=2)
    assert "holds a secret" in told["error"]
    assert "HF_TOKEN" in told["mend"]
    assert "hunter22" not in json.dumps(told)
