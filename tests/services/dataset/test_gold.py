"""A training file's own gold answers, held against the verifier before anything is trained on its word."""

from __future__ import annotations

from cockpit.services.dataset.gold import careful, training_check
from cockpit.verifiers import load


def test_gold_answers_that_no_answer_can_match_are_counted_and_the_first_is_shown():
    verifier = load("numeric")
    rows = [{"prompt": "2+2?", "answer": "4"}, {"prompt": "3+3?", "answer": "six of them"}]
    check = training_check(rows, verifier)
    assert check is not None
    assert "50%" in careful(check, "numeric")
    assert "six of them" in careful(check, "numeric")


def test_nothing_is_said_of_rows_without_one_or_of_answers_that_pass():
    verifier = load("numeric")
    assert training_check([{"prompt": "2+2?", "completion": "4"}], verifier) is None
    check = training_check([{"prompt": "2+2?", "answer": "4"}], verifier)
    assert check is not None
    assert careful(check, "numeric") == ""
