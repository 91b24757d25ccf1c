"""SFT on a tool-calling file learns to call: the calls on held-out rows are the wanted ones, of the base none."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.contract.reader import read_rows
from cockpit.services.runs.attempts import read_score
from tests.trainers.real.conftest import Tiny, make_attempt
from trainers.tiny import task

TEMPLATE = (
    "{% if tools %}{{ '<|im_start|>system\\n' }}{% for tool in tools %}{{ tool.function.name }} {% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endif %}{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% for call in m.tool_calls or [] %}"
    '{{ \'{"name": "\' + call.function.name + \'", "args": \' }}{{ call.function.arguments | tojson }}}{% endfor %}'
    "{{ '<|im_end|>' }}"
    "{% endgeneration %}{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("even", "odd")]


def row(pair: task.Pair, number: int) -> dict[str, Any]:
    """The first digit for the tool that takes it, as OpenAI writes a call."""
    first = int(task.question(pair)[0])
    call = {"name": ("even", "odd")[first % 2], "arguments": json.dumps({"n": first})}
    calls = [{"id": f"call_{number}", "type": "function", "function": call}]
    said = {"role": "assistant", "content": None, "tool_calls": calls}
    return {"messages": [{"role": "user", "content": task.question(pair)}, said], "tools": TOOLS}


@pytest.fixture
def calling(tiny: Tiny, tmp_path: Path) -> Tiny:
    """The tiny model under a template that knows tools, with files of calls to learn."""
    model = tmp_path / "model"
    shutil.copytree(tiny.model, model)
    (model / "chat_template.jinja").write_text(TEMPLATE)
    parts = task.splits()
    files: dict[str, str] = {}
    for name, pairs in (
        ("train", parts["train"]),
        ("mini_eval", parts["mini_eval"]),
        ("held_out", parts["dev"]),
    ):
        files[name] = str(tmp_path / f"{name}.jsonl")
        Path(files[name]).write_text("\n".join(json.dumps(row(pair, n)) for n, pair in enumerate(pairs)))
    return replace(tiny, model=model, files=files, verifier="tool-call")


def test_sft_learns_to_call(calling: Tiny, tmp_path: Path) -> None:
    from trainers import evaluate

    asked: dict[str, Any] = {
        "generation__max_new_tokens": 40,
        "mid_eval__every_steps": 1000,
        "mid_eval__every_epochs": 1000.0,
    }
    base = make_attempt(calling, tmp_path / "exp_0000", "baseline", **asked)
    run = make_attempt(
        calling,
        tmp_path / "exp_0001",
        "sft",
        "train",
        learning_rate=5e-3,
        max_steps=160,
        per_device_train_batch_size=16,
        max_length=128,
        **asked,
    )
    assert run.here() == 0, run.events("end")
    for each, *which in ((base,), (run, "--checkpoint", "best")):
        assert evaluate.main([str(each.layout.root), *which]) == 0
    before, after = read_score(base.layout), read_score(run.layout)
    assert before is not None
    assert after is not None
    assert before.value == 0.0
    assert after.lo > 0.4, [r["completion"] for r in read_rows(run.layout.held_out / "items.jsonl")][:5]
