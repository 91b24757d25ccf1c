"""A completion may be anything: each verifier answers quickly, the same way each time, and never raises."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.verifiers import load, numbers

N = 1_000_000  # characters
HOSTILE = {
    "commas": "1," * (N // 2) + "5",
    "bad groups": "1" + ",234" * (N // 4) + ",5",
    "digits": "1" * N,
    "open boxes": "\\boxed{" * (N // 7),
    "nested boxes": "\\boxed{" * (N // 8) + "}" * (N // 8),
    "open tags": "<answer>" * (N // 8),
    "closed tags": "</answer>" * (N // 9),
    "spaces in a tag": "<answer>-" + " " * N + "x</answer>",
    "hashes": "#" * N,
    "backslashes": "\\" * N,
    "signs": "-$" * (N // 2),
    "exponents": "1e" * (N // 2),
    "newlines": "\n" * N,
    "stated": "answer " * (N // 7),
    "letters": "a" * N,
    "full-width": "\uff11" * N,
    "binary": "".join(map(chr, range(256))) * (N // 256),
}


@pytest.mark.parametrize(
    "spec", ["exact", "tagged:answer", "numeric", "boxed", "hashes", "choice", "regex:(a+)+$b|(1+)+2"]
)
def test_a_megabyte_of_anything_is_judged_and_not_in_quadratic_time(spec: str) -> None:
    verifier = load(spec)
    for name, text in HOSTILE.items():
        before = time.process_time()
        verdict = verifier(text, {"answer": "18"})
        assert not verdict.passed, name
        assert time.process_time() - before < 60.0, name  # quadratic time would be hours
        assert len(verdict.why) < 300, name


def test_a_catastrophic_pattern_gives_up_and_says_so() -> None:
    verdict = load("regex:(a+)+$b")("a" * 5000, {"answer": "18"})
    assert not verdict.parsed
    assert "longer than" in verdict.why


@given(
    st.text(max_size=300),
    st.text(max_size=60),
    st.sampled_from(["exact", "tagged", "numeric", "boxed", "hashes", "choice"]),
)
def test_any_text_gives_the_same_verdict_twice(completion: str, gold: str, spec: str) -> None:
    verifier = load(spec)
    first = verifier(completion, {"answer": gold})
    assert first == verifier(completion, {"answer": gold})
    assert first.score in (0.0, 1.0)
    assert first.passed <= first.parsed
    if first.span is not None and spec != "choice":
        assert completion[slice(*first.span)] == first.answer


@given(st.integers(-(10**12), 10**12))
def test_a_whole_number_is_the_same_in_every_spelling(value: int) -> None:
    wanted = numbers.parse(str(value))
    assert wanted is not None
    for spelling in (
        f"{value:,}",
        f"{value}.0",
        f"{value:,}.00",
        f"${value}",
        f" {value} .",
        f"{value}e0",
        f"{value}/1",
    ):
        read = numbers.parse(spelling)
        assert read is not None, spelling
        assert numbers.same_number(read, wanted), spelling
        found = numbers.last_number("so it is " + spelling.removesuffix("/1"))
        assert found is not None
        last = numbers.parse(found[0])
        assert last is not None, spelling
        assert numbers.same_number(last, wanted), spelling


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**6), max_value=10**6),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**6), max_value=10**6),
)
def test_decimals_are_equal_exactly_when_they_are(left: object, right: object) -> None:
    a, b = numbers.parse(f"{left:f}"), numbers.parse(f"{right:f}")
    assert a is not None
    assert b is not None
    assert numbers.same_number(a, b) == (left == right)
