"""Metrics in plain text (JSON lines, CSV, a printed log), and trackio's store as trackio itself writes it."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.services.foreign import find
from cockpit.services.foreign.techniques import technique_of


def rows(place: Path) -> list[tuple[int, dict[str, float]]]:
    (run,) = find(str(place))
    return [(row.step, dict(row.values)) for row in run.poll().rows]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("metrics.jsonl", '{"step": 5, "loss": 2.0, "lr": 0.1}\n{"step": 10, "loss": 1.0}\n{"st', [
            (5, {"loss": 2.0, "lr": 0.1}), (10, {"loss": 1.0})]),
        ("log.jsonl", '{"loss": 2.0, "text": "x"}\nnot json\n[1]\n{"loss": 1.5}\n', [
            (1, {"loss": 2.0}), (2, {"loss": 1.5})]),
        ("metrics.csv", "epoch,global_step,train/loss,val_loss\r\n0,1,2.5,\r\n0,2,,1.5\r\n", [
            (1, {"epoch": 0.0, "loss": 2.5}), (2, {"epoch": 0.0, "val_loss": 1.5})]),
        ("progress.csv", "\ufeffiteration;reward\n3;0.5\n", [(3, {"reward": 0.5})]),
        ("train.log", "  5%|x | 5/100 [00:01<00:19]\r{'loss': '2.5', 'grad_norm': '1.2', 'epoch': '0.1'}\n"
                      " 10%|x | 10/100 [00:02<00:18]{'loss': 1.5, 'epoch': 0.2}\nword {'a': __import__('os')}\n", [
            (5, {"loss": 2.5, "grad_norm": 1.2, "epoch": 0.1}), (10, {"loss": 1.5, "epoch": 0.2})]),
        ("lightning.csv", "epoch,step,train_loss,val_loss\n0,9,2.5,\n", [(9, {"epoch": 0.0, "train_loss": 2.5})]),
        ("comma.csv", "step;loss\n3;0,141\n", [(3, {"loss": 0.141})]),
        ("nan.log", "{'loss': nan, 'grad_norm': np.float64(1.0), 'lr': '-1e-05'}\n", [
            (1, {"loss": math.nan, "grad_norm": 1.0, "lr": -1e-05})]),
        ("bars.log", "Map: 100%|####| 1000/1000 [00:01<00:00]\n"
                     " 10%|# | 10/100 [00:02<00:18]{'loss': 1.5, 'epoch': 0.2}\n"
                     "100%|####| 25/25 [00:01<00:00]\n{'eval_loss': 1.4, 'epoch': 0.2}\n"
                     " 20%|# | 20/100 [00:04<00:16]{'loss': 1.2, 'epoch': 0.4}\n", [
            (10, {"loss": 1.5, "epoch": 0.2}), (10, {"eval_loss": 1.4, "epoch": 0.2}),
            (20, {"loss": 1.2, "epoch": 0.4})]),
        ("words.log", "{'learning_rate': 0.1, 'model': 'x'}\n{'a': {'loss': 1\n{'loss': 'high'}\n", [
            (1, {"loss": 1.0})]),
    ],
)  # fmt: skip
def test_a_text_file_is_read_by_its_columns(
    tmp_path: Path, name: str, text: str, expected: list[tuple[int, dict[str, float]]]
) -> None:
    (tmp_path / name).write_text(text, newline="")
    assert repr(rows(tmp_path / name)) == repr(expected)


def test_a_text_file_is_read_on_and_found_in_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "run_a" / "metrics.jsonl"
    path.parent.mkdir()
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    (run,) = find(str(tmp_path))
    assert run.name == "run_a"
    assert [row.step for row in run.poll().rows] == [1]
    with path.open("a") as handle:
        handle.write('ss": 1.0}\n')
    assert [row.values for row in run.poll().rows] == [{"loss": 1.0}]


def test_a_log_that_ends_in_an_error_is_failed(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(
        "{'loss': 1.0}\nTraceback (most recent call last):\n  File x\ntorch.OutOfMemoryError: CUDA out of memory\n"
    )
    (run,) = find(str(tmp_path / "a.log"))
    update = run.poll()
    assert (update.state, update.why) == ("failed", "torch.OutOfMemoryError: CUDA out of memory")


def test_files_of_any_name_are_found_by_what_they_hold_and_told_apart(tmp_path: Path) -> None:
    (tmp_path / "lightning.csv").write_text("epoch,step,train_loss\n0,1,2.0\n")
    (tmp_path / "my.log").write_text("{'loss': 1.0, 'epoch': 1}\n")
    (tmp_path / "people.csv").write_text("name,age\nann,3\n")
    assert [run.name.split("/")[-1] for run in find(str(tmp_path))] == ["lightning.csv", "my.log"]


def test_a_log_whose_trainer_printed_its_totals_is_finished(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("{'loss': 1.0}\n{'train_runtime': 12.0, 'train_loss': 1.0}\n")
    (run,) = find(str(tmp_path / "a.log"))
    assert run.poll().state == "finished"


TRACKIO = """
import math, trackio
trackio.init(project="p", name="one", config={"num_generations": 8, "scale_rewards": "group"})
trackio.log({"train/loss": 2.0, "train/global_step": 10})
trackio.log({"train/loss": math.nan, "train/global_step": 20})
trackio.finish()
"""


def test_a_trackio_project(tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    env = {
        "TRACKIO_DIR": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
    }
    subprocess.run([sys.executable, "-c", TRACKIO], env=env, check=True, timeout=600, capture_output=True)
    (run,) = find(str(tmp_path))
    update = run.poll()
    assert run.kind == "trackio"
    assert [row.step for row in update.rows] == [10, 20]
    assert update.rows[0].values["loss"] == 2.0
    assert math.isnan(update.rows[1].values["loss"])
    assert update.rows[0].time is not None
    assert technique_of([], run.settings) == "grpo"
    assert run.poll().rows == []


def test_a_store_of_somebody_else_is_not_written_beside_and_a_view_in_it_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with closing(sqlite3.connect(path)) as store:
        store.execute("pragma journal_mode = wal")
        store.executescript(
            "create table metrics (id integer primary key, timestamp text, run_name text, step int, metrics text);"
            "create table configs (run_name text, config text);"
            "insert into metrics values (1, '2026-01-01', 'a', 3, '{\"loss\": 1.0}')"
        )
    (run,) = find(str(tmp_path))
    assert [row.step for row in run.poll().rows] == [3]
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.db"]
    with closing(sqlite3.connect(path)) as store:
        store.executescript(
            "drop table metrics; create view metrics as with recursive x(run_name, step, metrics, id) as "
            "(select 'a', 1, '', 1 union all select run_name, step + 1, '', id from x) select * from x"
        )
    with pytest.raises(CockpitError, match="no run was found"):
        find(str(tmp_path))


@pytest.mark.parametrize(
    ("names", "settings", "technique"),
    [
        (["loss", "lr"], {"num_generations": 8, "epsilon_high": 0.28}, "grpo"),
        ([], {"stage": "rm", "cutoff_len": 100}, "reward"),
        ([], {"rl": "kto"}, "kto"),
        ([], {"desirable_weight": 1.0, "precompute_ref_log_probs": False}, "kto"),
        ([], {"normalize_advantages": True, "num_generations": 4}, "rloo"),
        ([], {"assistant_only_loss": True}, "sft"),
        (["loss"], {"stage": 3}, "sft"),
        (["train_loss"], {}, "sft"),
        (["gpu_util"], {"learning_rate": 1e-4}, "unknown"),
        ([], {}, "unknown"),
    ],
)
def test_the_technique_comes_from_the_settings_first_and_is_never_made_up(
    names: list[str], settings: dict[str, object], technique: str
) -> None:
    assert technique_of(names, settings) == technique
