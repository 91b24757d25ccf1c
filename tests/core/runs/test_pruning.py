"""What may be pruned, and what must stay whatever happens."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.core.runs.pruning import Kept, plan


def attempt(**known: Any) -> Kept:
    values: dict[str, Any] = {
        "experiment": "exp_0001",
        "attempt": 1,
        "latest": True,
        "live": False,
        "state": "finished",
        "status": "evaluated",
        "ended_days": 3.0,
        "best_step": 20,
        "checkpoints": ((10, "/w/10", 5), (20, "/w/20", 7), (30, "/w/30", 9)),
    }
    return Kept(**(values | known))


@pytest.mark.parametrize(
    ("known", "needed", "steps"),
    [
        ({}, (), [30, 10]),
        ({"live": True}, (), []),
        ({"status": "committed"}, (), [30, 10]),
        ({"status": "discarded"}, (), [30, 10]),
        ({"best_step": 30}, (), [20, 10]),
        ({}, ("/w/10",), [30]),
        ({"state": "stopped"}, (), [10]),
        ({"state": "oom_killed"}, (), [10]),
        ({"state": "stopped", "status": "discarded"}, (), [30, 10]),
        ({"state": "stopped", "latest": False}, (), [30, 10]),
        ({"best_step": None}, (), [20, 10]),
        ({"ended_days": 0.5}, (), []),
        ({"checkpoints": ((20, "/w/20", 7),)}, (), []),
    ],
)
def test_only_what_nobody_needs_goes(
    known: dict[str, Any], needed: tuple[str, ...], steps: list[int]
) -> None:
    found = plan([attempt(**known)], needed, older_than_days=1.0)
    assert [removal.step for removal in found] == steps
    assert all(removal.why for removal in found)
