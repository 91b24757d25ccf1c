"""The self-check finds gold answers that no model could ever match."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cockpit.verifiers import load, selfcheck


def items(*golds: str) -> list[dict[str, str]]:
    return [{"answer": gold} for gold in golds]


@pytest.mark.parametrize(
    "spec", ["exact", "tagged:answer", "numeric", "boxed", "hashes", "regex:(\\d+)", "choice"]
)
def test_sound_gold_answers_pass(spec: str) -> None:
    check = selfcheck(load(spec), items("1", "2", "3"))
    assert check.ok
    assert (check.n, check.passed, check.share) == (3, 3, 1.0)
    assert "accepts all 3" in check.sentence()


def test_numeric_over_words_accepts_none_and_says_which() -> None:
    check = selfcheck(load("numeric"), items("eighteen", "two"))
    assert not check.ok
    assert check.share == 0.0
    assert "accepts none of its 2 gold answers (item 1:" in check.sentence()


def test_some_failures_are_counted_and_the_first_are_kept() -> None:
    check = selfcheck(load("numeric"), items("1", "two", "", *["x"] * 9), keep=3)
    assert (check.checked, check.passed) == (12, 1)
    assert [failure.index for failure in check.failures] == [1, 2, 3]
    assert "rejects 11 of 12" in check.sentence()
    assert "item 2" in check.sentence()


def test_a_regex_is_only_judged_where_it_can_be() -> None:
    bare = selfcheck(load("regex:Answer: (\\d+)"), items("18", "2,125"))
    assert (bare.checked, bare.unchecked, bare.ok) == (0, 2, True)
    never = selfcheck(load("regex:Answer: (yes|no)"), items("18"))
    assert not never.ok
    assert "can't match the gold answer '18'" in never.sentence()
    written = selfcheck(load("regex:Answer: (\\d+)"), items("So: Answer: 18"))
    assert (written.checked, written.written, written.ok) == (1, 1, True)


def test_written_counts_golds_that_already_stand_in_the_form() -> None:
    check = selfcheck(load("hashes"), items("so #### 18", "18"))
    assert (check.passed, check.written) == (2, 1)


def test_an_empty_set_is_not_ok() -> None:
    check = selfcheck(load("exact"), [])
    assert not check.ok
    assert check.share == 0.0
    assert "no items" in check.sentence()


@pytest.mark.parametrize("spec", ["exact", "tagged:answer", "numeric", "boxed", "hashes"])
def test_gold_answers_as_gsm8k_writes_them_pass(spec: str, shapes: Path) -> None:
    text = (shapes / "gsm8k_test.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    check = selfcheck(load(spec), rows)
    assert check.ok
    assert (check.n, check.passed + check.unchecked) == (40, 40)
