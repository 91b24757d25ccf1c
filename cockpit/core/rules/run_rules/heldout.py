"""Rules over a trainer's own evaluations (`eval_loss`, `eval_*`), and over training that has none."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Points, Run

EQUAL = limit("eval-loss-rising", "equal")
GRAVE = limit("eval-loss-rising", "grave")
BY_HEART = limit("memorised", "loss")
EPOCHS = limit("memorised", "epochs")
MANY = limit("memorised", "many")
PERFECT = count("overfit-or-leak", "perfect")
NOTHING_LEFT = limit("overfit-or-leak", "nothing_left")
FALL = limit("reward-hacking", "fall")

_EVAL = re.compile(r"eval[_/]")
_LOSS = re.compile(r"eval[_/](.+[_/])?loss$")
_SCORE = re.compile(
    r"acc|f1|exact|\bem\b|rouge|bleu|score|reward|pass|correct|success|win_?rate|map\b|ndcg|mcc"
)
_NO_SCORE = re.compile(
    r"std|loss|margin|chosen|rejected|token_acc|/min|/max|clip|length|format|num_|runtime|per_second"
)
_EXACT = re.compile(r"(^|[_/])(accuracy|acc|f1|exact_match|em)$")


def eval_losses(run: Run) -> dict[str, Points]:
    """Return the series of held-out losses, of each eval set one."""
    return {name: points for name, points in run.metrics.items() if _LOSS.match(name)}


def eval_scores(run: Run) -> dict[str, Points]:
    """Return the series of held-out scores, higher is better, whatever they are called."""
    return {
        name: points
        for name, points in run.metrics.items()
        if (at := _EVAL.match(name))
        and _SCORE.search(rest := name[at.end() :].lower())
        and not _NO_SCORE.search(rest)
    }


def standing(values: Sequence[float], *, lowest: bool) -> tuple[int, float, float]:
    """Return the best value's index, how far the last ones are off it, and the amount that is out of the noise.

    The best of n noisy values looks better than it is, by up to sqrt(2 ln n) of their noise; the median of the last
    three is off by 1.25 / sqrt(3) of it, twice which is the margin.
    """
    sign = 1.0 if lowest else -1.0
    signed = [sign * value for value in values]
    best = min(range(len(signed)), key=signed.__getitem__)
    last = signed[max(best + 1, len(signed) - 3) :]
    if not last:
        return best, 0.0, math.inf
    sure = series.noise(values) * (math.sqrt(2 * math.log(len(values))) + 2 * 1.25 / math.sqrt(len(last)))
    return best, stats.median(last) - signed[best], sure


def eval_loss_rising(run: Run) -> list[Finding]:
    """The held-out loss rises while the train loss falls."""
    if run.rewarded:
        return []
    made = [finding for name, points in eval_losses(run).items() if (finding := _rising(run, name, points))]
    return sorted(made, key=lambda finding: finding.severity == "info")[:1]


def _rising(run: Run, name: str, points: Points) -> Finding | None:
    values = [value for _, value in points]
    if len(values) < 4 or min(values) <= 0:
        return None
    best, rise, sure = standing(values, lowest=True)
    step, low = points[best]
    after = len(values) - 1 - best
    fell = _train_fell(run, step)
    if after < 2 or rise <= EQUAL * low or fell is None:
        return None
    better = _improves(run, step)
    if rise <= sure and after < max(3, len(values) // 4):
        return None
    grave = rise > max(sure, GRAVE * low) and not better
    told = (
        f"{better} still rises: by the task it is no worse"
        if better
        else "no score among the evals rises meanwhile"
    )
    epoch = _epoch(run, step)
    fewer = _until(run, step, epoch)
    slower = advice.rate(run, 0.5)
    return found(
        "eval-loss-rising",
        "warn" if grave else "info",
        f"{name} was lowest at step {step} ({low:.4g}) and is {low + rise:.4g} now, while the train loss falls",
        (
            f"{after} evals since, the last ones {rise / low:+.1%}; out of the noise from {max(sure, EQUAL * low):.2g}",
            f"train loss {fell[0]:.3g} then, {fell[1]:.3g} now",
            told,
        ),
        f"Keep the checkpoint of step {step} (load_best_model_at_end, metric_for_best_model={name}); for the next run "
        f"{fewer}, or {slower}.",
        (run.id,),
        step,
        change=fewer.change or slower.change,
    )


def _until(run: Run, step: int, epoch: float | None) -> advice.Cure:
    """End where the held-out loss was lowest: by whole epochs, or by steps where the run counts those."""
    if not epoch or (run.setting("max_steps") or 0) > 0:
        return advice.Cure(f"lower {run.called('max_steps')} to {step}", {"max_steps": step})
    return advice.shorter(run, math.ceil(epoch - 0.01), "train for fewer epochs")


def _train_fell(run: Run, step: int) -> tuple[float, float] | None:
    """Return the train loss around a step and lately where it went on falling; None where it did not."""
    before = [value for at, value in run.metrics.get("loss", ()) if at <= step][-5:]
    after = [value for at, value in run.metrics.get("loss", ()) if at > step]
    late = series.part(after, 0.3, -1, 3)
    if not before or not late:
        return None
    then, now = stats.median(before), stats.median(late)
    return (then, now) if now < 0.98 * then else None


def _improves(run: Run, step: int) -> str:
    """Name a held-out score that was higher after the step than up to it, out of its noise; empty for none."""
    for name, points in eval_scores(run).items():
        before = [value for at, value in points if at <= step]
        after = [value for at, value in points if at > step]
        noise = series.noise([value for _, value in points])
        if (
            before
            and len(after) > 1
            and stats.median(after[-3:]) > max(before) + max(noise, 0.005 * abs(max(before)))
        ):
            return name
    return ""


def _epoch(run: Run, step: int) -> float | None:
    return next((value for at, value in reversed(run.metrics.get("epoch", ())) if at <= step), None)


def memorised(run: Run) -> list[Finding]:
    """The train loss is near zero after many epochs, and nothing held out was looked at."""
    losses, epochs = run.values("loss"), run.values("epoch")
    looked = eval_losses(run) or eval_scores(run) or run.mid_evals or run.held_out is not None
    if run.technique != "sft" or len(losses) < 10 or looked or not epochs or max(epochs) < EPOCHS:
        return []
    bound = BY_HEART * (2 if max(epochs) >= MANY else 1)
    start, late = max(losses[:3]), stats.median(series.part(losses, 0.1, -1, 5))
    if not ABOVE_ROUNDING < late <= bound or start < 5 * late:
        return []
    since = series.began(losses, lambda value: value <= bound)
    step = run.since("loss", since)
    epoch = _epoch(run, step or 0) or 0.0
    if epoch < 1:
        return []  # low before any row came twice: easy rows, not learnt by heart
    total = run.setting("num_train_epochs") or max(epochs)
    most = min(3, max(1, round(total) - 1))
    fewer = advice.shorter(run, most, f"lower num_train_epochs from {total:g} to {most}")
    return [
        found(
            "memorised",
            "warn",
            f"The train loss is {late:.2g} after {max(epochs):.3g} epochs, and nothing held out was looked at",
            (
                f"at most {bound:g} since step {step}, in epoch {epoch:.3g}; {start:.3g} at first",
                f"{late:.2g} nats a token: each token of the rows is given a chance of {math.exp(-late):.0%}",
            ),
            f"Hold out a twentieth of the rows (eval_dataset, eval_strategy='epoch') and {fewer}; score an earlier "
            "checkpoint beside the last.",
            (run.id,),
            step,
            change=fewer.change,
        )
    ]


ABOVE_ROUNDING = 1e-5  # a loss of exactly 0 is another rule's


def too_good(run: Run) -> list[Finding]:
    """Held-out items are all right at every evaluation, or cost next to nothing: too good to be true."""
    if run.technique != "sft":
        return []
    for name, points in eval_scores(run).items():
        values = [value for _, value in points]
        if _EXACT.search(name) and len(values) >= PERFECT and min(values) == max(values) == 1.0:
            return [
                _suspect(
                    run,
                    "warn",
                    f"{name} is exactly 1 at every one of {len(values)} evals",
                    f"first at step {points[0][0]}",
                    points[0][0],
                )
            ]
    losses = run.values("loss")
    for name, points in eval_losses(run).items():
        held = [value for _, value in points]
        if len(held) < 3 or len(losses) < 10:
            continue
        late = stats.median(series.part(losses, 0.1, -1, 5))
        if max(late, stats.median(held[-3:])) < NOTHING_LEFT and late > 0:
            head = f"Train and held-out loss are both next to nothing: {late:.2g} and {held[-1]:.2g}"
            return [
                _suspect(run, "info", head, f"{name} at step {points[-1][0]}: {held[-1]:.3g}", points[0][0])
            ]
    return []


def _suspect(run: Run, severity: str, head: str, seen: str, step: int) -> Finding:
    return found(
        "overfit-or-leak",
        "warn" if severity == "warn" else "info",
        head,
        (seen,),
        "Does the label stand in the prompt, are eval rows among the training rows (`cockpit overlap`)? Look, "
        "and what the loss is taken on: set the labels of padding and prompt to -100.",
        (run.id,),
        step,
    )


def held_out_falls(run: Run) -> list[Finding]:
    """The training reward rises while a held-out score falls, whatever that is called."""
    rewards = run.values("reward")
    if not run.rewarded or len(rewards) < 10:
        return []
    gain, error = series.change(rewards)
    if gain <= 3 * error or gain <= 0.05 * max(abs(stats.mean(rewards)), 1e-9):
        return []
    for name, points in eval_scores(run).items():
        values = [value for _, value in points]
        if len(values) < 4:
            continue
        best, fall, sure = standing(values, lowest=False)
        step = points[best][0]
        if len(values) - 1 - best < 2 or fall <= max(sure, FALL * abs(values[best])):
            continue
        now, pull = stats.median(values[-3:]), advice.beta(run, 4, 0.04)
        return [
            found(
                "reward-hacking",
                "alarm",
                f"The reward rises while {name} falls: {values[best]:.3g} at step {step}, {now:.3g} now",
                (
                    f"mean reward of the first quarter {stats.mean(series.part(rewards, 0.25, 0)):.3g}, of the last "
                    f"{stats.mean(series.part(rewards, 0.25, -1)):.3g}",
                    f"{name} fell by {fall:.2g}; out of its noise from {sure:.2g} on, over {len(values)} evals",
                ),
                f"Stop and go back to the checkpoint of step {step}. Then {pull} and read the "
                "highest-rewarded samples for what they exploit.",
                (run.id,),
                step,
                change=pull.change,
            )
        ]
    return []


RULES: tuple[RunRule, ...] = (eval_loss_rising, memorised, too_good, held_out_falls)
