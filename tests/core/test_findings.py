"""Findings travel as JSON and are shown gravest first, each once."""

from __future__ import annotations

import pytest

from cockpit.core.findings import Finding
from cockpit.core.rules.table import ranked

FINDING = Finding(
    "no-gain",
    "warn",
    "three moves, no gain",
    ("exp_0001: -0.01",),
    "change the data",
    "source",
    ("exp_0001",),
    7,
)


def test_a_finding_survives_json() -> None:
    assert Finding.from_dict(FINDING.as_dict()) == FINDING


@pytest.mark.parametrize("broken", [{}, {"rule": "x"}, {"headline": "x"}, {"rule": 1, "headline": "x"}])
def test_what_is_no_finding_is_none(broken: dict) -> None:
    assert Finding.from_dict(broken) is None


def test_a_trainers_finding_event_is_read_with_its_oddities() -> None:
    event = {
        "v": 1,
        "kind": "finding",
        "rule": "mine",
        "headline": "odd",
        "severity": "fatal",
        "evidence": "one line",
    }
    assert Finding.from_dict(event) == Finding("mine", "warn", "odd", ("one line",))


def test_ranked_puts_the_gravest_first_and_drops_repeats() -> None:
    info = Finding("flat-loss", "info", "a")
    block = Finding("eval-in-train", "block", "b")
    milder = Finding("eval-in-train", "warn", "b, milder")
    unknown = Finding("mine", "alarm", "c")
    assert ranked([info, milder, unknown, block, info]) == [block, unknown, info]
