"""What an export says in other programs' languages: Modelfile, model card, and what can be read off a template."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.core.report.facts import Report, Told
from cockpit.core.rules.tree_rules.exported import Exported, judge_export
from cockpit.services.export import card, modelfile

jinja2 = pytest.importorskip("jinja2")


class Tokenizer:
    """What of a tokenizer renders conversations."""

    def __init__(self, template: str | None) -> None:
        self.chat_template = template

    def apply_chat_template(self, turns: Any, *, tokenize: bool, add_generation_prompt: bool) -> str:
        assert not tokenize
        template = jinja2.Environment().from_string(self.chat_template or "")
        return template.render(messages=turns, add_generation_prompt=add_generation_prompt)


CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
QWEN = (
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}{% endif %}"
    + CHATML
)
BEGUN = "{{ '<s>' }}" + CHATML
TRIMMED = CHATML.replace("m.content", "m.content[:3]")


def test_a_linear_template_is_read_off_and_any_other_is_left_to_the_file() -> None:
    from trainers.exports.ollama import template_of

    found = template_of(Tokenizer(CHATML))
    assert found is not None
    assert found["turns"]["user"] == ["<|im_start|>user\n", "<|im_end|>\n"]
    assert (found["start"], found["default"], found["prompt"]) == ("", "", "<|im_start|>assistant\n")
    begun = template_of(Tokenizer(BEGUN))
    assert begun is not None
    assert begun["start"] == "<s>"
    kind = template_of(Tokenizer(QWEN))
    assert kind is not None
    assert kind["default"] == "<|im_start|>system\nBe kind.<|im_end|>\n"
    assert template_of(Tokenizer(TRIMMED)) is None
    assert template_of(Tokenizer("{{ messages[9].content.x }}")) is None
    assert template_of(Tokenizer(None)) is None


def test_a_modelfile_says_template_and_ends_and_nothing_in_it_acts() -> None:
    turns = {role: [f"<{role}>{{{{", "</>"] for role in ("system", "user", "assistant")}
    text = modelfile.modelfile(
        "m.gguf", {"turns": turns, "prompt": "<a>"}, ["</s>", 'a"b', "\n"], temperature=0.0, system=""
    )
    assert text.startswith("FROM ./m.gguf\n")
    assert 'eq .Role "user" }}<user>{{ "{{" }}{{ .Content }}</>' in text
    turns["user"] = ["{{{", "{"]
    odd = modelfile.modelfile("m.gguf", {"turns": turns, "prompt": "{"}, [], temperature=0.0, system="")
    assert 'eq .Role "user" }}{{ "{{{" }}{{ .Content }}{{ "{" }}{{ else if' in odd
    assert "{{{" not in odd.replace('"{{{"', "")
    assert text.count("PARAMETER stop") == 2
    assert 'PARAMETER stop "a\\"b"' in text
    hostile = {"turns": turns, "prompt": '"""\nFROM evil'}
    assert "FROM evil" not in modelfile.modelfile("m.gguf", hostile, [], temperature=0.0, system="")


def test_a_card_names_no_secret_and_no_place_and_hostile_text_stays_text() -> None:
    token = "hf_" + "a1" * 17
    told = Told(
        "exp_0001",
        "sft",
        "evaluated",
        "[click](x) <b>",
        "",
        "0.5",
        log=(f"trains on /home/ann/x.jsonl {token}",),
    )
    report = Report("ws\n# owned", "now", (), (), "", (told,))
    recipe = {"technique": "sft", "seed": 0, "trainer": {"logging_dir": "/home/ann/logs", "note": "a | b"}}
    text = card.card(
        told, report, recipe, form="merged", base="/home/ann/models/tiny", exported=None, checkpoint=None,
        baseline=None, runtime="transformers", findings=judge_export(Exported("exp_0001", "gguf", "llama.cpp", read={
            "prompts": 3, "otherwise": 1, "example": "\x1b[2J"})),
    )  # fmt: skip
    assert token not in text
    assert "/home/ann" not in text
    assert "\n# owned" not in text
    assert "\\[click]" in text
    assert "\x1b" not in text
    assert "reads what exp_0001 is asked otherwise" in text
