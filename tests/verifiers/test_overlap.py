"""f1: shares of words in common, which never decide more than that."""

from __future__ import annotations

import pytest

from cockpit.verifiers import load, selfcheck


@pytest.mark.parametrize(
    ("completion", "gold", "score"),
    [
        ("The cat sat.", "a CAT sat", 1.0),
        ("cat", "the cat sat here", 2 / 4),
        ("dog", "a cat sat", 0.0),
        ("cat cat cat", "cat", 2 / 4),
        ("…", "…", 1.0),
        ("…", "a cat", 0.0),
    ],
)
def test_words_in_common(completion: str, gold: str, score: float) -> None:
    verdict = load("f1")(completion, {"answer": gold})
    assert verdict.score == pytest.approx(score)
    assert verdict.parsed
    assert verdict.passed is (score == 1.0)


def test_an_empty_completion_holds_no_answer() -> None:
    assert not load("f1")(" \n", {"answer": "a cat"}).parsed


def test_gold_answers_pass() -> None:
    assert selfcheck(load("f1"), [{"answer": "some text #### 18"}, {"answer": "\\boxed{3}"}]).ok
