"""Questions that differ in blanks, marks or notation alone are one; those that differ in anything else are two."""

from __future__ import annotations

import pytest

from cockpit.core.overlap.notation import key
from cockpit.core.overlap.scan import Asked, Scan, Text

SAME = [
    ("15+3=?", "15 + 3 = ?"), ("15+3", "15 + 3 ="), ("What is 15 + 3?", "15+3=?"), ("Compute 15 x 3.", "15*3"),
    ("15 × 3 = __", "15*3=?"), ("$15 \\times 3$", "15 × 3"), ("1,500 + 2", "1500+2=?"), ("fifteen plus three", "15+3"),
    ("Capital of France?", "capital of  France"), ("x^2 + 1 = 0", "x² + 1 = 0"), ("5² = ?", "5^2"),
    ("15 ÷ 3", "15/3"), ("\\frac{1}{2} + 3", "1/2+3"), ("15 + 3 = ( )", "15+3"), ("Solve x + 2 = 5", "x+2=5"),
    ("12 − 7", "12-7"), ("2**3", "2^3"), ("Hello, world!", "hello, world"), ("f(x) = 2x, f'(x)?", "f(x)=2x, f'(x)"),
]  # fmt: skip
OTHERS = [
    ("15 + 3", "15 + 4"), ("15+3", "15-3"), ("15+3", "15*3"), ("5² = ?", "52 = ?"), ("1.5+3", "15+3"), ("-3+5", "3+5"),
    ("1/2", "12"), ("5! = ?", "5 = ?"), ("(3+2)! = ?", "(3+2) = ?"), ("15 3", "153"), ("half + 3", "2+3"),
    ("What is C#?", "What is C?"), ("C++", "C"), ("3:4", "34"), ("15+3=18", "15+3"), ("20% of 50", "20 of 50"),
    ("3 < 5", "3 > 5"), ("15 + 3 * 2", "(15 + 3) * 2"), ("2^10", "210"), ("10^-2", "10^2"), ("1,5 + 2", "15+2"),
    ("a+b", "a-b"), ("n! / 2", "n / 2"), ("What is 3 over 4?", "What is 3?"), ("x_1 + 2", "x1+2"), ("f'(2)", "f(2)"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_another_notation_is_the_same_question(one: str, other: str) -> None:
    assert key(one) == key(other) != ""
    scan = Scan([Asked(1, [one])])
    scan.feed([Text(7, [other], "the answer")])
    (match,) = scan.matches()
    assert (match.kind, match.train_line, match.train_text) == ("exact", 7, other)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_what_tells_two_questions_apart_stays(one: str, other: str) -> None:
    scan = Scan([Asked(1, [one])])
    scan.feed([Text(1, [other])])
    assert scan.matches() == []
