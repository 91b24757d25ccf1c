"""What the base model said on the held-out set decides too: right answers in another form need no training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.core.dataset.answer_markers import states
from cockpit.services.technique.advice import advised
from cockpit.services.workspace.open import find
from tests.support.ui.gallery import build


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("The answer is 32.", "32", True),
        ("12 and 20 make 32, so \\boxed{32.0}", "32", True),
        ("<answer>Oslo</answer>", "oslo", True),
        ("#### 1,234", "1234", True),
        ("The answer is 33.", "32", False),
        ("32 is what I had, but the answer is 31.", "32", False),
        ("I can't tell.", "32", False),
        ("", "", False),
    ],
)
def test_an_answer_is_found_in_whatever_form(text: str, answer: str, right: bool) -> None:
    assert states(text, answer) is right


@pytest.mark.parametrize(
    ("said", "share", "told"), [("The answer is {}.", 1.0, True), ("It may be 7.", 0.25, False)]
)
def test_a_base_that_is_right_in_another_form_is_told(
    tmp_path: Path, said: str, share: float, told: bool
) -> None:
    build("finished", tmp_path)
    items = tmp_path / ".cockpit/experiments/exp_0000/attempts/001/held_out/items.jsonl"
    rows = [{"completion": said.format(n), "answer": str(n), "passed": n % 4 == 0} for n in range(10, 50)]
    items.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = advised(workspace=find(tmp_path))
    assert found.facts.base_any_form == share
    assert any("in any form" in said for said in found.advice.warnings) is told
