"""pass@k: the unbiased estimate, intervals of items that were sampled several times, and what a run did to both."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from cockpit.core import clusters
from cockpit.core.pass_at import Sampled, estimate, from_rows, ks, passes
from cockpit.core.scores import Score, compare


def sampled(right: list[int], samples: int, **known: Any) -> Sampled:
    counts = {str(k): count for k, count in enumerate(right)}
    like = Score.of(0.0, len(right), **known).sampled({k: c / samples for k, c in counts.items()}, samples)
    return Sampled(samples, counts, like, 0.8)


@pytest.mark.parametrize(
    ("n", "c", "k"), [(4, 0, 1), (4, 1, 1), (4, 1, 2), (5, 2, 3), (6, 5, 2), (4, 4, 4), (8, 3, 8)]
)
def test_the_estimate_is_the_share_of_draws_with_a_right_one(n: int, c: int, k: int) -> None:
    draws = list(combinations([True] * c + [False] * (n - c), k))
    assert estimate(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(
    ("samples", "wanted"),
    [(2, (1, 2)), (4, (1, 2, 4)), (6, (1, 2, 4, 6)), (100, (1, 2, 4, 8, 16, 32, 64, 100))],
)
def test_which_k_are_shown(samples: int, wanted: tuple[int, ...]) -> None:
    assert ks(samples) == wanted


@pytest.mark.parametrize(("n", "samples", "size"), [(60, 4, 1), (150, 8, 1), (120, 4, 6)])
def test_the_intervals_cover_what_they_say(n: int, samples: int, size: int) -> None:
    """pass@1 and pass@K of 400 sets of items whose chances of being solved differ much; with `size` items a group."""
    rng = np.random.default_rng(11)
    grid = rng.beta(0.6, 0.8, 20000)
    truth = {1: grid.mean(), samples: (1 - (1 - grid) ** samples).mean()}
    groups = clusters.Groups("source", {str(k): k // size for k in range(n)}) if size > 1 else None
    inside = dict.fromkeys(truth, 0)
    naive = 0
    for _ in range(400):
        chances = rng.choice(grid, n // size).repeat(size)
        right = [int(x) for x in rng.binomial(samples, chances)]
        run = sampled(right, samples).grouped(groups)
        for k, value in truth.items():
            score = run.at(k)
            inside[k] += score.lo <= value <= score.hi
        half = 1.96 * (0.25 / (n * samples)) ** 0.5  # as if each sample were an item
        naive += abs(sum(right) / n / samples - truth[1]) <= half
    assert all(0.925 <= count / 400 <= 0.985 for count in inside.values()), inside
    assert naive / 400 < 0.85


def test_two_runs_of_one_model_are_called_different_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(400):
        chances = rng.beta(0.6, 0.8, 80)
        one, two = (sampled([int(x) for x in rng.binomial(4, chances)], 4) for _ in "ab")
        delta = compare(one.at(1), two.at(1))
        assert delta.lo <= delta.value <= delta.hi
        wrong += delta.kind in ("gained", "lost")
    assert wrong / 400 <= 0.08


def test_more_samples_narrow_the_interval_down_to_the_spread_of_the_items() -> None:
    """The part of the variance that sampling adds goes down with K; an item stays one item."""
    rng = np.random.default_rng(2)
    chances = rng.beta(2, 2, 200)
    widths = [
        (one := sampled([int(x) for x in rng.binomial(samples, chances)], samples).at(1)).hi - one.lo
        for samples in (2, 8, 64)
    ]
    assert widths[0] > widths[1] > widths[2] > 0.5 * widths[1]


def test_surer_of_fewer_items_is_said() -> None:
    base = sampled([1] * 160 + [0] * 40, 8)  # nearly everything once in eight
    run = sampled([8] * 90 + [0] * 110, 8)
    told = passes(run, base, "exp_0000")
    assert [one.k for one in told.at] == [1, 2, 4, 8]
    assert [one.delta.kind for one in told.at if one.delta] == ["gained", "gained", "too_few", "lost"]
    assert told.sentence() == (
        "pass@1 0.450 [0.382, 0.520], pass@8 0.450 [0.382, 0.520] on 200 items, 8 samples each at temperature 0.8. "
        "Against exp_0000: pass@1 +0.35 gained, pass@8 -0.35 lost: surer of fewer items."
    )


def test_without_a_base_there_is_no_difference_and_other_decoding_is_not_compared() -> None:
    run = sampled([2, 1, 0, 2], 2, decoding="hot")
    assert "Against" not in passes(run).sentence()
    assert passes(run).as_dict()["k"][0]["delta"] is None
    other = sampled([2, 1, 0, 2], 2, decoding="cold")
    assert passes(run, sampled([1, 1, 1, 1, 1, 1, 1, 1], 8, decoding="hot"), "b").at[-1].k == 2
    run_hot = sampled([2, 1, 0, 2], 2, decoding='{"temperature": 1.0}')
    other = sampled([2, 1, 0, 2], 2, decoding='{"temperature": 0.5}')
    assert "decoded differently (temperature 0.5, now 1.0)" in passes(run_hot, other, "exp_0000").sentence()


READ = [
    # what score.json says, how many samples each of three items has, and whether it is read
    ({"score": 0.5, "n": 3, "samples": 2}, (2, 2, 2), True),
    ({"score": 0.5, "n": 3, "samples": 2}, (2, 2, 1), False),  # cut short
    ({"score": 0.5, "n": 4, "samples": 2}, (2, 2, 2), False),
    ({"score": 0.5, "n": 3, "samples": 1}, (1, 1, 1), False),
    ({"score": 0.5, "n": 3}, (1, 1, 1), False),  # an older pass: one answer an item
    ({"score": "x", "n": 3, "samples": 2}, (2, 2, 2), False),
    ({"score": 0.5, "n": 3, "samples": "2"}, (2, 2, 2), False),
]


@pytest.mark.parametrize(("fields", "counts", "is_read"), READ)
def test_only_what_is_whole_is_read(fields: dict[str, Any], counts: tuple[int, ...], is_read: bool) -> None:
    rows = [(str(item), float(number == 0)) for item, count in enumerate(counts) for number in range(count)]
    found = from_rows(fields, rows)
    assert (found is not None) == is_read
    if found:
        assert (found.samples, found.right, found.at(2).value) == (2, {"0": 1, "1": 1, "2": 1}, 1.0)
