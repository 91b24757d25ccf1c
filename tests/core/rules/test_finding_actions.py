"""What is offered about a finding: first what helps most, nothing that can't be done."""

from __future__ import annotations

import pytest

from cockpit.cli import COMMANDS
from cockpit.core.findings import Finding
from cockpit.core.rules.finding_actions import actions_of
from cockpit.core.rules.table import RULES

ABOUT = ("exp_0001", "exp_0002", "exp_0003")


@pytest.mark.parametrize(
    ("rule", "running", "first"),
    [
        ("nonfinite", True, "stop"),
        ("mid-eval-regression", True, "stop"),
        ("mid-eval-regression", False, "spot_check"),
        ("stuck-at-zero", False, "spot_check"),
        ("same-score-across-techniques", False, "spot_check"),
        ("no-gain", False, "compare"),
        ("eval-in-train", False, "discard"),
        ("overfit-or-leak", False, "open"),
    ],
)
def test_the_most_useful_comes_first(rule: str, running: bool, first: str) -> None:
    assert actions_of(Finding(rule, "warn", "x", experiments=ABOUT), running=running)[0].do == first


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
@pytest.mark.parametrize("running", [True, False])
def test_every_act_has_a_command_that_is_there(rule: str, running: bool) -> None:
    offered = actions_of(Finding(rule, "warn", "x", experiments=ABOUT), running=running)
    assert offered
    for act in offered:
        assert act.command.split()[:1] == ["cockpit"]
        assert act.command.split()[1] in COMMANDS
    assert not running or "discard" not in [act.do for act in offered]


def test_a_finding_about_nothing_offers_what_needs_no_experiment() -> None:
    assert actions_of(Finding("overfit-or-leak", "warn", "x"), running=False) == []
