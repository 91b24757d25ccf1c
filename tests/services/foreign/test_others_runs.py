"""Runs that nobody here made: what a careful engineer would say of each, one test a case.

Other people's logs are not part of the repository: COCKPIT_CASES names a folder `runs/` of them, each with its
expect.json. A clone without them tests the same rules on series of its own (tests/core/rules/test_silent_faults.py).
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.layout import WorkspaceLayout
from cockpit.services.foreign.find import find
from cockpit.services.foreign.mirror import Mirror
from cockpit.services.rules import run_findings

CASES = Path(os.environ.get("COCKPIT_CASES") or "no-cases-given") / "runs"
ABSENT = "COCKPIT_CASES names no folder of other people's runs"
NOT_YET: dict[str, str] = {}
"""Cases that aren't right yet, each with the reason."""


def cases() -> list[Any]:
    found = sorted(path.parent.name for path in CASES.glob("*/expect.json"))
    if not found:
        return [pytest.param("", marks=pytest.mark.skip(reason=ABSENT), id="absent")]
    return [
        pytest.param(
            name,
            marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[name])] if name in NOT_YET else [],
            id=name,
        )
        for name in found
    ]


@pytest.mark.parametrize("name", cases())
def test_a_run_is_judged_as_an_engineer_would(name: str, tmp_path: Path) -> None:
    want = json.loads((CASES / name / "expect.json").read_text("utf-8"))
    place = tmp_path / "run"
    shutil.copytree(CASES / name, place, ignore=shutil.ignore_patterns("expect.json"))
    mirror = Mirror(find(str(place)), str(place))
    try:
        mirror.poll()
        experiment = WorkspaceLayout(mirror.root).experiment("exp_0001")
        technique = json.loads(experiment.record.read_text("utf-8"))["technique"]
        said = run_findings.for_attempt(experiment.attempt(1).root)
    finally:
        mirror.close()
    loud = [finding for finding in said if finding.severity != "info"]
    assert technique == want["technique"]
    if want.get("debatable"):
        return  # practitioners differ: read, and its technique told, is all that is asked
    if want["verdict"] == "healthy":
        assert loud == []
        return
    fit = [f for f in (loud if want["verdict"] == "problem" else said) if f.rule in want["rules"]]
    assert fit, f"wanted one of {want['rules']}, said {[(f.rule, f.severity) for f in said]}"
    if want["from_step"]:
        low, high = want["from_step"]
        assert fit[0].step is not None
        assert low <= fit[0].step <= high
