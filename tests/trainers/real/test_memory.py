"""The memory estimate against the peak of a real step, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.core.recipe.memory import ERROR, Plan, estimate
from cockpit.services.recipe.fit import shape_of
from tests.trainers.real.conftest import Tiny

PEAK = """
import json, sys, tempfile
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

place, rank, batch, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(place)
said = [{"role": "assistant", "content": "1 " * 4000}]
rows = [{"prompt": [{"role": "user", "content": "hi"}], "completion": said}] * 8
config = SFTConfig(
    output_dir=tempfile.mkdtemp(), max_length=length, per_device_train_batch_size=batch, max_steps=2, use_cpu=True,
    bf16=False, activation_checkpointing=False, dataloader_pin_memory=False, report_to="none", save_strategy="no",
    disable_tqdm=True)
peft = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear") if rank else None
trainer = SFTTrainer(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
                     peft_config=peft)
trainer.train()
# VmHWM, not ru_maxrss: that one starts at what the process held that started this one.
held = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps(int(held.split()[1]) * 1024))
"""


def peak(model: str, rank: int, batch: int, length: int) -> int:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1"}
    argv = [sys.executable, "-c", PEAK, model, str(rank), str(batch), str(length)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return int(json.loads(done.stdout.splitlines()[-1]))


def test_on_the_tiny_model(tiny: Tiny) -> None:
    model = str(tiny.model)
    guess = estimate(shape_of(model)[0], Plan("sft", 32, 8, 64)).total
    assert guess == pytest.approx(peak(model, 32, 8, 64), rel=ERROR)


@pytest.mark.slow
@pytest.mark.parametrize(("rank", "batch"), [(32, 1), (32, 4), (0, 1)])
def test_on_smollm2(rank: int, batch: int) -> None:
    model = os.environ.get("COCKPIT_SMOLLM2", "")
    if not (Path(model) / "config.json").is_file():
        pytest.skip("COCKPIT_SMOLLM2 names no folder with SmolLM2-135M-Instruct")
    guess = estimate(shape_of(model)[0], Plan("sft", rank or None, batch, 128)).total
    assert guess == pytest.approx(peak(model, rank, batch, 128), rel=ERROR)
