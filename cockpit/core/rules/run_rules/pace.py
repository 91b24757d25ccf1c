"""Rules over the pace: stalled, crawling, waiting for data, or training with an idle device."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.core import stats
from cockpit.core.findings import Finding, Severity
from cockpit.core.rules.measures import advice
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

SLOWER = limit("stalled-run", "slower")
POINTS = count("stalled-run", "points")
IDLE = limit("stalled-run", "idle")
WAITING = limit("stalled-run", "waiting")
_UTIL = ("gpu_util", "gpu_utilization", "system/gpu.0.gpu", "train/gpu_util")
_WAITS = ("data_time", "data_wait", "dataloader_time", "train/data_time")


def stalled_run(run: Run) -> list[Finding]:
    """No step for several typical step times; else what makes the steps slow."""
    if run.stalled:
        return [
            _finding(
                run, "alarm", run.stalled, (run.stalled,),
                "Look at the end of its log and at the machine (memory, disk, the device's use); stop and resume from "
                "the last checkpoint if nothing moves.",
            )
        ]  # fmt: skip
    if run.outcome is not None:
        return []  # it is over: its pace is no news
    for rule in (slower_steps, slower_tokens, idle_device, waiting_for_data):
        slow = rule(run)
        if slow is not None:
            return [slow]
    return []


def slower_steps(run: Run) -> Finding | None:
    """Steps take far longer than they did, and the completions did not grow as much."""
    times = run.values("step_time")
    if len(times) < POINTS:
        return None
    before, now = stats.median(times[: len(times) // 2]), stats.median(times[-max(10, len(times) // 8) :])
    lengths = run.values("completions/mean_length")
    longer = lengths[-1] / lengths[0] if len(lengths) > 1 and lengths[0] > 0 else 1.0
    if before <= 0 or now < SLOWER * before * max(1.0, longer):
        return None
    return _finding(
        run, "warn", f"Steps take {now:.3g} s now, {before:.3g} s before",
        (f"median step time of the first half {before:.3g} s, lately {now:.3g} s", "completions did not grow as much"),
        "Look at the machine: another process on the device, swapping, a slow disk, or layers that were offloaded to "
        "the CPU.",
        run.since("step_time", stats.change_point(times)),
    )  # fmt: skip


def slower_tokens(run: Run) -> Finding | None:
    """The throughput fell to a fraction, whatever a step is."""
    rates = run.values("tokens_per_s")
    if len(rates) < POINTS:
        return None
    before, now = stats.median(rates[: len(rates) // 2]), stats.median(rates[-max(10, len(rates) // 8) :])
    if before <= 0 or now * SLOWER > before:
        return None
    return _finding(
        run, "warn", f"The throughput fell from {before:,.0f} to {now:,.0f} tokens a second",
        (f"median of the first half {before:,.1f} tokens/s, lately {now:,.1f}",),
        "Look at the machine: another process on the device, a hot device that throttles, swapping, a slow disk.",
        run.since("tokens_per_s", stats.change_point(rates)),
    )  # fmt: skip


def idle_device(run: Run) -> Finding | None:
    """The device hardly works while the run is training."""
    name = next((name for name in _UTIL if len(run.values(name)) >= 20), None)
    if name is None:
        return None
    late = stats.median(run.values(name)[-20:])
    if late >= IDLE:
        return None
    return _finding(
        run, "warn", f"The device is idle while it trains: {late:.0f} % used",
        (f"median utilisation over the last 20 points {late:.1f} %",),
        "Look where the work is: layers on the CPU or offloaded (device_map), a data loader that can't keep up "
        "(dataloader_num_workers), a batch that is far too small.",
    )  # fmt: skip


def waiting_for_data(run: Run) -> Finding | None:
    """Most of a step is spent on getting the next batch."""
    name = next((name for name in _WAITS if len(run.values(name)) >= 20), None)
    times = run.values("step_time")
    if name is None or len(times) < 20:
        return None
    wait, step = stats.median(run.values(name)[-20:]), stats.median(times[-20:])
    if step <= 0 or wait < WAITING * step:
        return None
    more = advice.whole(
        run, "dataloader_num_workers", lambda now: max(2, 2 * now), "set dataloader_num_workers to 2"
    )
    return _finding(
        run, "warn", f"{wait / step:.0%} of a step is waiting for data",
        (f"median of the last 20 points: {wait:.3g} s of {step:.3g} s",),
        f"Tokenize ahead and cache it, or give the data loader more workers: {more}.", change=more.change,
    )  # fmt: skip


def _finding(
    run: Run,
    severity: Severity,
    headline: str,
    evidence: tuple[str, ...],
    next_step: str,
    since: int | None = None,
    change: Mapping[str, object] | None = None,
) -> Finding:
    return found("stalled-run", severity, headline, evidence, next_step, (run.id,), since, change=change)


RULES: tuple[RunRule, ...] = (stalled_run,)
