"""Errors of means whose items share a group (a source, a template, a passage): fewer groups than items, wider errors.

Formulas:
- clustered standard error: Miller 2024, "Adding error bars to evals" (arXiv 2411.00640), section 2.2, with the factor
  G / (G - 1) for few groups (Cameron and Miller 2015, Journal of Human Resources 50:317);
- K samples an item: the item's mean is one value, so the variance among items holds both parts, (Var(mean) +
  E[var] / K) / n (Miller 2024, section 3.1);
- the interval of a share: Wilson's with the effective number of items p (1 - p) / SE^2, cut down by the squared ratio
  of the quantiles of Student's t with G - 1 degrees of freedom and of the normal (Korn and Graubard 1998, Survey
  Methodology 24:193; Dean and Pagano 2015, Journal of Survey Statistics and Methodology 3:484);
- the paired test: each group's sum of differences keeps or changes its sign with equal chance (Canay, Romano and Shaikh
  2017, Econometrica 85:1013). With one item a group that is McNemar's exact test.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cockpit.contract.errors import CockpitError
from cockpit.core import stats

NAMES = (
    "cluster", "cluster_id", "group", "group_id", "template", "template_id", "source", "source_id", "origin", "passage",
    "passage_id", "paragraph_id", "context_id", "document", "document_id", "doc_id", "article_id", "story_id", "title",
    "problem_id", "question_id", "task_id", "prompt_id", "scenario_id", "seed_id", "original_id", "parent_id",
    "base_id", "family", "conversation_id", "dialogue_id", "repo",
)  # fmt: skip
"""Columns that are looked at where none is named; `-` and capitals are as in `cockpit.data.column_names`."""
FEWEST = 6
"""Groups: with five, the sign-flip test can't fall below 2 / 2^5 = 0.06, so none could ever show a difference."""
FEW = 10
"""Groups below which the interval is called rough."""
SHARING = 0.1
"""Share of the items that must have a companion in their group for a column to be found."""
_EXACT_BITS = 1_000_000


class Groups(NamedTuple):
    """The column that groups the items, and each item's group by a number; an item without a value is its own."""

    column: str
    of: Mapping[str, int]


def find(rows: Sequence[Mapping[str, Any]], ids: Sequence[str], named: str | None = None) -> Groups | None:
    """Return how the rows group, None where they don't; `named` is a column, or empty for none at all.

    Of several columns the one with the fewest groups counts, as long as these are ten or more: the broader grouping
    holds the dependence of the finer one as well (Cameron and Miller 2015). Raises CockpitError for a named column that
    no row has.
    """
    if named is not None:
        if not named:
            return None
        column = next((name for row in rows for name in row if _same(name, named)), None)
        if column is None:
            there = ", ".join(list(dict.fromkeys(name for row in rows for name in row))[:20])
            raise CockpitError(
                f"there is no column {named!r} to group the items by",
                f"There are: {there}. An empty name for `cluster` takes every item for itself.",
            )
        made = _numbered(column, rows, ids)
        return made if len(set(made.of.values())) < len(ids) else None
    columns = dict.fromkeys(name for row in rows for name in row)
    found = [
        (count, -NAMES.index(_plain(column)), made)
        for column in columns
        if _plain(column) in NAMES and (made := _numbered(column, rows, ids))
        for count in [_genuine(made, len(ids))]
        if count
    ]
    enough = [one for one in found if one[0] >= FEW]
    best = (
        min(enough, key=lambda one: (one[0], -one[1]))
        if enough
        else max(found, default=None, key=lambda o: o[:2])
    )
    return best[2] if best else None


def _genuine(groups: Groups, n: int) -> int:
    """How many groups there are, 0 where they group nothing or are too few to be a sample of groups."""
    sizes: dict[int, int] = {}
    for number in groups.of.values():
        sizes[number] = sizes.get(number, 0) + 1
    sharing = sum(size for size in sizes.values() if size > 1)
    return len(sizes) if len(sizes) >= FEWEST and sharing >= SHARING * n else 0


def _numbered(column: str, rows: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> Groups:
    numbers: dict[Hashable, int] = {}
    made: dict[str, int] = {}
    for at, (id_, row) in enumerate(zip(ids, rows, strict=True)):
        value = row.get(column)
        known = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
        made[id_] = numbers.setdefault(str(value) if known else ("alone", at), len(numbers))
    return Groups(column, made)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def _same(name: str, named: str) -> bool:
    return _plain(name) == _plain(named)


def sums(values: Mapping[str, float], groups: Mapping[str, int] | None) -> list[float]:
    """Add up the values of each group; without groups each value stands alone."""
    if groups is None:
        return list(values.values())
    made: dict[int, float] = {}
    for item, value in values.items():
        made[groups[item]] = made.get(groups[item], 0.0) + value
    return list(made.values())


class Error(NamedTuple):
    """The standard error of a mean; how many groups it rests on; how much the variance grew by them (1 or more)."""

    se: float
    groups: int
    design: float

    @property
    def quantile(self) -> float:
        """Return the quantile of a two-sided 95 % interval: Student's t with one degree of freedom less than groups."""
        return stats.student_quantile(self.groups - 1)


def error_of(values: Mapping[str, float], groups: Mapping[str, int] | None) -> Error:
    """Return the error of the mean; grouping never narrows it, as a negative correlation here would be luck."""
    n = len(values)
    if n < 2:
        return Error(math.inf, n, 1.0)
    centre = math.fsum(values.values()) / n
    left = {item: value - centre for item, value in values.items()}
    alone = n / (n - 1) * math.fsum(v * v for v in left.values()) / n**2
    if groups is None:
        return Error(math.sqrt(alone), n, 1.0)
    parts = sums(left, groups)
    count = len(parts)
    if count < 2:
        return Error(math.inf, count, math.inf)
    together = count / (count - 1) * math.fsum(v * v for v in parts) / n**2
    design = max(1.0, together / alone) if alone > 0 else 1.0
    return Error(math.sqrt(design * alone), count, design)


def effective(values: Mapping[str, float], groups: Mapping[str, int] | None, samples: int = 1) -> float:
    """Return the independent single answers that would give the same error; the items themselves where none differ.

    (A share of 0 or 1 shows no variance to measure: Parker et al. 2017, National Center for Health Statistics,
    "Data presentation standards for proportions".)
    """
    n = len(values)
    centre = math.fsum(values.values()) / n if n else 0.0
    error = error_of(values, groups)
    if n < 2 or not 0 < centre < 1:
        return float(n)
    if math.isinf(error.se):
        return 1.0
    most = float(n * samples)
    count = min(most, centre * (1 - centre) / error.se**2) if error.se > 0 else most
    return max(1.0, count * (stats.Z95 / error.quantile) ** 2)


def sign_flips(parts: Iterable[float]) -> float:
    """Return the two-sided p that whole-numbered sums of groups lie around 0: exact, normal where that is too long."""
    signed = [round(part) for part in parts]
    sizes = [abs(part) for part in signed if part]
    observed, total, count = abs(sum(signed)), sum(sizes), len(sizes)
    if observed == 0:
        return 1.0
    width = count + 1  # bits that hold any number of sign patterns
    if total * width > _EXACT_BITS:
        return stats.normal_tail(observed / math.sqrt(sum(size * size for size in sizes)))
    ways = 1  # a polynomial in one big number: digit x holds in how many patterns the sums that kept their sign make x
    for size in sizes:
        ways += ways << (size * width)
    tail = (ways >> ((observed + total) // 2 * width)) % (
        (1 << width) - 1
    )  # the sum of the digits from there on
    return min(1.0, 2 * tail / (1 << count))
