"""Choose which rows of a file are set apart, by what they ask and a seed; of the rows only their places are kept."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import pairwise
from typing import Any

from cockpit.contract.errors import CockpitError
from cockpit.data.keys import row_keys

Row = Mapping[str, Any]
Group = tuple[int, ...]


def split(groups: list[Group], sizes: Mapping[str, int], *, seed: int = 0) -> dict[str, list[int]]:
    """Return the places (from 0) of the rows of each slice; these have exactly these sizes, and what is left trains.

    A group always lands in one slice, so nothing leaks by a repeated prompt; the same rows and seed give the same
    slices, whatever the rows' order. `groups` are put in another order. Raises CockpitError where they do not suffice.
    """
    count, wanted = sum(map(len, groups)), sum(sizes.values())
    if wanted >= count:
        raise CockpitError(
            f"{count} rows are too few to set {wanted} apart and train on the rest",
            "Ask for smaller slices, or give a held-out file of its own.",
        )
    random.Random(seed).shuffle(groups)
    made: dict[str, list[int]] = {}
    for name, size in sizes.items():
        made[name], groups = _take(groups, size, name)
    return made


def _take(groups: list[Group], size: int, name: str) -> tuple[list[int], list[Group]]:
    taken: list[int] = []
    left: list[Group] = []
    for at, group in enumerate(groups):
        if len(taken) == size:
            return taken, left + groups[at:]
        if len(taken) + len(group) <= size:
            taken.extend(group)
        else:
            left.append(group)
    if len(taken) < size:
        raise CockpitError(
            f"the slice {name!r} of {size} can't be filled: prompts repeat too often ({len(taken)} fit)",
            "Ask for another size, or remove the repeated prompts.",
        )
    return taken, left


class _Keys:
    """The keys of all rows as numbers of eight bytes, each with the place of its row.

    Two keys with one number would only put two rows together that need not be.
    """

    def __init__(self) -> None:
        self.numbers, self.places = array("Q"), array("I")

    def add(self, keys: Iterable[str], place: int) -> None:
        for key in keys:
            digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            self.numbers.append(int.from_bytes(digest, "little"))
            self.places.append(place)


def grouped(
    rows: Iterable[Row],
    *,
    given: Mapping[str, str] | None = None,
    group: Callable[[Row], str | None] = lambda _: None,
) -> list[Group]:
    """Return the places of rows that ask the same thing (or share a user's turn, or `group`), in groups.

    Also of those that do so by way of others; in an order that is not the file's.
    """
    import numpy as np

    whole, bare, count = _Keys(), _Keys(), 0
    for count, row in enumerate(rows, 1):
        its, extra = row_keys(row, given), group(row)
        keys = [*its.whole, *([extra] if extra else [])]
        whole.add(keys or [json.dumps(row, sort_keys=True, default=str)], count - 1)
        bare.add(its.bare, count - 1)
    numbers, places = np.array(whole.numbers, np.uint64), np.array(whole.places, np.int64)
    known = np.isin(np.array(bare.numbers, np.uint64), numbers)  # two bare questions alone say nothing
    numbers = np.concatenate([numbers, np.array(bare.numbers, np.uint64)[known]])
    places = np.concatenate([places, np.array(bare.places, np.int64)[known]])
    order = np.argsort(numbers, kind="stable")
    same = numbers[order][1:] == numbers[order][:-1]
    leaders = _joined(
        count, zip(places[order][:-1][same].tolist(), places[order][1:][same].tolist(), strict=True)
    )
    least = np.full(count, np.iinfo(np.uint64).max, np.uint64)  # the order of a group: its least key
    np.minimum.at(least, leaders[places], numbers)
    by_group = np.lexsort((np.arange(count), leaders, least[leaders]))
    ends = np.flatnonzero(np.diff(leaders[by_group])) + 1
    edges = [0, *ends.tolist(), count]
    held = by_group.tolist()
    return [tuple(held[a:b]) for a, b in pairwise(edges)]


def _joined(count: int, pairs: Iterator[tuple[int, int]]) -> Any:
    """For each place the first of those that it is joined with, by `pairs` or by way of others."""
    import numpy as np

    leader = array("I", range(count))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for one, other in pairs:
        a, b = sorted((find(one), find(other)))
        leader[b] = a
    return np.array([find(place) for place in range(count)], np.int64)
