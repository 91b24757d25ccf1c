"""The one table of rules: their order, and the only way to make a finding.

Adding a rule takes its row (in the file of its family under `rows`, thresholds included), its function, and its test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cockpit.core.findings import SEVERITIES, Finding, Severity
from cockpit.core.rules.rows import across, evals, loss, pace, policy, preference, progress, reward
from cockpit.core.rules.rule import Offer, Rule

RULES: tuple[Rule, ...] = (
    *across.ROWS,
    *loss.ROWS,
    *evals.ROWS,
    *reward.ROWS,
    *policy.ROWS,
    *preference.ROWS,
    *pace.ROWS,
    *progress.ROWS,
)
"""Every rule, in the order in which findings of one severity are shown."""

_BY_ID = {rule.id: rule for rule in RULES}
_RANK = {rule.id: rank for rank, rule in enumerate(RULES)}


def rule(id_: str) -> Rule | None:
    """Return a rule by its id; None for one that isn't ours (another version's, a trainer's own)."""
    return _BY_ID.get(id_)


def offers(id_: str, offer: Offer) -> bool:
    """Return whether the rule offers this."""
    known = rule(id_)
    return known is not None and offer in known.offers


def limit(id_: str, name: str) -> float:
    """Return a rule's threshold."""
    return _BY_ID[id_].thresholds[name].value


def count(id_: str, name: str) -> int:
    """Return a rule's threshold that counts something."""
    return int(limit(id_, name))


def found(
    id_: str,
    severity: Severity,
    headline: str,
    evidence: Sequence[str] = (),
    next_step: str = "",
    experiments: Sequence[str] = (),
    step: int | None = None,
    *,
    source: str = "",
    change: Mapping[str, object] | None = None,
) -> Finding:
    """Make a finding of a rule that stands in the table; its source is the row's unless a part has its own."""
    row = _BY_ID[id_]
    about = tuple(experiments)
    return Finding(
        id_, severity, headline, tuple(evidence), next_step, source or row.source, about, step, change or {}
    )


def sourced(finding: Finding) -> Finding:
    """Return the finding with its rule's source where it names none, as those that trainers report."""
    row = rule(finding.rule)
    return replace(finding, source=row.source) if row is not None and not finding.source else finding


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Return them gravest first, in a stable order, each key once (the gravest of equals, that with a change first)."""
    order = {severity: -rank for rank, severity in enumerate(SEVERITIES)}
    kept: dict[str, Finding] = {}
    for finding in sorted(
        findings,
        key=lambda f: (
            order[f.severity],
            _RANK.get(f.rule, len(RULES)),
            f.experiments,
            not f.change,
            f.headline,
        ),
    ):
        kept.setdefault(finding.key, finding)
    return list(kept.values())
