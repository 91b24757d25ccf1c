"""What the data alone tells: each kind where it must be named, and healthy pairs where nothing may be."""

from __future__ import annotations

import pytest

from cockpit.core.spotcheck.mismatch import find_mismatches, verdict_of
from cockpit.core.spotcheck.sides import sides_of
from cockpit.core.spotcheck.types import KINDS, as_dict
from cockpit.verifiers import load
from tests.support.spot_cases import HEALTHY, SICK, Case


def _found(case: Case):
    sides = sides_of(case.train, case.items, load(case.spec), technique=case.technique, **case.settings)
    return find_mismatches(sides)


@pytest.mark.parametrize("case", HEALTHY, ids=lambda case: case.name)
def test_a_healthy_pair_is_matched_without_a_finding(case: Case):
    found = _found(case)
    assert [(m.kind, m.headline) for m in found] == []
    assert verdict_of(found) == "matched"


@pytest.mark.parametrize("case", SICK, ids=lambda case: case.name)
def test_a_mismatch_is_named_and_nothing_else(case: Case):
    found = _found(case)
    assert {m.kind for m in found} == case.kinds, [(m.kind, m.headline) for m in found]
    assert verdict_of(found) == "mismatched"
    for mismatch in found:
        assert mismatch.kind in KINDS
        assert 0 < mismatch.share <= 1
        assert mismatch.fix
        for quote in (mismatch.train, mismatch.eval):
            assert quote.text or quote.where
            assert all(0 <= a <= b <= len(quote.text) for a, b in quote.marks), quote
        assert {"kind", "share", "train_example", "eval_example", "mend"} <= as_dict(mismatch).keys()
