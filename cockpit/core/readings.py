"""Reading one run, live and afterwards: every rule over one run's record, quiet when it should be quiet.

A rule is a function `Run -> list[Finding]` in one of the files beside this one; adding one touches that file,
its test, and the table here.
"""

from __future__ import annotations

from collections.abc import Callable

from cockpit.core import stats
from cockpit.core.findings import Finding, ranked
from cockpit.core.readings_eval import mid_eval_regression, overfit_or_leak, reward_hacking
from cockpit.core.readings_loss import flat_loss, loss_spike, nonfinite
from cockpit.core.readings_preference import (
    chosen_less_likely,
    learnt_reward_hacked,
    pairs_not_told_apart,
    stale_samples,
)
from cockpit.core.readings_reward import (
    degenerate_reward,
    entropy_collapse,
    kl_blow_up,
    truncated_completions,
)
from cockpit.core.run_record import Run

SLOWER = 2.5


def stalled_run(run: Run) -> list[Finding]:
    """No step for several typical step times; or steps that take far longer than they did."""
    source = "house rule: a run that crawls or hangs looks like one that works"
    if run.stalled:
        return [
            Finding(
                "stalled-run",
                "alarm",
                run.stalled,
                (run.stalled,),
                "Look at the end of its log and at the machine (memory, disk, the device's use); stop and "
                "resume from the "
                "last checkpoint if nothing moves.",
                source,
                (run.id,),
            )
        ]
    times = run.values("step_time")
    if len(times) < 40 or run.outcome is not None:
        return []
    before, now = stats.median(times[: len(times) // 2]), stats.median(times[-max(10, len(times) // 8) :])
    lengths = run.values("completions/mean_length")
    longer = lengths[-1] / lengths[0] if len(lengths) > 1 and lengths[0] > 0 else 1.0
    if before <= 0 or now < SLOWER * before * max(1.0, longer):
        return []
    since = run.since("step_time", stats.change_point(times))
    return [
        Finding(
            "stalled-run",
            "warn",
            f"Steps take {now:.3g} s now, {before:.3g} s before",
            (
                f"median step time of the first half {before:.3g} s, lately {now:.3g} s",
                "completions did not grow as much",
            ),
            "Look at the machine: another process on the device, swapping, a slow disk, or layers that "
            "were offloaded to the CPU.",
            source,
            (run.id,),
            since,
        )
    ]


RULES: tuple[Callable[[Run], list[Finding]], ...] = (
    nonfinite,
    loss_spike,
    flat_loss,
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
