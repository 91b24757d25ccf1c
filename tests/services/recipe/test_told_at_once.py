"""What a draft can know before anything runs: rewards that can't be imported, switches that change nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.services.experiments import lifecycle
from cockpit.services.recipe import template_switches
from cockpit.services.workspace.workspace import Workspace
from tests.support.standin_workspace import ws

__all__ = ["ws"]
REWARDS = ("rewards=verifier,0.1*mine:brief", "resources.python=null")


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (None, "No module named 'mine'"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("def long(**given): return []", "no attribute 'brief'"),
        ("brief = 3", "brief is no function"),
    ],
)
def test_a_reward_that_cannot_be_imported_is_refused_when_it_is_named(
    ws: Workspace, module: str | None, says: str
) -> None:
    if module is not None:
        (ws.root / "mine.py").write_text(module)
    with pytest.raises(CockpitError, match="the reward 'mine:brief' can't be loaded") as caught:
        lifecycle.new(ws, "grpo", overrides=REWARDS)
    assert says in str(caught.value)
    assert ws.experiment_ids() == ["exp_0000"]
    (ws.root / "mine.py").write_text("print('[1, 2]')\ndef brief(**given): return []")
    assert lifecycle.new(ws, "grpo", overrides=REWARDS).id == "exp_0001"


@pytest.mark.parametrize(
    ("config", "jinja", "says"),
    [
        ({"chat_template": "{% if enable_thinking %}<think>{% endif %}"}, None, ""),
        ({"chat_template": [{"name": "default", "template": "{{ enable_thinking }}"}]}, None, ""),
        ({}, "{{ enable_thinking }}", ""),
        ({"chat_template": "{{ messages }}"}, None, "chat template does not read enable_thinking"),
        ({}, "{{ not_enable_thinking_either }}", "chat template does not read enable_thinking"),
        ({}, None, "no chat template to read enable_thinking"),
    ],
)
def test_a_switch_that_the_template_does_not_read_is_said(
    ws: Workspace, config: dict[str, Any], jinja: str | None, says: str
) -> None:
    model = Path(ws.config.model)
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    if jinja is not None:
        (model / "chat_template.jinja").write_text(jinja)
    made = lifecycle.new(ws, "sft", overrides=["enable_thinking=false"])
    reasons = json.loads(ws.layout.experiment(made.id).draft.read_text())["reasons"]
    said = reasons.get("data.chat_template_kwargs.enable_thinking", "")
    assert (says in said) if says else not said


def test_nothing_is_claimed_of_a_template_that_is_not_here() -> None:
    assert template_switches.template_of("nobody/not-on-this-machine") is None


def test_all_ids_are_told_where_one_is_not_there(ws: Workspace) -> None:
    for n in (1, 2, 3, 4, 5, 6, 8):
        ws.layout.experiment(f"exp_{n:04d}").root.mkdir()
        (ws.layout.experiment(f"exp_{n:04d}").record).write_text('{"v": 1}')
    with pytest.raises(CockpitError, match=r"There are: exp_0000 to exp_0006, exp_0008\."):
        ws.experiment("99")
