"""What is said of an export: lost, the base's weights, read otherwise; and nothing of a sound one."""

from __future__ import annotations

from typing import Any

from cockpit.core.rules.tree_rules.exported import Exported, judge_export
from cockpit.core.rules.tree_rules.progress import Weights
from cockpit.core.scores import Score


def score(right: int, n: int = 100) -> Score:
    items = {str(i): float(i < right) for i in range(n)}
    made = Score.from_json({"score": right / n, "n": n}, items)
    assert made is not None
    return made


def rules(form: str = "gguf", **known: Any) -> dict[str, str]:
    found = judge_export(Exported("exp_0001", form, "llama.cpp", **known))
    return {finding.rule: finding.next_step for finding in found}


def test_a_sound_export_is_said_nothing_of() -> None:
    read = {"prompts": 100, "otherwise": 0, "template": "same"}
    assert (
        rules(
            score=score(79), checkpoint=score(80), weights=Weights(9, 0, "the base", changed="w"), read=read
        )
        == {}
    )
    assert rules() == {}


def test_an_export_of_the_bases_weights_is_export_equals_base() -> None:
    assert list(rules(weights=Weights(9, 9, "the base"))) == ["export-equals-base"]
    assert rules(weights=Weights(0, 0, "the base")) == {}, "nothing could be compared"


def test_export_lost_says_what_to_export_instead() -> None:
    low, high = score(30), score(80)
    assert "--type f16" in rules(score=low, checkpoint=high)["export-lost"]
    assert "--format adapter" in rules("merged", score=low, checkpoint=high)["export-lost"]
    otherwise = rules(score=low, checkpoint=high, read={"prompts": 100, "otherwise": 3, "example": "x"})
    assert "reads prompts otherwise" in otherwise["export-lost"]
    assert "export-reads-otherwise" in otherwise


def test_export_reads_otherwise_without_a_loss_is_said_too() -> None:
    assert list(rules(read={"template": "refused"})) == ["export-reads-otherwise"]
    assert list(rules(read={"template": "differs"})) == ["export-reads-otherwise"]
