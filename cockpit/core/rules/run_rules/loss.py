"""Rules over the loss of one run: flat, spiking or diverging, not a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from cockpit.core import stats
from cockpit.core.findings import Finding, Severity
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules import pairs, trained
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

FLAT_POINTS = count("flat-loss", "points")
FLAT_SHARE = limit("flat-loss", "fall")
RESOLVED = limit("flat-loss", "resolved")
LEARNT_LOSS = limit("flat-loss", "learnt")
LONG_WARMUP = count("flat-loss", "warmup")
FLOOR = limit("flat-loss", "floor")
SPIKE_WINDOW = count("loss-spike", "window")
SPIKE_SIGMAS = limit("loss-spike", "sigmas")
RARE = limit("nonfinite", "rare")
NOT_FP16 = {"fp16": False, "bf16": True}
SHORT_WARMUP = 0.05  # a share of the steps: the recipes' own


NO_CURE = advice.Cure("")


def flat_loss(run: Run) -> list[Finding]:
    """Find a loss that has not fallen since the end of the warm-up."""
    losses = run.values("loss")
    start = _after_warmup(run)
    learning = losses[start:]
    if run.rewarded or len(learning) < FLAT_POINTS or trained.nothing_trained(run):
        return []
    initial, early, late = stats.mean(losses[:3]), _quarter(learning, 0), _quarter(learning, -1)
    change, t = stats.trend(learning)
    if _warming_up(run.values("lr")):
        return []  # what its learning rate says is another rule's
    fell = early - late > FLAT_SHARE * abs(early) or (change < 0 and t < -3) or late < 0.9 * initial
    fell = fell or losses[0] - late > 4 * series.noise(learning)
    if pairs.reward_model_at_chance(run):
        return []
    unsure = 2 * series.change(learning)[1] > RESOLVED * abs(early)
    if fell or unsure or late < LEARNT_LOSS or late > 1.1 * early:
        return []
    rate, faster = max(run.values("lr"), default=None), advice.rate(run, 5)
    return [
        found(
            "flat-loss",
            "warn",
            f"The loss is flat: {early:.3g} at first, {late:.3g} now",
            (
                f"mean loss of the first quarter {early:.4g}, of the last {late:.4g}, over {len(learning)} "
                "points" + (" after the warm-up" if start else ""),
                f"fitted change {change:+.3g} from step {run.since('loss', start)} on, within its noise",
                *([f"highest learning rate so far {rate:.3g}"] if rate is not None else []),
            ),
            f"{advice.sentence(faster)} (LoRA takes about ten times that of full weights), or look "
            "whether the training rows are all alike or already known to the model.",
            (run.id,),
            run.since("loss", start),
            change=faster.change,
        )
    ]


def learning_rate(run: Run) -> list[Finding]:
    """Find a flat loss that the learning rate explains: it is 0, still warming up, or at its floor."""
    rates, losses = run.values("lr"), run.values("loss")
    if run.rewarded or run.outcome is not None or len(rates) < FLAT_POINTS or len(losses) < FLAT_POINTS:
        return []
    top = max(rates)
    if top <= 0:
        return [
            _rate(
                run,
                "warn",
                "The learning rate is 0",
                "every learning rate so far is 0",
                "Look at lr_scheduler_type and learning_rate: its schedule ended before it began, or it was set to 0.",
                0,
            )
        ]
    early, late = _quarter(losses, 0), _quarter(losses, -1)
    if _warming_up(rates):
        if len(rates) < LONG_WARMUP or early - late > FLAT_SHARE * abs(early) or late < LEARNT_LOSS:
            return []
        said = f"{rates[0]:.2g} at first, {rates[-1]:.2g} after {len(rates)} points, and still rising"
        sooner = advice.to(run, "warmup_steps", SHORT_WARMUP)
        anew = f", or begin anew with a shorter one: {sooner}, a share of the steps" if sooner.change else ""
        wait = f"Wait for the end of the warm-up{anew}."
        head = "The loss is flat because the learning rate is still warming up"
        return [_rate(run, "info", head, said, wait, 0, sooner)]
    floor = next((i for i in range(len(rates)) if max(rates[i:]) <= FLOOR * top), None)
    if floor is None or len(rates) - floor < max(FLAT_POINTS, len(rates) // 10) or late < LEARNT_LOSS:
        return []
    tail = losses[-(len(rates) - floor) :]
    if _quarter(tail, 0) - _quarter(tail, -1) > FLAT_SHARE * abs(_quarter(tail, 0)):
        return []
    said = f"highest {top:.2g}, since step {run.since('lr', floor)} at most {FLOOR:.0%} of it"
    longer = advice.whole(run, "num_train_epochs", lambda now: 2 * now, "set a longer schedule")
    if (run.setting("max_steps") or 0) > 0:
        longer = advice.whole(run, "max_steps", lambda now: 2 * now, "")
    return [_rate(run, "info", "The learning rate is at its floor: nothing moves any more", said,
                  f"Stop here and keep the best checkpoint, or begin anew and {longer}.", floor, longer)]  # fmt: skip


def _warming_up(rates: Sequence[float]) -> bool:
    """Whether the learning rate has done nothing but rise so far."""
    return len(rates) > 5 and rates[0] < rates[-1] / 4 and all(a < b for a, b in pairwise(rates))


def _rate(
    run: Run,
    severity: Severity,
    headline: str,
    said: str,
    next_step: str,
    since: int,
    cure: advice.Cure = NO_CURE,
) -> Finding:
    step = run.since("lr", since)
    return found("flat-loss", severity, headline, (said,), next_step, (run.id,), step, change=cure.change)


def _after_warmup(run: Run) -> int:
    """The index of the first loss at which the learning rate was at least half of its highest."""
    rates = dict(run.metrics.get("lr", ()))
    top = max(rates.values(), default=0.0)
    if top <= 0:
        return 0
    return next((i for i, step in enumerate(run.steps("loss")) if rates.get(step, 0.0) >= top / 2), 0)


def _quarter(values: Sequence[float], which: int) -> float:
    size = max(1, len(values) // 4)
    return stats.mean(values[:size] if which == 0 else values[-size:])


def loss_spike(run: Run) -> list[Finding]:
    """Find a loss that jumped and stayed up, jumped and came back, or has been rising for long."""
    losses = run.values("loss")
    if run.rewarded or len(losses) < SPIKE_WINDOW // 2 + 1:
        return []
    spikes = _spikes(losses)
    lasting = next((i for i in spikes if _stays_up(losses, i)), None)
    if lasting is not None:
        return [_spiked(run, lasting, losses, lasting=True)]
    rising = _rising_since(losses)
    if rising is not None:
        return [_diverging(run, rising, losses)]
    if spikes:
        worst = max(
            spikes, key=lambda i: losses[i] / max(1e-9, stats.median(losses[max(0, i - SPIKE_WINDOW) : i]))
        )
        return [_spiked(run, worst, losses, lasting=False)]
    return []


def _spikes(losses: Sequence[float]) -> list[int]:
    """Indices that stand out of the points before them, judged by ratio: losses vary by a factor, not an amount."""
    level = stats.median(losses[:10])
    spikes: list[int] = []
    for index in range(SPIKE_WINDOW // 2, len(losses)):
        before = losses[max(0, index - SPIKE_WINDOW) : index]
        if losses[index] <= 2 * before[-1] or min(before) <= 0:
            continue  # cheap first: most points are no spike, and the medians cost
        base, logs = stats.median(before), [math.log(value) for value in before]
        noise = max(stats.spread(logs), 0.05)
        ratio = losses[index] / base
        if ratio > 2 and math.log(ratio) > SPIKE_SIGMAS * noise and losses[index] - base > 0.1 * abs(level):
            spikes.append(index)
    return spikes


def _stays_up(losses: Sequence[float], index: int) -> bool:
    before = losses[max(0, index - SPIKE_WINDOW) : index]
    after = losses[index + 1 : index + 11]
    return len(after) >= 5 and stats.median(after) > stats.median(before) + 3 * max(
        stats.spread(before), 0.02 * stats.median(before)
    )


def _spiked(run: Run, index: int, losses: Sequence[float], *, lasting: bool) -> Finding:
    step = run.since("loss", index)
    base = stats.median(losses[max(0, index - SPIKE_WINDOW) : index])
    evidence = [
        f"step {step}: loss {losses[index]:.4g}, the {SPIKE_WINDOW} points before it had a median of "
        f"{base:.4g}"
    ]
    norm = dict(run.metrics.get("grad_norm", ())).get(step or -1)
    if norm is not None:
        usual = stats.median(run.values("grad_norm"))
        evidence.append(f"gradient norm there {norm:.3g}, usually {usual:.3g}")
    if step is not None and step in run.examples:
        evidence.append(f"examples of that batch: {run.examples[step]}")
    now = f"and stayed up (now {stats.median(losses[-5:]):.3g})" if lasting else "and came back"
    slower = advice.rate(run, 0.3)
    return found(
        "loss-spike",
        "alarm" if lasting else "info",
        f"The loss jumped from {base:.3g} to {losses[index]:.3g} at step {step} {now}",
        tuple(evidence),
        f"Stop, go back to {advice.checkpoint(run, step)}, and {slower} or clip the gradient lower "
        f"({run.called('max_grad_norm')} 0.3); look at that batch's rows."
        if lasting
        else "Look at that batch's rows; nothing else to do unless it happens again.",
        (run.id,),
        step,
        change=slower.change if lasting else {},
    )


def _rising_since(losses: Sequence[float]) -> int | None:
    """Where a lasting rise began: the last tenth lies well above the best tenth, clearly out of the noise."""
    size = max(10, len(losses) // 10)
    if len(losses) < 4 * size:
        return None
    means = [stats.mean(losses[i : i + size]) for i in range(0, len(losses) - size + 1, max(1, size // 2))]
    best = min(range(len(means)), key=means.__getitem__)
    late = stats.mean(losses[-size:])
    start = best * max(1, size // 2) + size // 2
    rise, t = stats.trend(losses[start:])
    if (
        late > 1.3 * means[best]
        and late > LEARNT_LOSS
        and rise > 0
        and t > 4
        and len(losses) - start >= 2 * size
    ):
        return start
    return None


def _diverging(run: Run, index: int, losses: Sequence[float]) -> Finding:
    step = run.since("loss", index)
    size = max(10, len(losses) // 10)
    low, now = stats.mean(losses[max(0, index - size // 2) : index + size // 2]), stats.mean(losses[-size:])
    slower = advice.rate(run, 0.3)
    return found(
        "loss-spike",
        "alarm",
        f"The loss rises since about step {step}: {low:.3g} then, {now:.3g} now",
        (f"mean over {size} points around step {step}: {low:.4g}; of the last {size}: {now:.4g}",),
        f"The steps are too large for what is left to learn: go back to {advice.checkpoint(run, step)} and "
        f"{slower}.",
        (run.id,),
        step,
        change=slower.change,
    )


def nonfinite(run: Run) -> list[Finding]:
    """Find metrics that were NaN or infinite; a rare one in the gradient norm alone is fp16 loss scaling at work."""
    if not run.nonfinite:
        return []
    grave = [odd for odd in run.nonfinite if odd.metric in ("loss", "reward") or "loss" in odd.metric]
    first = (grave or list(run.nonfinite))[0]
    steps = len({odd.step for odd in run.nonfinite})
    total = max(1, len(run.metrics.get("lr", ())), len(run.metrics.get("loss", ())))
    rare = not grave and steps <= max(3, RARE * total)
    evidence = [f"step {odd.step}: {odd.metric} = {odd.value}" for odd in run.nonfinite[:5]]
    if len(run.nonfinite) > 5:
        evidence.append(f"… {len(run.nonfinite)} such values in {steps} steps")
    if first.step in run.examples:
        evidence.append(f"examples of that batch: {run.examples[first.step]}")
    slower = advice.rate(run, 0.5)
    return [
        found(
            "nonfinite",
            "alarm" if grave else "info" if rare else "warn",
            f"{first.metric} was {first.value} at step {first.step}",
            tuple(evidence),
            "Nothing, unless it goes on: fp16 loss scaling skips such steps."
            if rare
            else f"Stop: weights that saw it are spoilt. Go back to {advice.checkpoint(run, first.step)}, set bf16 "
            f"to True, not fp16, {slower}, and look at that batch's rows (empty completions, or a batch "
            "of KTO without one of its labels, give a mean of nothing).",
            (run.id,),
            first.step,
            change={} if rare else {**slower.change, **advice.switched(run, NOT_FP16)},
        )
    ]


RULES: tuple[RunRule, ...] = (nonfinite, loss_spike, flat_loss, learning_rate)
