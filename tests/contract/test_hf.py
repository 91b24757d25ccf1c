"""The callback for any Trainer: a real Trainer on a layer of numbers, watched, asked, resumed, killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cockpit.cli import main
from cockpit.contract import control
from cockpit.contract.layout import TRAINER_FOLDER, AttemptLayout
from cockpit.contract.reader import read_rows

pytestmark = pytest.mark.ml

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SCRIPT = """
import os, signal, sys
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments
from cockpit.contract.hf import Cockpit

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def forward(self, x, labels):
        return {"loss": torch.nn.functional.mse_loss(self.layer(x).squeeze(-1), labels)}

class At(TrainerCallback):
    def on_step_end(self, args, state, control, **more):
        if state.global_step == 4 and what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if state.global_step == 4 and what == "fail":
            raise ValueError("the rows ran out \\x1b[31m")

rows = [{"x": torch.tensor([1.0, k / 8]), "labels": torch.tensor(k / 8)} for k in range(8)]
out, what = sys.argv[1:]
args = TrainingArguments(out, max_steps=6, logging_steps=1, report_to="none", save_strategy="no", use_cpu=True,
                         per_device_train_batch_size=2, disable_tqdm=True, hub_token="hf_secret_of_mine")
Trainer(Line(), args, train_dataset=rows, callbacks=[Cockpit(), At()]).train()
"""


def run(out: Path, what: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(out), what]
    env = {**os.environ, "COCKPIT_ATTEMPT_DIR": ""}
    env.pop("COCKPIT_ATTEMPT_DIR")
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=env)


def told(out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    main(["watch", str(out), "--json"])
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    return found


def trained(out: Path, *callbacks: Any, resume: bool = False, **settings: Any) -> AttemptLayout:
    """A Trainer in this process; gives the attempt folder that its callback wrote."""
    from cockpit.contract.hf import Cockpit

    class Line(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            return {"loss": torch.nn.functional.mse_loss(self.layer(x).squeeze(-1), labels)}

    rows = [{"x": torch.tensor([1.0, k / 8]), "labels": torch.tensor(k / 8)} for k in range(8)]
    args = transformers.TrainingArguments(
        str(out), **{"max_steps": 6, "logging_steps": 1, "report_to": "none", "save_strategy": "no", "use_cpu": True,
                     "per_device_train_batch_size": 2, "disable_tqdm": True} | settings)  # fmt: skip
    trainer = transformers.Trainer(Line(), args, train_dataset=rows, callbacks=[Cockpit(), *callbacks])
    trainer.train(resume_from_checkpoint=resume)
    return AttemptLayout(out / TRAINER_FOLDER)


class Asks(transformers.TrainerCallback):
    """Asks as the cockpit does, from outside, while step 3 is made."""

    def __init__(self, out: Path, name: control.RequestName) -> None:
        self.layout = AttemptLayout(out / TRAINER_FOLDER)
        self.name: control.RequestName = name

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == 2:
            _request(self.layout, self.name)


_request = control.request


def steps(layout: AttemptLayout) -> list[int]:
    return [row["step"] for row in read_rows(layout.metrics) if "loss" in row]


def test_a_run_is_told_as_one_of_our_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = trained(tmp_path / "out", run_name="mine", hub_token="hf_secret_of_mine")
    assert steps(layout) == [1, 2, 3, 4, 5, 6]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    found = told(tmp_path / "out", capsys)
    assert (found["name"], found["kind"], found["technique"], found["state"], found["step"]) == (
        "mine", "attempt", "sft", "finished", 6,
    )  # fmt: skip
    assert found["settings"]["per_device_train_batch_size"] == 2
    assert "hf_secret_of_mine" not in layout.recipe.read_text()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    assert main(["watch", str(tmp_path / "out"), "--ask", "stop"]) == 2
    assert "the run has ended" in capsys.readouterr().err


def test_asked_to_stop_it_saves_and_ends_and_a_resume_goes_on_from_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    layout = trained(out, Asks(out, "stop"))
    assert steps(layout) == [1, 2, 3]
    assert (out / "checkpoint-3").is_dir()
    assert told(out, capsys)["state"] == "stopped"
    assert control.pending(layout) == []
    trained(out, resume=True)
    assert steps(layout) == [1, 2, 3, 4, 5, 6]
    assert told(out, capsys)["state"] == "finished"


def test_asked_for_a_checkpoint_it_saves_one_and_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    layout = trained(out, Asks(out, "checkpoint"))
    assert (out / "checkpoint-3").is_dir()
    assert steps(layout) == [1, 2, 3, 4, 5, 6]
    saved = [row["step"] for row in read_rows(layout.events) if row["kind"] == "checkpoint"]
    assert saved == [3]
    assert control.pending(layout) == []


def test_asked_to_evaluate_without_anything_to_evaluate_on_it_says_so_and_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    layout = trained(out, Asks(out, "evaluate"))
    notices = [row["text"] for row in read_rows(layout.events) if row["kind"] == "notice"]
    assert notices == ['It was asked to evaluate, and its eval_strategy is "no": nothing was.']
    assert steps(layout) == [1, 2, 3, 4, 5, 6]


def test_what_others_left_in_the_folder_stays_and_an_earlier_run_is_put_aside(tmp_path: Path) -> None:
    from cockpit.contract.hf.callback import _of_ours, _put_aside  # pyright: ignore[reportPrivateUsage]

    own = tmp_path / "cockpit"
    own.mkdir()
    (own / "metrics.jsonl").write_text("mine")
    assert _of_ours(own) == own / TRAINER_FOLDER
    assert (own / "metrics.jsonl").read_text() == "mine"
    (own / "recipe.json").write_text('{"watched": {"kind": "attempt"}}')
    assert _of_ours(own) == own
    _put_aside(AttemptLayout(own))
    assert [path.read_text() for path in own.glob("earlier/*/metrics.jsonl")] == ["mine"]


TWO = """
import sys
from pathlib import Path
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments
from cockpit.contract import control
from cockpit.contract.hf import Cockpit
from cockpit.contract.layout import AttemptLayout

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def forward(self, x, labels):
        return {"loss": torch.nn.functional.mse_loss(self.layer(x).squeeze(-1), labels)}

class Asks(TrainerCallback):
    def on_step_begin(self, args, state, control_, **more):
        if state.global_step == 2 and state.is_world_process_zero:
            control.request(AttemptLayout(Path(sys.argv[1]) / "cockpit"), "stop")

rows = [{"x": torch.tensor([1.0, k / 8]), "labels": torch.tensor(k / 8)} for k in range(8)]
args = TrainingArguments(sys.argv[1], max_steps=50, logging_steps=1, report_to="none", save_strategy="no", use_cpu=True,
                         per_device_train_batch_size=2, disable_tqdm=True, ddp_backend="gloo")
trainer = Trainer(Line(), args, train_dataset=rows, callbacks=[Cockpit(), Asks()])
trainer.train()
Path(sys.argv[1], f"ended-{args.process_index}").write_text(str(trainer.state.global_step))
"""


def test_two_processes_stop_at_the_same_step(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(TWO)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(script),
    ]
    done = subprocess.run(
        [*command, str(tmp_path / "out")], capture_output=True, text=True, timeout=800, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert [(tmp_path / "out" / f"ended-{rank}").read_text() for rank in (0, 1)] == ["3", "3"]
    assert steps(AttemptLayout(tmp_path / "out" / TRAINER_FOLDER)) == [1, 2, 3]


@pytest.mark.fault
def test_killed_without_a_word_it_is_lost_and_an_error_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "dead", "die").returncode == -9
    assert told(tmp_path / "dead", capsys)["state"] == "lost"
    main(["watch", str(tmp_path / "dead"), "--once"])
    assert "its process is gone without a word" in capsys.readouterr().out
    failed = run(tmp_path / "failed", "fail")
    assert failed.returncode == 1, failed.stderr
    assert told(tmp_path / "failed", capsys)["state"] == "failed"
    main(["watch", str(tmp_path / "failed"), "--once"])
    said = capsys.readouterr().out
    assert "ValueError: the rows ran out" in said
    assert "\x1b" not in said
