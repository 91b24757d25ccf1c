"""Intervals and tests against scipy, and the verdict on a difference against a table of cases."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from scipy import stats as reference

from cockpit.core import stats
from cockpit.core.scores import Score, compare, decoding_key


def paired(n: int, both: int, wins: int, losses: int) -> tuple[Score, Score]:
    """Child and parent over `n` items, of which `both` are right in both."""
    child = {str(i): float(i < both + wins) for i in range(n)}
    parent = {str(i): float(i < both or both + wins <= i < both + wins + losses) for i in range(n)}
    return Score.of_items(child), Score.of_items(parent)


@pytest.mark.parametrize(
    ("passed", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (64, 200), (1319, 1319), (3, 100000)]
)
def test_wilson_agrees_with_scipy(passed: int, n: int) -> None:
    wanted = reference.binomtest(passed, n).proportion_ci(method="wilson")
    assert stats.wilson(passed, n) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_wilson_of_nothing_knows_nothing() -> None:
    assert stats.wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (1, 0), (5, 0), (9, 2), (40, 38), (700, 650), (3000, 2800)]
)
def test_mcnemar_is_the_exact_binomial_test(wins: int, losses: int) -> None:
    wanted = reference.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert stats.mcnemar(wins, losses) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    ("a", "m", "b", "n"), [(0, 10, 3, 10), (0, 200, 1, 200), (5, 7, 1, 9), (10, 10, 10, 10)]
)
def test_fisher_agrees_with_scipy(a: int, m: int, b: int, n: int) -> None:
    assert stats.fisher(a, m, b, n) == pytest.approx(
        reference.fisher_exact([[a, m - a], [b, n - b]])[1], rel=1e-6
    )


@pytest.mark.parametrize(
    ("k", "n", "p"), [(0, 100, 0.25), (20, 100, 0.25), (100, 100, 0.25), (200, 1000, 0.25)]
)
def test_binomial_tail_agrees_with_scipy(k: int, n: int, p: float) -> None:
    assert stats.binomial_below(k, n, p) == pytest.approx(reference.binom.cdf(k, n, p), rel=1e-9)


def test_two_proportions_holds_its_level() -> None:
    """Of all pairs of outcomes under one true share, at most about 5 % are called different."""
    n, share = 60, 0.3
    weights = [reference.binom.pmf(k, n, share) for k in range(n + 1)]
    wrong = sum(
        weights[a] * weights[b]
        for a in range(n + 1)
        for b in range(n + 1)
        if stats.two_proportions(a, n, b, n) < 0.05
    )
    assert 0.02 < wrong < 0.06


def test_bootstrap_is_seeded_and_close_to_the_normal_interval() -> None:
    values = [(i * 37 % 101) / 100 for i in range(400)]
    low, high = stats.bootstrap_mean(values)
    assert (low, high) == stats.bootstrap_mean(values)
    mean = sum(values) / len(values)
    half = 1.96 * (sum((v - mean) ** 2 for v in values) / len(values) / len(values)) ** 0.5
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.004)


COMPARED = [
    # name, child and parent, kind
    ("clear gain, paired", paired(200, 60, 90, 5), "gained"),
    ("clear loss, paired", paired(200, 60, 5, 90), "lost"),
    ("the same answers on many items", paired(1000, 400, 0, 0), "level"),
    ("as many won as lost, many items", paired(2000, 800, 40, 41), "level"),
    ("the same answers on ten items", paired(10, 4, 0, 0), "too_few"),
    ("two more right of ten", paired(10, 4, 2, 0), "too_few"),
    ("five more right of ten", paired(10, 4, 5, 0), "too_few"),  # p = 0.0625
    ("six more right of ten", paired(10, 4, 6, 0), "gained"),  # p = 0.031
    ("a little better on 200", paired(200, 80, 12, 8), "too_few"),
    ("clear gain, unpaired", (Score.of(0.80, 200), Score.of(0.32, 200)), "gained"),
    ("clear loss, unpaired", (Score.of(0.0, 200), Score.of(0.32, 200)), "lost"),
    ("one point on 200, unpaired", (Score.of(0.42, 200), Score.of(0.41, 200)), "too_few"),
    ("the same score on 20,000, unpaired", (Score.of(0.42, 20000), Score.of(0.42, 20000)), "level"),
    ("zero and zero on 10", (Score.of(0.0, 10), Score.of(0.0, 10)), "too_few"),
    ("zero and zero on 500", (Score.of(0.0, 500), Score.of(0.0, 500)), "level"),
]


@pytest.mark.parametrize(("name", "scores", "kind"), COMPARED, ids=[case[0] for case in COMPARED])
def test_compare(name: str, scores: tuple[Score, Score], kind: str) -> None:
    delta = compare(*scores)
    assert delta.kind == kind
    assert delta.lo <= delta.value <= delta.hi
    assert delta.sentence.endswith(".")
    assert (delta.items_needed is None) or (kind == "too_few" and delta.items_needed > delta.n)


def test_a_difference_in_the_noise_says_how_many_items_it_would_take() -> None:
    delta = compare(Score.of(0.44, 200), Score.of(0.40, 200))
    assert delta.kind == "too_few"
    assert delta.items_needed == pytest.approx(
        2400, rel=0.05
    )  # the textbook's sample size for 0.40 against 0.44
    assert "would take about 2,4" in delta.sentence
    enough = compare(Score.of(0.44, 2 * delta.items_needed), Score.of(0.40, 2 * delta.items_needed))
    assert enough.kind == "gained"


def test_paired_items_tell_what_unpaired_scores_can_not() -> None:
    child, parent = paired(200, 80, 14, 2)
    assert compare(child, parent).kind == "gained"
    assert compare(Score.of(child.value, 200), Score.of(parent.value, 200)).kind == "too_few"


def test_graded_scores_are_bootstrapped_in_pairs() -> None:
    parent = {str(i): (i * 37 % 100) / 100 for i in range(300)}
    child = {key: min(1.0, value + 0.02 + 0.02 * (int(key) % 2)) for key, value in parent.items()}
    delta = compare(Score.of_items(child), Score.of_items(parent))
    assert (delta.kind, delta.n) == ("gained", 300)
    assert delta.lo > 0.02
    assert delta.p < 0.01


@pytest.mark.parametrize(
    ("child", "parent", "says"),
    [
        (
            {"verifier_hash": "a", "verifier": "boxed"},
            {"verifier_hash": "b", "verifier": "hashes"},
            "hashes, now boxed",
        ),
        ({"held_out_hash": "a"}, {"held_out_hash": "b"}, "different held-out sets"),
        (
            {"decoding": decoding_key({"temperature": 1.0})},
            {"decoding": decoding_key({"temperature": 0.0})},
            "temperature 0.0, now 1.0",
        ),
    ],
)
def test_what_was_measured_differently_is_not_compared(child: dict, parent: dict, says: str) -> None:
    delta = compare(Score.of(0.9, 200, **child), Score.of(0.1, 200, **parent))
    assert delta.kind == "incomparable"
    assert says in delta.sentence
    assert compare(Score.of(0.9, 200, **child), Score.of(0.1, 200, **child)).kind == "gained"
    assert (
        compare(Score.of(0.9, 200, **child), Score.of(0.1, 200)).kind == "gained"
    )  # unknown is not different


def test_batch_size_and_the_top_p_of_greedy_decoding_do_not_matter() -> None:
    assert decoding_key({"temperature": 0.0, "top_p": 0.9, "batch_size": 8}) == decoding_key(
        {"temperature": 0.0}
    )
    assert decoding_key({"temperature": 1.0, "top_p": 0.9}) != decoding_key(
        {"temperature": 1.0, "top_p": 1.0}
    )


@pytest.mark.parametrize(
    "broken", [None, [], {}, {"score": None, "n": 3}, {"score": float("nan"), "n": 3}, {"score": 0.5, "n": 0},
               {"score": 1.5, "n": 3}, {"score": "0.5", "n": 3}, {"score": True, "n": 3}],
)  # fmt: skip
def test_a_broken_score_file_is_no_score(broken: object) -> None:
    assert Score.from_json(broken) is None


def test_a_score_file_is_read_with_or_without_its_items() -> None:
    fields = {
        "score": 0.5,
        "n": 4,
        "passed": 2,
        "parsed": 3,
        "verifier_hash": "v",
        "generation": {"temperature": 0.0},
    }
    alone = Score.from_json(fields)
    assert alone is not None
    assert (alone.value, alone.n, alone.passed, alone.parsed, alone.items) == (0.5, 4, 2, 3, None)
    items = Score.from_json(fields, {"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0})
    assert items is not None
    assert items.items is not None
    assert (items.lo, items.hi) == (alone.lo, alone.hi)
    partial = Score.from_json(fields, {"a": 1.0})
    assert partial is not None
    assert (partial.value, partial.n, partial.items) == (0.5, 4, None)


def test_importing_scores_loads_no_numerical_library() -> None:
    modules = "cockpit.core.scores, cockpit.core.methodlog, cockpit.core.findings"
    code = f"import sys, {modules}; print('\\n'.join(sys.modules))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert not loaded & {"numpy", "scipy", "pydantic", "msgspec", "textual", "statistics", "torch"}


def test_needed_items_fall_as_the_difference_grows() -> None:
    counts = [stats.items_for_pairs(d / 100, 0.2) for d in range(1, 20)]
    assert all(a is not None and b is not None and a > b for a, b in pairwise(counts))
    assert stats.items_for_pairs(0.0, 0.2) is None


HOLM = [
    # p, the others', and the p that counts
    (0.01, [], 0.01),
    (0.01, [0.5], 0.02),
    (0.03, [0.0001, 0.0002], 0.03),  # the others are gains beyond doubt: nothing is taken off
    (0.03, [0.6, 0.9], 0.09),
    (0.03, [0.02], 0.04),  # never less than a smaller one counts
    (0.4, [0.5, 0.6], 1.0),
    (1.0, [0.01], 1.0),
]


@pytest.mark.parametrize(("p", "others", "wanted"), HOLM)
def test_holm_is_stepwise(p: float, others: list[float], wanted: float) -> None:
    assert stats.holm(p, others) == pytest.approx(wanted)


@pytest.mark.parametrize("looks", [2, 5, 25, 100])
def test_the_luck_of_the_best_of_many_equal_ones(looks: int) -> None:
    wanted = reference.norm.expect(lambda x: x * looks * reference.norm.cdf(x) ** (looks - 1))
    assert stats.luck(looks) == pytest.approx(wanted, abs=0.03)
