"""The chat template's arguments: what the recipe says goes wherever a prompt is rendered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trainers.data.test_shapes import SAID, USER, WRONG, Attempt
from trainers.data.demonstrations import sft_dataset
from trainers.data.preferences import pairs_of, preference_dataset
from trainers.data.prompts import answer_ids, prompt_text, template_switches

GIVEN = {"enable_thinking": False, "tone": "dry"}


class Tokenizer:
    """Renders the arguments that it is given, nothing else."""

    chat_template = "{% generation %}"
    eos_token_id = 0

    def apply_chat_template(self, _chat: Any, **given: Any) -> str:
        return f"{given['enable_thinking']} {given['tone']}"

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}


def test_what_the_model_is_asked_is_rendered_with_them():
    recipe, tokenizer = Attempt(chat_template_kwargs=GIVEN).recipe, Tokenizer()
    assert prompt_text(tokenizer, "2+2?", recipe) == "False dry"
    head, _ = answer_ids(tokenizer, "2+2?", "4", recipe)
    assert "".join(map(chr, head)) == "False dry"
    assert template_switches(recipe) == GIVEN  # what GRPO, RLOO and a chat server are given


@pytest.mark.parametrize("rows", [[{"messages": [USER, SAID]}], [{"messages": [USER, SAID, USER, SAID]}]])
def test_rows_to_learn_carry_them(rows: list[dict[str, Any]]):
    made, _ = sft_dataset(rows, Attempt(chat_template_kwargs=GIVEN), Tokenizer())  # type: ignore[arg-type]
    assert [row["chat_template_kwargs"] for row in made] == [GIVEN]


def test_pairs_carry_them():
    attempt: Any = Attempt("dpo", chat_template_kwargs=GIVEN)
    rows = [{"prompt": [USER], "chosen": [SAID], "rejected": [WRONG]}]
    made = preference_dataset(attempt, pairs_of(rows, attempt), Tokenizer())
    assert [row["chat_template_kwargs"] for row in made] == [GIVEN]
