"""Apply every rule to one run's record, while it trains and afterwards.

A rule is a function `Run -> list[Finding]` in one of the files beside this one, listed in that file's `RULES`.
"""

from __future__ import annotations

from dataclasses import replace

from cockpit.core.findings import Finding
from cockpit.core.rules.run_rules import (
    evals,
    gradient,
    heldout,
    loss,
    pace,
    pairs,
    parts,
    policy,
    preference,
    reward,
    trained,
)
from cockpit.core.rules.table import ranked
from cockpit.core.runs.run_record import Run

MODULES = (trained, loss, gradient, evals, heldout, reward, parts, policy, preference, pairs, pace)
RULES = tuple(rule for module in MODULES for rule in module.RULES)


COLLAPSE = (
    "degenerate-reward",
    "truncated-completions",
    "length-drift",
    "grad-spike",
    "entropy-collapse",
    "loss-spike",
)
"""What breaks along with a policy that runs away from its reference."""
_NEAR = 0.1  # of the run's steps (15 at the least): signs that begin this close are one event


def read(run: Run) -> list[Finding]:
    """Return the findings of every rule, gravest first; signs of one collapse are merged into one finding."""
    return _folded(run, ranked(finding for rule in RULES for finding in rule(run)))


def _folded(run: Run, findings: list[Finding]) -> list[Finding]:
    """Fold what broke at the same time as the KL into its finding, which then begins at the first sign."""
    cause = next((f for f in findings if f.rule == "kl-blow-up" and f.severity == "alarm" and f.step), None)
    if cause is None or cause.step is None:
        return findings
    near = max(15, _NEAR * run.last_step)
    signs = [
        f for f in findings if f.rule in COLLAPSE and f.step is not None and abs(f.step - cause.step) <= near
    ]
    if len(signs) < 2:
        return findings
    first = min([cause, *signs], key=lambda finding: finding.step or 0)
    told = [f"{f.headline} (step {f.step})" for f in sorted(signs, key=lambda finding: finding.step or 0)]
    whole = replace(
        cause,
        headline=f"The policy collapsed at step {first.step}: {cause.headline[0].lower()}{cause.headline[1:]}",
        evidence=(*cause.evidence, *told),
        step=first.step,
    )
    return [whole if f is cause else f for f in findings if f not in signs]
