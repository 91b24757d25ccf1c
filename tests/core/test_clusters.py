"""Errors of items that share groups: which column groups them, and intervals that hold what they promise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats as reference

from cockpit.contract.errors import CockpitError
from cockpit.core import clusters, stats
from cockpit.core.scores import Score, compare

N = 120


def rows(**columns: Any) -> list[dict[str, Any]]:
    """Held-out rows; a column is a function of the row's number."""
    return [{"prompt": f"q{k}", **{name: make(k) for name, make in columns.items()}} for k in range(N)]


FOUND = [
    # what the file holds, and the column that groups it (None: none does)
    ({"source": lambda k: f"s{k // 4}"}, "source"),
    ({"passage_id": lambda k: k // 5}, "passage_id"),
    ({"Doc-ID": lambda k: k // 3}, "Doc-ID"),
    ({"template": lambda k: f"t{k % 6}"}, "template"),  # few, yet enough to show something
    ({"passage_id": lambda k: k // 2, "source": lambda k: k // 10}, "source"),  # the broader of two
    ({"passage_id": lambda k: k // 4, "source": lambda k: k % 7}, "passage_id"),  # the broader has too few
    ({"template": lambda k: k % 20 or None}, "template"),  # some rows have none
    ({"source": lambda k: "gsm8k"}, None),  # one for all
    (
        {"source": lambda k: ("gsm8k", "math", "svamp")[k % 3]},
        None,
    ),  # three parts of the set, no sample of groups
    ({"question_id": lambda k: k}, None),  # an id
    ({"task_id": lambda k: max(1, k)}, None),  # an id with one slip
    ({"subject": lambda k: k // 10}, None),  # a slice, no group
    ({"source": lambda k: [k // 4]}, None),  # not a label
    ({"source": lambda k: k % 2 == 0}, None),
    ({"group": lambda k: ""}, None),
    ({}, None),
]


@pytest.mark.parametrize(("columns", "wanted"), FOUND)
def test_which_column_groups_the_items(columns: Mapping[str, Any], wanted: str | None) -> None:
    found = clusters.find(rows(**columns), [str(k) for k in range(N)])
    assert (found.column if found else None) == wanted


def test_a_named_column_counts_and_a_wrong_name_is_refused() -> None:
    ids = [str(k) for k in range(N)]
    held = rows(subject=lambda k: k // 10, source=lambda k: k // 4)
    named = clusters.find(held, ids, "Subject")
    assert named is not None
    assert (named.column, len(set(named.of.values()))) == ("subject", 12)
    assert clusters.find(held, ids, "") is None
    with pytest.raises(CockpitError, match="no column 'sorce' to group"):
        clusters.find(held, ids, "sorce")


@pytest.mark.parametrize("df", [1, 2, 3, 4, 9, 38, 999])
def test_students_t_agrees_with_scipy(df: int) -> None:
    assert stats.student_quantile(df) == pytest.approx(reference.t.ppf(0.975, df), rel=1e-6)
    assert stats.student_tail(1.3, df) == pytest.approx(2 * reference.t.sf(1.3, df), rel=1e-9)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (9, 2), (40, 38)])
def test_with_one_item_a_group_the_sign_flips_are_mcnemars_test(wins: int, losses: int) -> None:
    assert clusters.sign_flips([1] * wins + [-1] * losses) == pytest.approx(stats.mcnemar(wins, losses))


def test_sign_flips_count_every_pattern() -> None:
    sums = [3, -1, 2, 2, -4, 1, 0]
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(sums))).reshape(len(sums), -1)
    wanted = float((np.abs(np.array(sums) @ signs) >= abs(sum(sums))).mean())
    assert clusters.sign_flips(sums) == pytest.approx(wanted)
    assert clusters.sign_flips([5] * 400 + [-5] * 300) == pytest.approx(stats.mcnemar(400, 300), rel=0.2)


def drawn(rng: np.random.Generator, groups: int, size: int) -> tuple[dict[str, float], dict[str, int]]:
    """Answers that are right with a chance of their group's own: an intraclass correlation of a third, mean 0.5."""
    chances = rng.beta(1, 1, groups).repeat(size)
    right = rng.random(groups * size) < chances
    return {str(k): float(x) for k, x in enumerate(right)}, {str(k): k // size for k in range(groups * size)}


@pytest.mark.parametrize(("groups", "size"), [(8, 12), (40, 5)])
def test_the_interval_of_grouped_items_covers_what_it_says(groups: int, size: int) -> None:
    """Of the 95 % intervals of 800 sets, about 95 % hold the true mean; those for single items far fewer."""
    rng = np.random.default_rng(7)
    inside = naive = 0
    for _ in range(800):
        items, of = drawn(rng, groups, size)
        plain = Score.of_items(items)
        wide = plain.grouped(clusters.Groups("source", of))
        inside += wide.lo <= 0.5 <= wide.hi
        naive += plain.lo <= 0.5 <= plain.hi
    assert 0.93 <= inside / 800 <= 0.985
    assert naive / 800 < 0.88


def test_two_equal_models_differ_on_grouped_items_as_often_as_promised() -> None:
    rng = np.random.default_rng(3)
    wrong = naive = inside = 0
    for _ in range(250):
        base, of = drawn(rng, 30, 6)
        tilt = rng.choice([-1, 1], 30)  # a group goes up or down as a whole, the mean stays
        other = {
            k: float(tilt[of[k]] > 0) if rng.random() < 0.5 and v != (tilt[of[k]] > 0) else v
            for k, v in base.items()
        }
        groups = clusters.Groups("source", of)
        child, parent = Score.of_items(other), Score.of_items(base)
        delta = compare(child.grouped(groups), parent.grouped(groups))
        wrong += delta.p < 0.05
        inside += delta.lo <= 0 <= delta.hi
        naive += compare(child, parent).p < 0.05
    assert wrong / 250 <= 0.07
    assert inside / 250 >= 0.93
    assert naive / 250 > 0.15


def scored(right: Mapping[str, float], of: Mapping[str, int], column: str = "source") -> Score:
    return Score.of_items(right).grouped(clusters.Groups(column, of))


def test_words_say_the_groups_once_and_that_few_are_rough() -> None:
    of = {str(k): k // 10 for k in range(80)}
    low = scored({str(k): float(k % 10 < 3) for k in range(80)}, of)
    high = scored({str(k): float(k % 10 < 6) for k in range(80)}, of)
    assert low.over() == "80 items in 8 groups by source"
    assert Score.of_items(low.items or {}).over() == "80 items"
    said = compare(high, low)
    assert (said.kind, said.wins, said.losses) == ("gained", 24, 0)
    assert said.sentence.count("by source") == 1
    assert said.sentence.endswith("With only 8 groups the interval is rough.")


def test_fewer_groups_than_six_show_nothing_and_the_sentence_says_why() -> None:
    of = {str(k): k // 40 for k in range(160)}
    low = scored(dict.fromkeys(of, 0.0), of)
    high = scored(dict.fromkeys(of, 1.0), of)
    delta = compare(high, low)
    assert delta.kind == "too_few"
    assert "4 groups can't show a difference" in delta.sentence


def test_grouping_never_narrows_and_an_unknown_item_leaves_the_score_alone() -> None:
    items = {str(k): float(k % 2) for k in range(60)}
    plain = Score.of_items(items)
    balanced = scored(items, {str(k): k // 2 for k in range(60)})  # each group has one right and one wrong
    assert balanced.lo <= plain.lo
    assert balanced.hi >= plain.hi
    assert plain.grouped(clusters.Groups("source", {"0": 1, "1": 1})) is plain
    assert plain.grouped(None) is plain
    assert math.isfinite(scored(items, dict.fromkeys(items, 0)).hi)  # one group for all


def test_graded_scores_in_groups_are_tested_by_their_groups() -> None:
    of = {str(k): k // 8 for k in range(160)}
    low = {str(k): 0.3 + 0.2 * (k % 3) / 2 for k in range(160)}
    high = {
        k: v + 0.01 * (of[k] - 9) for k, v in low.items()
    }  # half of the groups went down: only their luck
    delta = compare(scored(high, of), scored(low, of))
    assert delta.kind != "gained"
    assert compare(Score.of_items(high), Score.of_items(low)).n == delta.n == 160
