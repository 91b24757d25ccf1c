"""A training file's own gold answers through the verifier: what it does not take, no training can be rewarded for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from cockpit.data import rows as meaning
from cockpit.verifiers import Verifier
from cockpit.verifiers.selfcheck import SelfCheck, selfcheck

MOST, MOST_JUDGED = 200, 20
"""Rows that are checked; fewer where a judge of its own (tests that are run, a function) scores them."""


def training_check(
    rows: Iterable[Mapping[str, Any]], verifier: Verifier, columns: Mapping[str, str] | None = None
) -> SelfCheck | None:
    """Judge the gold answers of the first training rows that have one; None where none has."""
    golds = ((row, meaning.gold_of(row, columns)) for row in islice(rows, 10 * MOST))
    own = (
        {**row, verifier.gold_key: row.get(verifier.gold_key, gold)}
        for row, gold in golds
        if not meaning.is_blank(gold)
    )
    check = selfcheck(verifier, islice(own, MOST if verifier.judge is None else MOST_JUDGED))
    return check if check.checked else None


def careful(check: SelfCheck, verifier: str) -> str:
    """What to say of gold answers that don't pass; empty where all do."""
    if check.share == 1.0 or not check.failures:
        return ""
    first = check.failures[0]
    return (
        f"{verifier} accepts only {check.share:.0%} of the gold answers of the first {check.checked} training rows "
        f"that have one; the first that it doesn't is {first.gold[:60]!r} ({first.why})"
    )
