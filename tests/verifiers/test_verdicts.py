"""Each verifier against a table of completions: what must pass, what must not, and what must not even parse."""

from __future__ import annotations

import hashlib

import pytest

from cockpit.contract.errors import CockpitError
from cockpit.verifiers import CODE_VERSION, load

PASS, FAIL, UNPARSED = "pass", "fail", "unparsed"

CASES = [
    # spec, completion, gold, outcome
    ("exact", "18", "18", PASS),
    ("exact", "  18\n", "18", PASS),
    ("exact", "18.0", "18", FAIL),
    ("exact", "The answer is 18.", "18", FAIL),
    ("exact", "   ", "18", UNPARSED),
    ("tagged:answer", "<answer>18</answer>", "18", PASS),
    ("tagged:answer", "thinking… <answer> 1,000 </answer> done", "1000.0", PASS),
    ("tagged:answer", "<answer>1</answer> no: <answer>18</answer>", "18", PASS),
    ("tagged:answer", "<answer>18</answer> no: <answer>1</answer>", "18", FAIL),
    ("tagged:answer", "<answer><answer>18</answer>", "18", PASS),
    ("tagged:answer", "The answer is 18.", "18", UNPARSED),
    ("tagged:answer", "<answer>18", "18", UNPARSED),
    ("tagged:answer", "</answer>18<answer>", "18", UNPARSED),
    ("tagged:answer", "<ANSWER>18</ANSWER>", "18", UNPARSED),
    ("tagged:answer", "<answer></answer>", "18", FAIL),
    ("tagged:answer", "<answer>Paris</answer>", "Paris", PASS),
    ("tagged:answer", "<answer>New   York</answer>", "New York", PASS),
    ("tagged:answer", "<answer>paris</answer>", "Paris", FAIL),
    ("tagged:answer", "<answer>18</answer>", "long reasoning\n#### 18", PASS),
    ("tagged:answer", "<answer>18</answer>", "so \\boxed{18}", PASS),
    ("tagged:answer", "<answer>18</answer>", "<answer>18</answer>", PASS),
    ("tagged:answer", "<answer>-0</answer>", "0", PASS),
    ("tagged:answer", "<answer>1/3</answer>", "2/6", PASS),
    ("tagged:answer", "<answer>0.5</answer>", "1/2", PASS),
    ("tagged:answer", "<answer>0.333</answer>", "1/3", FAIL),
    ("tagged:answer", "<answer>1e400</answer>", "1e401", FAIL),
    ("tagged:answer", "<answer>inf</answer>", "1e400", FAIL),
    ("tagged:answer", "<answer>nan</answer>", "nan", PASS),  # as text
    ("tagged:answer", "<answer>1/0</answer>", "0", FAIL),
    ("tagged:final", "<final>18</final>", "18", PASS),
    ("regex:Answer: (\\d+)", "Answer: 4, no, Answer: 18", "18", PASS),
    ("regex:Answer: (\\d+)", "It is 18", "18", UNPARSED),
    ("regex:\\d+", "It is 18", "18", PASS),
    ("regex:(yes)|no", "no", "yes", UNPARSED),  # the group took no part
    ("numeric", "16 - 3 - 4 = 9, times 2 = $18.", "18", PASS),
    ("numeric", "It costs $1,234.50 in all", "1234.5", PASS),
    ("numeric", "1,2,3", "3", PASS),
    ("numeric", "It is _5_.", "5", PASS),  # Markdown's emphasis
    ("numeric", "__5__", "5", PASS),
    ("numeric", "x_5", "5", UNPARSED),  # an index
    ("numeric", "1,2345", "2345", PASS),
    ("numeric", "a loss of -$3", "-3", PASS),
    ("numeric", "a loss of $-3", "-3", PASS),
    ("numeric", "5-3", "3", PASS),  # a subtraction, not a negative number
    ("numeric", "x = \u22123", "-3", PASS),
    ("numeric", "18%", "18", PASS),
    ("numeric", "18%", "0.18", FAIL),
    ("numeric", "\u0661\u0662", "12", PASS),  # Arabic-Indic digits
    ("numeric", "\uff11\uff12", "12", PASS),  # full-width digits
    ("numeric", "2\u00b2", "22", FAIL),  # a superscript is not a digit
    ("numeric", ".5", "1/2", PASS),
    ("numeric", "2e3", "2000", PASS),
    ("numeric", "no number here", "18", UNPARSED),
    ("numeric", "18", "He has 7 and then\n#### 18", PASS),
    ("numeric", "18", "eighteen", FAIL),
    # a part of a number is not the answer
    ("numeric", "so 1/2", "2", FAIL),
    ("numeric", "so 1/2", "0.5", PASS),
    ("numeric", "so 3 / 4 cups", "4", FAIL),
    ("numeric", "\\frac{3}{4}", "4", FAIL),
    ("numeric", "\\frac34", "0.75", PASS),
    ("numeric", "1\u20442", "2", FAIL),
    ("numeric", "2\u00bd", "2", FAIL),
    ("numeric", "2\u00bd", "2.5", PASS),
    ("numeric", "2 1/2 cups", "2.5", PASS),
    ("numeric", "10^4", "4", FAIL),
    ("numeric", "10\u2074", "10000", PASS),
    ("numeric", "1.5 x 10^4", "15000", PASS),
    ("numeric", "3 \\times 10^{-2}", "0.03", PASS),
    ("numeric", "so x^2", "2", UNPARSED),
    ("numeric", "1 234 567", "567", FAIL),
    ("numeric", "1 234 567", "1234567", PASS),
    ("numeric", "12\u202f345", "12345", PASS),
    ("numeric", "rows 5 100", "100", PASS),  # one plain blank may part two numbers
    ("numeric", "$1{,}234", "234", FAIL),
    ("numeric", "5/18/2024", "18/2024", FAIL),
    ("numeric", "the change is \u20135", "-5", PASS),
    ("numeric", "pages 3\u20135", "5", PASS),  # a range
    ("numeric", "42\n\nUser: 3+4? Assistant: 7", "42", FAIL),
    ("boxed", "so \\boxed{18}.", "18", PASS),
    ("boxed", "\\boxed{1} \\boxed{18}", "18", PASS),
    ("boxed", "\\boxed{\\frac{1}{2}}", "0.5", PASS),
    ("boxed", "\\boxed{1{,}000}", "1000", PASS),
    ("boxed", "\\boxed{\\boxed{18}}", "18", PASS),
    ("boxed", "\\boxed{\\{1, 2\\}}", "\\{1, 2\\}", PASS),
    ("boxed", "\\boxed{a_{n+1}}", "a_{n+1}", PASS),
    # spellings of LaTeX; nothing is computed
    ("boxed", "\\boxed{\\text{hello  world}}", "hello world", PASS),
    ("boxed", "\\boxed{helloworld}", "hello world", FAIL),
    ("boxed", "\\boxed{x y}", "xy", PASS),
    ("boxed", "\\boxed{\\frac12}", "\\frac{1}{2}", PASS),
    ("boxed", "\\boxed{\\dfrac{\\pi}2}", "\\frac{\\pi}{2}", PASS),
    ("boxed", "\\boxed{\\frac{12}{3}}", "\\frac{1}{23}", FAIL),
    ("boxed", "\\boxed{4\\sqrt2}", "4\\sqrt{2}", PASS),
    ("boxed", "\\boxed{x^2}", "x^{2}", PASS),
    ("boxed", "\\boxed{x^{23}}", "x^23", FAIL),
    ("boxed", "\\boxed{\\left(3,\\frac\\pi2\\right)}", "(3, \\frac{\\pi}{2})", PASS),
    ("boxed", "\\boxed{\\text{Paris}}", "Paris", PASS),
    ("boxed", "\\boxed{x = 18}", "18", PASS),
    ("boxed", "\\boxed{y = 18}", "x = 18", FAIL),
    ("boxed", "\\boxed{90^\\circ}", "90", PASS),
    ("boxed", "\\\\boxed{18}", "18", PASS),  # through JSON once too often
    ("boxed", "\\boxed", "18", UNPARSED),
    ("boxed", "\\boxed{18", "18", UNPARSED),
    ("boxed", "18}", "18", UNPARSED),
    ("boxed", "The answer is 18", "18", UNPARSED),
    ("hashes", "reasoning\n#### 18", "reasoning\n#### 18", PASS),
    ("hashes", "#### $18 dollars", "18", PASS),
    ("hashes", "#### 5\n#### 18", "18", PASS),
    ("hashes", "The answer is 18", "18", UNPARSED),
    ("hashes", "#### ", "18", UNPARSED),
    ("hashes", "#### **18**", "18", PASS),
    ("hashes", "#### 1/2", "1", FAIL),
    ("hashes", "#### Answer: 18", "18", FAIL),
    ("choice", "(C)", "C", PASS),
    ("choice", "The answer is (C).", "2", PASS),
    ("choice", "b", "B", PASS),
    ("choice", "Answer: B. Wait, the answer is D", "D", PASS),
    ("choice", "The answer is a dog", "A", UNPARSED),
    ("choice", "A dog barks", "A", UNPARSED),
    ("choice:AB", "(C)", "A", UNPARSED),
    ("choice", "Answer: b", "B", PASS),
    ("choice", "the answer is (b) because", "B", PASS),
    ("choice", "Answer: a good one", "A", UNPARSED),
    ("choice", "I would pick B \u2014 a safe choice.", "B", PASS),
    ("choice", "So I go with C.", "C", PASS),
    ("choice", "Antwort:\n\nAntwort: C", "C", PASS),
    ("choice", "R\u00e9ponse : D", "D", PASS),
    ("choice", "\u7b54\u6848\uff1aB", "B", PASS),
    ("choice", "The answer is B. Option A is wrong.", "B", PASS),
    ("choice", "The answer is not A.", "A", UNPARSED),
    ("choice", "The answer is A or B.", "A", UNPARSED),
    ("choice", "The answer is (A) or (B)", "B", UNPARSED),
    ("choice", "Answer: A, B", "B", UNPARSED),
    ("choice", "A or B", "B", UNPARSED),
    ("choice", "B\nA", "B", FAIL),
    ("choice", "Some say Answer: E.\n\n\\boxed{(D)}", "D", PASS),
    ("choice", "It must be **C**, as shown.", "C", PASS),
    ("exact", "cafe\u0301", "caf\u00e9", PASS),  # one text in two compositions
]


def outcome(spec: str, completion: str, gold: str) -> str:
    verdict = load(spec)(completion, {"answer": gold})
    if not verdict.parsed:
        assert verdict.score == 0.0
        assert verdict.answer is None
        assert verdict.span is None
        return UNPARSED
    return PASS if verdict.passed else FAIL


@pytest.mark.parametrize(("spec", "completion", "gold", "expected"), CASES)
def test_verdict(spec: str, completion: str, gold: str, expected: str) -> None:
    assert outcome(spec, completion, gold) == expected


def test_code_version_is_raised_when_verdicts_change() -> None:
    verdicts = "\n".join(
        f"{spec}\t{text}\t{gold}\t{outcome(spec, text, gold)}" for spec, text, gold, _ in CASES
    )
    assert (CODE_VERSION, hashlib.sha256(verdicts.encode()).hexdigest()[:16]) == (3, "a122304d7485b702")


@pytest.mark.parametrize(
    "spec", ["exact", "tagged:answer", "regex:(\\d+)", "numeric", "boxed", "hashes", "choice"]
)
def test_span_points_at_the_answer_and_every_verdict_says_why(spec: str) -> None:
    text = {
        "tagged:answer": "x <answer> 18 </answer>",
        "boxed": "x \\boxed{ 18 } y",
        "hashes": "x\n#### 18\ny",
        "choice": "answer: (B)",
    }.get(spec, " 18 ")
    verdict = load(spec)(text, {"answer": "18"})
    assert verdict.span is not None
    assert text[slice(*verdict.span)] == verdict.answer
    assert verdict.why
    assert "\n" not in verdict.why
    assert load(spec)("", {"answer": "18"}).why == "the completion is empty"


def test_why_names_what_was_found_and_wanted() -> None:
    assert load("tagged")("<answer>paris</answer>", {"answer": "Paris"}).why == (
        "found 'paris', wanted 'Paris' (they differ in case only)"
    )
    assert load("tagged")("<answer>18", {"answer": "18"}).why == "<answer> is never closed: cut off?"
    assert load("boxed")("x \\boxed{18", {"answer": "18"}).why == "\\boxed{ is never closed: cut off?"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nope", "there is no verifier 'nope'"),
        ("exact:x", "takes no argument"),
        ("tagged:<b>", "is not a tag name"),
        ("regex:", "needs a pattern"),
        ("regex:(", "is not a regular expression"),
        ("regex:" + "a" * 3000, "3000 characters"),
        ("choice:AA", "is not a list of letters"),
    ],
)
def test_a_bad_spec_is_refused_in_a_sentence(spec: str, says: str) -> None:
    with pytest.raises(CockpitError, match=says.replace("(", r"\(")) as caught:
        load(spec)
    assert caught.value.fix


def test_a_missing_gold_column_names_the_columns_there_are() -> None:
    with pytest.raises(CockpitError, match=r"no column 'answer'.*'question', 'target'"):
        load("exact")("18", {"question": "?", "target": "18"})
    assert load("exact", gold_key="target")("18", {"target": "18"}).passed


def test_fingerprint_tells_specs_and_columns_apart() -> None:
    prints = {
        load("tagged").fingerprint,
        load("tagged:x").fingerprint,
        load("numeric").fingerprint,
        load("numeric", gold_key="x").fingerprint,
    }
    assert len(prints) == 4
    assert (
        load("tagged").fingerprint == load("tagged:answer").fingerprint == load(" tagged:answer ").fingerprint
    )
