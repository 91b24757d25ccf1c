"""Reading one run, live and afterwards: every rule over one run's record, quiet when it should be quiet.

A rule is a function `Run -> list[Finding]` in one of the files beside this one, named in that file's `RULES`.
"""

from __future__ import annotations

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


def read(run: Run) -> list[Finding]:
    """Return what every rule says of the run, gravest first."""
    return ranked(finding for rule in RULES for finding in rule(run))
