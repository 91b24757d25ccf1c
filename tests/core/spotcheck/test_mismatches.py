"""What the data alone tells: each kind where it must be named, and healthy pairs where nothing may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cockpit.core.spotcheck.mismatch import find_mismatches, verdict_of
from cockpit.core.spotcheck.sides import item_of, target_of
from cockpit.core.spotcheck.types import KINDS, ItemFacts, Rendered, RowFacts, as_dict
from cockpit.verifiers import load
from tests.support.spot_cases import HEALTHY, SICK, Case, sides_of


def _found(case: Case):
    sides = sides_of(case.train, case.items, load(case.spec), technique=case.technique, **case.settings)
    return find_mismatches(sides)


@pytest.mark.parametrize("case", HEALTHY, ids=lambda case: case.name)
def test_a_healthy_pair_is_matched_without_a_finding(case: Case):
    found = _found(case)
    assert [(m.kind, m.headline) for m in found] == []
    assert verdict_of(found) == "matched"


@pytest.mark.parametrize("case", SICK, ids=lambda case: case.name)
def test_a_mismatch_is_named_and_nothing_else(case: Case):
    found = _found(case)
    assert {m.kind for m in found} == case.kinds, [(m.kind, m.headline) for m in found]
    assert verdict_of(found) == "mismatched"
    for mismatch in found:
        assert mismatch.kind in KINDS
        assert 0 < mismatch.share <= 1
        assert mismatch.fix
        for quote in (mismatch.train, mismatch.eval):
            assert quote.text or quote.where
            assert all(0 <= a <= b <= len(quote.text) for a, b in quote.marks), quote
        assert {"kind", "share", "train_example", "eval_example", "mend"} <= as_dict(mismatch).keys()


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"x": 1}'}}]}, True),
        ({"content": "It is 2."}, True),  # no call is right where none is made
    ],
)
def test_targets_are_judged_by_their_calls(said: dict[str, Any], passes: bool) -> None:
    row = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", **said}]}
    target = target_of(1, row, verifier=load("tool-call"))
    assert target.verdict is not None
    assert target.verdict.passed is passes


CALL = {"name": "f", "arguments": {"x": 1}}
THOUGHTFUL = {
    "role": "assistant",
    "content": "",
    "reasoning_content": "x is 1",
    "tool_calls": [{"function": CALL}],
}


@pytest.mark.parametrize(
    "after", [(), ({"role": "tool", "content": "2"}, {"role": "assistant", "content": "It is 2."})]
)
def test_a_talk_is_judged_by_its_last_calls_whatever_is_said_of_their_results(after: Sequence[Any]) -> None:
    row = {"messages": [{"role": "user", "content": "?"}, THOUGHTFUL, *after], "answer": [CALL]}
    target = target_of(1, row, verifier=load("tool-call"))
    assert target.verdict is not None
    assert target.verdict.passed
    wrong = target_of(1, {**row, "answer": [{**CALL, "name": "g"}]}, verifier=load("tool-call"))
    assert wrong.verdict is not None
    assert "calls 'f', wanted 'g'" in wrong.verdict.why


def test_thinking_and_calls_are_shown_without_a_model() -> None:
    asked = {"role": "user", "content": "?"}
    first = target_of(1, {"messages": [asked, THOUGHTFUL]})
    assert first.thought == "x is 1"
    later = target_of(1, {"messages": [asked, THOUGHTFUL, asked, {"role": "assistant", "content": "2"}]})
    assert later.turns[1].shown.startswith("<think>\nx is 1\n</think>")
    assert '{"name": "f", "arguments": {"x": 1}}' in later.turns[1].shown


def test_a_gold_answer_that_is_calls_is_not_put_between_marks_again() -> None:
    row = {"messages": [{"role": "user", "content": "?"}, THOUGHTFUL]}
    assert not find_mismatches(sides_of([row], [row], load("tool-call")))


def test_an_eval_row_that_ends_in_a_call_has_it_as_its_gold_answer() -> None:
    call = {"name": "f", "arguments": {"x": 1, "y": 2}}
    said = {"role": "assistant", "tool_calls": [{"function": call}]}
    item = item_of(1, {"messages": [{"role": "user", "content": "?"}, said]}, verifier=load("tool-call"))
    judge = load("tool-call")
    assert judge('{"name": "f", "arguments": {"y": 2, "x": 1}}', {"answer": item.gold}).passed
    assert not judge('{"name": "f", "arguments": {"y": 2}}', {"answer": item.gold}).passed


@pytest.mark.parametrize(
    ("row", "item", "max_length", "cure"),
    [
        (
            {"tokens": 90, "cut": 26, "kept_chars": 1},
            40,
            64,
            "Raise max_length (the longest row has 90 tokens)",
        ),
        (
            {"tokens": 200, "cut": 136, "kept_chars": 1},
            40,
            64,
            "128 positions and the longest row 200 tokens",
        ),
        ({"tokens": 90, "trained": 70}, 40, 128, "Raise generation.max_new_tokens to 70"),
        ({"tokens": 200, "trained": 70}, 40, 256, "shorten it, or take a model with more positions"),
        (
            {"tokens": 90, "trained": 30},
            110,
            128,
            "up to 30 tokens, which leaves 98 for a prompt, and the longest has 110",
        ),
    ],
)
def test_the_cure_of_what_is_cut_is_one_that_the_model_has_room_for(
    row: dict[str, int], item: int, max_length: int, cure: str
) -> None:
    data = [{"prompt": "2+2?", "answer": "#### 4"}]
    sides = sides_of(data, data, load("hashes"), technique="sft", max_new_tokens=64)
    fact = {"row": 1, "tokens": 90, "cut": 0, "bos": 0, "ends": True, "follows": "", "trained": 9, "trained_prompt": 0,
            "kept_chars": 99, "target_found": True}  # fmt: skip
    rendered = Rendered((RowFacts(**{**fact, **row}),), (ItemFacts(row=1, tokens=item, bos=0),), (),
                        ends=("</s>",), max_length=max_length, max_positions=128)  # fmt: skip
    (found,) = [m for m in find_mismatches(replace(sides, rendered=rendered)) if m.kind == "truncation"]
    assert cure in found.fix
