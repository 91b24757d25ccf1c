"""Every rule of the spot check over the two sides: the differences that they name, and the verdict.

Adding a rule touches one of the modules below, its `RULES`, and its test.
"""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.core.spotcheck import answers, context, templates, thinking, tokens, truncation, wording
from cockpit.core.spotcheck.types import KINDS, PASSES, REPORTED, Kind, Mismatch, Sides, Verdicts

_MODULES = (answers, context, wording, templates, tokens, thinking, truncation)


def find_mismatches(sides: Sides) -> list[Mismatch]:
    """Every named difference, at most one of a kind, the ones that touch most first."""
    found: dict[Kind, Mismatch] = {}
    for module in _MODULES:
        for rule in module.RULES:
            hit = rule(sides)
            if hit is None or hit.share < REPORTED:
                continue
            known = found.get(hit.kind)
            # The first rule of a kind names it, unless a later one touches far more.
            if known is None or hit.share > 2 * known.share:
                found[hit.kind] = hit
    return sorted(found.values(), key=lambda m: (-m.share, KINDS.index(m.kind)))


def of_objective(mismatches: Sequence[Mismatch], pass_share: float | None) -> bool:
    """Return True if training aims at something else than what is scored: its targets don't pass, or state otherwise.

    Not where the targets pass and only prompts, lengths or special tokens differ: these have cures of their own.
    """
    failing = pass_share is not None and pass_share < PASSES
    return any(m.is_serious and (failing or m.kind == "answer-marker") for m in mismatches)


def verdict_of(mismatches: Sequence[Mismatch]) -> Verdicts:
    """`mismatched` where any difference touches a tenth of a side or more."""
    return "mismatched" if any(m.is_serious for m in mismatches) else "matched"
