"""Weights spread over two processes (FSDP): mini-evals, rounds, whole checkpoints, a resume; and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cockpit.contract import CockpitError
from cockpit.contract.reader import read_rows
from tests.trainers.real.conftest import Run, Tiny, head
from tests.trainers.real.test_together_all import pair, train_run
from trainers.distributed import sharded
from trainers.distributed.together import Together

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]
FSDP = """compute_environment: LOCAL_MACHINE
distributed_type: FSDP
fsdp_config:
  fsdp_version: 2
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_reshard_after_forward: true
  fsdp_cpu_ram_efficient_loading: false
  fsdp_offload_params: false
machine_rank: 0
main_training_function: main
mixed_precision: 'no'
num_machines: 1
num_processes: 2
use_cpu: false
"""


def fly_sharded(run: Run, *arguments: str) -> str:
    """Train it under accelerate's own file for FSDP, to its end; gives what was printed."""
    file = run.layout.root.parent / "fsdp.yaml"
    file.write_text(FSDP)
    options = ("--config_file", str(file), "--num_processes", "2", "--main_process_port", "0")
    technique = run.recipe.technique
    return train_run(
        run, *options, module="tests.trainers.real.sharded_on_cpu", arguments=(technique, *arguments)
    )


def test_full_weights_are_scored_saved_whole_and_resumed(tiny: Tiny, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    run = pair(tiny, tmp_path, 1, "sft", lora=False)
    said = fly_sharded(run)
    assert run.summary["outcome"] == "finished"
    assert [row["step"] for row in run.events("mid_eval")] == [2, 4]
    assert "saved whole" in run.notices
    folder = run.layout.checkpoint(2)
    assert not list(folder.glob("pytorch_model*")), "the weights are safetensors, once"
    loaded: Any = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    model, info = loaded
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert _answers(model, run, folder) == [row["completion"] for row in _mini_eval(run, 2)], said
    before = run.losses
    shutil.rmtree(run.layout.checkpoint(4))
    fly_sharded(run, "--resume")
    assert run.losses == before, (
        "what came after the checkpoint was dropped, and the very same steps done again"
    )


def test_an_adapter_and_its_rounds(tiny: Tiny, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM

    run = pair(tiny, tmp_path, 1, "rft", num_generations=3, train=head(tiny, tmp_path, "train", 60))
    fly_sharded(run)
    rounds = [list(read_rows(run.layout.root / "rollouts" / f"round_{n:02d}.jsonl")) for n in (1, 2)]
    assert [{row["policy_id"] for row in rows} for rows in rounds] == [{"exp_0001@0"}, {"exp_0001@2"}]
    assert [len(rows) for rows in rounds] == [180, 180]
    folder = run.layout.checkpoint(4)
    model = AutoPeftModelForCausalLM.from_pretrained(folder)
    assert _answers(model, run, folder) == [row["completion"] for row in _mini_eval(run, 4)]


def _mini_eval(run: Run, step: int) -> list[dict[str, Any]]:
    return list(read_rows(run.layout.sample_file("eval", step)))


def _answers(model: Any, run: Run, folder: Path) -> list[str]:
    """What one process with the whole checkpoint says to the same prompts."""
    from transformers import AutoTokenizer

    from trainers.model.generate import generate

    step = int(folder.name.removeprefix("step_"))
    prompts = [row["prompt"] for row in _mini_eval(run, step)]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [answer.text for answer in generate(model, tokenizer, prompts, run.recipe.generation)]


class Attempt:
    """As much of an attempt as `prepare` looks at; `said` are its notices."""

    def __init__(self, technique: str = "sft") -> None:
        self.processes = Together(0, 1)
        resources = SimpleNamespace(accelerate_config="fsdp.yaml")
        self.recipe = SimpleNamespace(technique=technique, resources=resources)
        self.said: list[str] = []

    def notice(self, text: str, level: str = "info") -> None:
        self.said.append(text)


def trainer(**plugin: Any) -> Any:
    """A trainer under FSDP, or under DeepSpeed where the plugin has a `zero_stage`."""
    held = SimpleNamespace(**plugin)
    state = SimpleNamespace(fsdp_plugin=held, deepspeed_plugin=held)
    return SimpleNamespace(
        is_fsdp_enabled="fsdp_version" in plugin,
        is_deepspeed_enabled="zero_stage" in plugin,
        accelerator=SimpleNamespace(state=state),
    )


@pytest.mark.parametrize(
    ("plugin", "technique", "says"),
    [
        ({"fsdp_version": 1}, "sft", "FSDP version 1 can't be asked"),
        ({"fsdp_version": 2}, "ppo", "two models in one"),
        ({"zero_stage": 3}, "sft", "ZeRO-3 spreads the weights"),
    ],
)
def test_what_would_hang_is_refused_before_it_trains(
    plugin: dict[str, int], technique: str, says: str
) -> None:
    attempt: Any = Attempt(technique)
    with pytest.raises(CockpitError, match=says):
        sharded.prepare(trainer(**plugin), attempt)


def test_fsdp_without_gpus_is_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt: Any = Attempt()
    sharded.prepare(trainer(), attempt)
    sharded.prepare(trainer(zero_stage=2), attempt)
    assert attempt.said == []
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    attempt.processes = Together(0, 2)
    sharded.prepare(trainer(), attempt)
    assert "FSDP needs GPUs" in attempt.said[0]
