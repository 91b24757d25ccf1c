"""Reading one run, live and afterwards: every rule over one run's record, quiet when it should be quiet.

A rule is a function `Run -> list[Finding]` in one of the files beside this one; adding one touches that file,
its test, and the table here.
"""

from __future__ import annotations

from collections.abc import Callable

from cockpit.core.findings import Finding, ranked
from cockpit.core.rules.run_rules.evals import mid_eval_regression, overfit_or_leak, reward_hacking
from cockpit.core.rules.run_rules.loss import flat_loss, learning_rate, loss_spike, nonfinite
from cockpit.core.rules.run_rules.pace import stalled_run
from cockpit.core.rules.run_rules.preference import (
    chosen_less_likely,
    learnt_reward_hacked,
    pairs_not_told_apart,
    stale_samples,
)
from cockpit.core.rules.run_rules.reward import (
    degenerate_reward,
    entropy_collapse,
    kl_blow_up,
    truncated_completions,
)
from cockpit.core.runs.run_record import Run

RULES: tuple[Callable[[Run], list[Finding]], ...] = (
    nonfinite,
    loss_spike,
    flat_loss,
    learning_rate,
    mid_eval_regression,
    reward_hacking,
    overfit_or_leak,
    degenerate_reward,
    kl_blow_up,
    entropy_collapse,
    truncated_completions,
    pairs_not_told_apart,
    chosen_less_likely,
    learnt_reward_hacked,
    stale_samples,
    stalled_run,
)


def read(run: Run) -> list[Finding]:
    """Return what every rule says of the run, gravest first."""
    return ranked(finding for rule in RULES for finding in rule(run))
