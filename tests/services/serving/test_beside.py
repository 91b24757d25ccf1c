"""A run's server is started beside it, by a process that leaves the supervisor at once and says what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cockpit.contract import serving
from cockpit.services.runs import aftermath, supervisor
from tests.support.attempts import StandIn, until


def test_what_came_of_the_start_stands_in_the_servers_record(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"model_type": "none"}))
    standin = StandIn(tmp_path / "ws/.cockpit/experiments/exp_0001/attempts/001")
    standin.recipe(
        None, technique="baseline", model={"name_or_path": str(model)}, mid_eval={"engine": "vllm"}
    )
    (tmp_path / "ws/cockpit.toml").write_text('[serve]\npython = "/nowhere/python"\n')
    done = subprocess.run(
        [sys.executable, "-m", supervisor.SERVER, str(standin.layout.root)], timeout=180, check=True
    )
    assert done.returncode == 0
    layout = serving.layout_for(str(model), serving.model_digest(model))
    facts = until(lambda: serving.read(layout))
    assert facts.state == "failed"
    assert facts.says


def test_a_module_that_fails_is_said_and_nothing_more(tmp_path: Path) -> None:
    standin = StandIn(tmp_path / "attempt")
    said: list[str] = []
    aftermath.run(standin.layout, "cockpit.no_such_module", [], within_s=180, say=said.append)
    assert [line.partition(" of ")[0] for line in said] == ["cockpit.no_such_module"]
    aftermath.write_down(standin.layout, said.append)
    assert len(said) == 1, "a bare folder belongs to no workspace"
