"""What is nothing for most runs is chosen once, by what the environment says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.contract import AttemptLayout
from trainers.attempt.attempt import Nobody
from trainers.attempt.processes import OneProcess
from trainers.distributed.together import Together
from trainers.loop.frame import orchestrator_of, processes_of
from trainers.report.evo import Evo


def test_one_process_is_alone_and_what_accelerate_starts_is_not() -> None:
    alone = processes_of({"HOME": "/root"})
    assert type(alone) is OneProcess
    assert (alone.first, alone.world, alone.agree(True, False)) == (True, 1, [True, False])
    assert alone.lend("model")() == "model"
    second = processes_of({"RANK": "1", "WORLD_SIZE": "2"})
    assert (type(second), second.rank, second.world, second.first) == (Together, 1, 2, False)
    only = processes_of({"ACCELERATE_USE_FSDP": "true"})
    assert (type(only), only.agree(True), only.gather("it")) == (Together, [True], ["it"])


def test_the_held_out_pass_forgets_the_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "FSDP_VERSION"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("KEPT", "1")
    environment = Together(0, 1).environment_alone()
    assert environment["KEPT"] == "1"
    assert not {"RANK", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "FSDP_VERSION"} & set(environment)


def test_evo_waits_for_a_score_of_its_own_attempts_alone(tmp_path: Path) -> None:
    layout = AttemptLayout(tmp_path / "cockpit")
    assert type(orchestrator_of(layout, {})) is Nobody
    assert type(orchestrator_of(layout, {"EVO_CHECKPOINT_DIR": str(tmp_path / "another")})) is Nobody
    places = {"CHECKPOINT_DIR": "", "RESULT_PATH": "result.json", "TRACES_DIR": "traces"}
    evo = orchestrator_of(layout, {f"EVO_{name}": str(tmp_path / place) for name, place in places.items()})
    assert type(evo) is Evo
    assert (evo.wants_score, evo.unscored()) == (True, True)
    (tmp_path / "traces").mkdir()
    evo.publish_result({"score": float("nan"), "tasks": {}}, [])
    assert evo.unscored(), "no score that is no number"
    evo.publish_result({"score": 1.0, "tasks": {"a": 1.0}}, [{"item": "a", "score": 1.0, "passed": True}])
    assert not evo.unscored()
    assert json.loads((tmp_path / "result.json").read_text())["tasks"] == {"a": 1.0}
    assert (tmp_path / "traces" / "task_a.json").is_file()
