"""The samples view says of each rollout what became of it: its advantage, or whether it was kept."""

from __future__ import annotations

from typing import Any

from cockpit.ui.run.answers import item_lines, rollout_lines, taken
from cockpit.ui.text.glyphs import UNICODE


def row(score: float, **more: Any) -> dict[str, Any]:
    return {"prompt": "2+2?", "completion": "4", "answer": "4", "group": "a", "score": score, "parsed": "4",
            "passed": score >= 1, "rewards": {"verifier": score}, **more}  # fmt: skip


def text(lines: Any) -> str:
    return "\n".join(line.plain if hasattr(line, "plain") else str(line) for line in lines)


def test_advantages_and_survivors_are_named() -> None:
    assert taken(row(1, advantage=1.2345, kept=True)) == "  advantage +1.23"
    assert taken(row(1, advantage=None, kept=True)) == "  kept"
    assert taken(row(0, advantage=None, kept=False)) == "  left out"
    assert taken(row(0)) == ""


def test_a_group_of_equals_teaches_rl_nothing_but_rft_something() -> None:
    equal = [row(1, advantage=0.0, kept=False)] * 2
    survivors = [row(1, advantage=None, kept=True), row(1, advantage=None, kept=False)]
    assert "nothing to learn from" in text(rollout_lines(equal, width=120, glyphs=UNICODE))
    shown = text(rollout_lines(survivors, width=120, glyphs=UNICODE))
    assert "nothing to learn from" not in shown
    assert "kept" in shown
    assert "exp_0001@6" in text(
        item_lines({**survivors[0], "policy_id": "exp_0001@6"}, width=100, glyphs=UNICODE)
    )
