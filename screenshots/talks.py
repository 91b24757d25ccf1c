"""Two small workspaces whose rows call tools and think, for the pictures of their spot check."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from cockpit.cli import main as cockpit
from cockpit.services.workspace.open import find

TEMPLATE = """\
{%- if tools %}{{ '<|im_start|>system\\nTools:' }}
{%- for tool in tools %}{{ ' ' + (tool.function | tojson) }}{% endfor %}{{ '<|im_end|>\\n' }}{% endif %}
{%- set last = namespace(asked=-1) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set last.asked = loop.index0 %}{% endif %}{% endfor %}
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' %}{% generation %}
{%- if m.reasoning_content and loop.index0 > last.asked %}
{{- '<think>\\n' + m.reasoning_content + '\\n</think>\\n\\n' }}{% endif %}
{{- m.content or '' }}
{%- for call in m.tool_calls or [] %}
{{- '<tool_call>\\n' + (call.function | tojson) + '\\n</tool_call>' }}{% endfor %}
{{- '<|im_end|>' }}{% endgeneration %}
{%- else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
"""Tools as JSON, thinking in tags; that of earlier turns is left out, as reasoning models' own templates do."""
CITIES = (
    "Oslo", "Lima", "Cairo", "Hanoi", "Quito", "Turin", "Dakar", "Kyoto", "Perth", "Malmö", "Porto", "Accra",
)  # fmt: skip
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a day.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "day": {"type": "string"}},
        },
    },
}


def make(kind: str, folder: Path, model: Path) -> str:
    """Make the workspace of `kind` (tools, thinking) in `folder` with a draft to check; return the draft's id."""
    folder.mkdir()
    own = folder / "model"
    shutil.copytree(model, own)
    (own / "chat_template.jinja").write_text(TEMPLATE)
    for name, length in (
        ("tokenizer_config.json", "model_max_length"),
        ("config.json", "max_position_embeddings"),
    ):
        settings = own / name
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {length: 1024}))
    rows = [(_calls if kind == "tools" else _thinks)(city, number) for number, city in enumerate(CITIES)]
    files = {"train": rows[:6], "mini": rows[6:8], "held": rows[8:]}
    for name, part in files.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in part))
    verifier = "tool-call" if kind == "tools" else "numeric"
    where = ["--dir", str(folder)]
    asked = [
        "--model", str(own), "--verifier", verifier, "--name", kind,
        *(part for flag, name in (("data", "train"), ("mini-eval", "mini"), ("held-out", "held"))
          for part in (f"--{flag}", str(folder / f"{name}.jsonl"))),
    ]  # fmt: skip
    for words in (
        ["init", *where, *asked, "--yes"],
        ["new", "sft", *where, "--hypothesis", "the rows show how", "max_length=1024"],
    ):
        if code := cockpit(words):
            raise RuntimeError(f"cockpit {' '.join(words)} ended with {code}")
    return next(view.id for view in find(folder).experiments() if view.technique == "sft")


def _calls(city: str, number: int) -> dict[str, Any]:
    day = ("today", "tomorrow")[number % 2]
    call = {"name": "weather", "arguments": {"city": city, "day": day}}
    said = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": call}]}
    return {"messages": [{"role": "user", "content": f"Rain in {city} {day}?"}, said], "tools": [WEATHER]}


def _thinks(city: str, number: int) -> dict[str, Any]:
    hours, minutes = number + 2, 15 * (number % 4)
    asked = f"A train to {city} takes {hours} h {minutes} min. How many minutes are that?"
    thought = f"{hours} h are {60 * hours} minutes, and {minutes} more make {60 * hours + minutes}."
    said = {"role": "assistant", "reasoning_content": thought, "content": f"{60 * hours + minutes}"}
    return {"messages": [{"role": "user", "content": asked}, said]}
