"""One attempt's files, look by look: bounded, tolerant, and never twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cockpit.contract.writer import AttemptWriter
from cockpit.services.live import preview as preview_module
from cockpit.services.live.attempt_state import LiveRun
from cockpit.services.live.attempt_tail import AttemptTail, Batch


def fold_all(tail: AttemptTail, run: LiveRun) -> list[Batch]:
    batches = [tail.read()]
    while tail.more:
        batches.append(tail.read())
    for batch in batches:
        run.fold(batch)
    return batches


@pytest.fixture
def writer(tmp_path: Path) -> AttemptWriter:
    root = tmp_path / "001"
    root.mkdir()
    return AttemptWriter(root, clock=lambda: 1000.0)


def test_what_a_trainer_writes_is_folded_as_it_comes(writer: AttemptWriter) -> None:
    tail, run = AttemptTail(writer.layout.root), LiveRun()
    assert not tail.read()
    writer.stage("training")
    writer.metrics(1, {"loss": 2.0})
    fold_all(tail, run)
    assert run.stage == "training"
    assert run.latest() == {"loss": 2.0}
    writer.metrics(2, {"loss": float("nan"), "kl": 0.1})
    writer.mid_eval(2, 0.4, passed=4, n=10, best=True, best_score=0.4, best_step=2, baseline=0.3)
    fold_all(tail, run)
    assert np.isnan(run.latest()["loss"])
    assert run.mid_evals[-1].score == 0.4
    assert run.evals is not None
    assert run.evals.last("mid-eval") == (2, 0.4)
    assert run.last_time == 1000.0
    assert not tail.read()


def test_a_truncated_file_forgets_what_it_said_and_nothing_else(writer: AttemptWriter) -> None:
    tail, run = AttemptTail(writer.layout.root), LiveRun()
    writer.stage("training")
    for step in range(10):
        writer.metrics(step, {"loss": float(step)})
    fold_all(tail, run)
    writer.layout.metrics.write_text('{"step": 1, "loss": 7}\n')
    fold_all(tail, run)
    assert run.series is not None
    assert run.series.rows == 1
    assert run.latest() == {"loss": 7}
    assert run.stage == "training"
    writer.layout.events.write_text('{"kind": "stage", "name": "saving"}\n')
    fold_all(tail, run)
    assert run.stage == "saving"
    assert run.series.rows == 1


def test_malformed_lines_are_counted_once(writer: AttemptWriter) -> None:
    tail, run = AttemptTail(writer.layout.root), LiveRun()
    writer.layout.metrics.write_bytes(b'nonsense\n{"step": 1, "loss": 1}\n\x00\xff\n')
    writer.layout.events.write_bytes(
        b'{"kind": "notice"\n{"kind": "from the future", "x": 1}\n{"kind": 5}\n[]\n'
    )
    fold_all(tail, run)
    assert run.malformed == 4
    fold_all(tail, run)
    assert run.malformed == 4


def test_a_deleted_folder_is_said_once_and_so_is_its_return(writer: AttemptWriter) -> None:
    root = writer.layout.root
    tail, run = AttemptTail(root), LiveRun()
    writer.metrics(1, {"loss": 2.0})
    fold_all(tail, run)
    writer.close()
    shutil.rmtree(root)
    assert [batch.gone for batch in fold_all(tail, run)] == [True]
    assert run.gone
    assert run.latest() == {"loss": 2.0}, "what was read stays on the screen"
    assert not tail.read()
    root.mkdir()
    (root / "metrics.jsonl").write_text('{"step": 5, "loss": 1}\n')
    fold_all(tail, run)
    assert not run.gone
    assert run.latest() == {"loss": 1}


def test_batches_are_bounded(writer: AttemptWriter) -> None:
    with writer.layout.metrics.open("w") as handle:
        handle.writelines(json.dumps({"step": n, "loss": n / 7}) + "\n" for n in range(5000))
    tail, run = AttemptTail(writer.layout.root, chunk=8192), LiveRun()
    batches = fold_all(tail, run)
    assert len(batches) > 10
    assert max(batch.size for batch in batches) < 30_000
    assert [batch.whole for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert run.series is not None
    assert run.series.rows == 5000


def test_a_large_file_is_previewed_then_read(writer: AttemptWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_module, "_TAIL", 2000)
    monkeypatch.setattr("cockpit.services.live.attempt_tail.LARGE", 100_000)
    monkeypatch.setattr(preview_module, "LARGE", 100_000)
    with writer.layout.metrics.open("w") as handle:
        handle.writelines(json.dumps({"step": n, "loss": n / 7}) + "\n" for n in range(20_000))
    tail, run = AttemptTail(writer.layout.root), LiveRun()
    first = tail.read()
    run.fold(first)
    assert first.preview is not None
    assert 300 < len(first.preview.steps) < 600
    assert tail.more
    assert run.series is not None
    assert run.series.previewed
    assert run.series.rows == 0
    assert run.latest() == {"loss": 19_999 / 7}, "the newest value is right at once"
    assert run.series.extent() == (0, 19_999)
    while tail.more:
        run.fold(tail.read())
    assert not run.series.previewed
    assert run.series.rows == 20_000


def test_a_resumed_run_takes_back_what_did_not_happen(writer: AttemptWriter) -> None:
    tail, run = AttemptTail(writer.layout.root), LiveRun()
    for step in range(1, 31):
        writer.metrics(step, {"loss": 1.0})
    writer.event("end", outcome="stopped")
    fold_all(tail, run)
    assert run.end is not None
    writer.stage("importing")
    for step in range(21, 26):
        writer.metrics(step, {"loss": 0.5})
    fold_all(tail, run)
    assert run.end is None
    assert run.series is not None
    assert run.series.extent() == (1, 25)


def test_log_lines_and_their_unfinished_end(writer: AttemptWriter) -> None:
    tail, run = AttemptTail(writer.layout.root), LiveRun()
    writer.layout.log.parent.mkdir()
    writer.layout.log.write_bytes(b"one\ntwo\n50%|##")
    fold_all(tail, run)
    assert list(run.log) == ["one", "two"]
    assert run.log_partial == "50%|##"
    with writer.layout.log.open("ab") as handle:
        handle.write(b"\r100%|####\n")
    fold_all(tail, run)
    assert list(run.log)[-1] == "100%|####"
    assert run.log_partial == ""
    assert run.log_count == 3


def test_a_plan_tells_where_the_axis_ends(writer: AttemptWriter) -> None:
    tail, run = AttemptTail(writer.layout.root), LiveRun()
    writer.event("plan", steps=120)
    fold_all(tail, run)
    assert run.planned_steps == 120
