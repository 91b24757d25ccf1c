"""Metrics in plain text (JSON lines, CSV, a printed log), and trackio's store as trackio itself writes it."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

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
        ("nan.log", "{'loss': 'nan', 'grad_norm': 1.0}\n", [(1, {"loss": math.nan, "grad_norm": 1.0})]),
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
