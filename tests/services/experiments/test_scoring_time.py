"""How long a held-out pass will take: by what was timed, the nearest first."""

from __future__ import annotations

import json

from cockpit.contract.layout import ExperimentLayout
from cockpit.services.experiments import scoring
from cockpit.services.workspace.workspace import Workspace
from tests.support.standin_workspace import draft, ws

__all__ = ["draft", "ws"]


def timed(layout: ExperimentLayout, **told: object) -> None:
    folder = layout.attempt(1).held_out
    folder.mkdir(parents=True)
    (folder / "score.json").write_text(json.dumps(told))


def test_its_own_pass_counts_before_anothers(ws: Workspace, draft: str) -> None:
    items = sum(1 for _ in ws.config.held_out.open())
    assert scoring.expected(ws, draft) is None
    timed(ws.layout.experiment("exp_0000"), seconds=10.0, n=10)
    assert scoring.expected(ws, draft) == items
    timed(ws.layout.experiment(draft), seconds=30.0, n=10)
    assert scoring.expected(ws, draft) == 3 * items
    assert scoring.expected(ws, "exp_0000") == items


def test_what_is_no_timing_is_none(ws: Workspace, draft: str) -> None:
    timed(ws.layout.experiment("exp_0000"), seconds=10.0, n=10, samples=4)
    timed(ws.layout.experiment(draft), seconds="soon", n=0)
    assert scoring.expected(ws, draft) is None
