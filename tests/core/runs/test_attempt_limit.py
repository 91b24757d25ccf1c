"""One attempt at training scale, retries for what was over within a minute."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.core.runs.attempt_limit import refusal

ONE: dict[str, Any] = {"step": 40, "lasted": 20.0, "attempts": 1, "allowed": 1, "decided": False}


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        ("failed", {"step": None, "lasted": 900.0}),  # it never trained
        ("oom_killed", {"step": 0, "lasted": 200.0, "attempts": 9}),
        ("failed", {}),
        ("stopped", {"lasted": 59.0}),
        ("killed", {"attempts": 2}),
        ("finished", {"allowed": 2}),
    ],
)
def test_may_be_tried_again(state: str, facts: dict[str, Any]) -> None:
    assert refusal(state, **{**ONE, **facts}) == ""


@pytest.mark.parametrize(
    ("state", "facts", "says"),
    [
        ("failed", {"lasted": 60.0}, "less than a minute, and this run lasted a minute"),
        ("failed", {"lasted": 1800.0}, "lasted 30 minutes"),
        ("oom_killed", {"lasted": 9000.0, "allowed": 3}, "lasted 2.5 hours"),
        ("lost", {"lasted": None}, "less than a minute"),
        ("failed", {"attempts": 3}, "tried 3 times"),
        ("finished", {}, "its own end"),
        ("early_stopped", {"lasted": 600.0, "allowed": 3}, "10 minutes"),
        ("failed", {"step": None, "decided": True}, "decided"),
    ],
)
def test_may_not(state: str, facts: dict[str, Any], says: str) -> None:
    assert says in refusal(state, **{**ONE, **facts})
