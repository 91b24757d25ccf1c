"""Rules over preferences that run away, and over reward models that tell nothing apart."""

from __future__ import annotations

import math
import operator
from functools import partial

from cockpit.contract.techniques import PREFERENCES
from cockpit.core import stats
from cockpit.core.findings import Finding
from cockpit.core.rules.measures import advice, series
from cockpit.core.rules.run_rules.run_rule import RunRule
from cockpit.core.rules.table import count, found, limit
from cockpit.core.runs.run_record import Run

ROWS = count("reward-model-at-chance", "rows")
STEPS = count("reward-model-at-chance", "steps")
CHANCE = limit("reward-model-at-chance", "chance")
FALL = limit("preference-collapse", "fall")
FALLING = count("preference-collapse", "rows")
NATS = limit("preference-collapse", "nats")


def reward_model_at_chance(run: Run) -> list[Finding]:
    """A reward model that puts the better answer first no more often than a coin, in training or in its evals."""
    if run.technique != "reward" or series.still_warming(run.values("lr")):
        return []
    accuracy, losses = run.values("accuracy"), run.values("loss")
    held = run.values("eval_accuracy")
    if accuracy and len(accuracy) >= ROWS and run.last_step >= STEPS:
        late = stats.mean(series.part(accuracy, 0.25, -1, ROWS // 2))
        if late <= CHANCE:
            return [
                _at_chance(
                    run, "accuracy", late, f"accuracy lately {late:.3f} over {len(accuracy)} rows", losses
                )
            ]
    elif not accuracy and len(losses) >= ROWS and run.last_step >= STEPS:
        late = stats.mean(series.part(losses, 0.25, -1, ROWS // 2))
        if abs(late - math.log(2)) < 0.02:
            return [_at_chance(run, "loss", 0.5, f"loss lately {late:.4f}; ln 2 is 0.6931", losses)]
    if len(held) >= 3 and stats.mean(held[-3:]) <= CHANCE and run.last_step >= STEPS:
        late = stats.mean(held[-3:])
        seen = f"eval_accuracy of the last three evals {late:.3f}"
        if accuracy:
            seen += f", accuracy in training {stats.mean(series.part(accuracy, 0.25, -1)):.3f}"
        return [_at_chance(run, "eval_accuracy", late, seen, losses)]
    return []


def _at_chance(run: Run, name: str, late: float, seen: str, losses: list[float]) -> Finding:
    held = name == "eval_accuracy"
    moved = advice.rate(run, 0.5 if held else 3)
    once = advice.shorter(run, 1, f"set {run.called('num_train_epochs')} to 1")
    return found(
        "reward-model-at-chance",
        "warn",
        f"{'On held-out pairs the' if held else 'The'} reward model is at chance: {late:.0%} in the right order",
        (seen, *([f"loss {losses[0]:.3g} at first, {losses[-1]:.3g} now"] if losses else [])),
        f"It knows the training pairs by heart: {moved}, {once}, take more pairs."
        if held
        else "Set pad_token_id in the model's config (else the score is read at a padding token), look whether ten "
        f"pairs are the right way round, then {moved}.",
        (run.id,),
        run.since(name, 0),
        change={**moved.change, **once.change} if held else moved.change,
    )


def preference_collapse(run: Run) -> list[Finding]:
    """Chosen, or rejected, answers get less likely without bound."""
    chosen, rejected = run.values("logps/chosen"), run.values("logps/rejected")
    if run.technique not in PREFERENCES or min(len(chosen), len(rejected)) < FALLING:
        return []
    for name, values, times in (("chosen", chosen, FALL), ("rejected", rejected, 2 * FALL)):
        early, late = (
            stats.median(series.part(values, 0.1, 0, 3)),
            stats.median(series.part(values, 0.1, -1, 3)),
        )
        fall, error = series.change(values)
        recent, _ = series.change(values[len(values) // 2 :])
        least = NATS if abs(early) > 5 else NATS / 20  # ORPO's and CPO's are means over an answer's tokens
        if early >= 0 or late > (1 + times) * early or early - late < least or recent > LEVELS * fall:
            continue
        if abs(fall) <= 4 * error or series.rank_correlation(values, range(len(values))) > -0.9:
            continue
        level = (1 + times / 4) * early
        since = series.began(values, partial(operator.gt, level))
        tokens = run.values("mean_token_accuracy")
        slower, pull = advice.rate(run, 0.2), advice.beta(run, 3, 0.3)
        hold = (
            "add the likelihood of the chosen answer (loss_type=['sigmoid', 'sft'], loss_weights=[1, 1]), "
            if run.technique == "dpo"
            else ""
        )
        return [
            found(
                "preference-collapse",
                "alarm" if name == "chosen" else "info",
                f"The {name} answers get less and less likely: {early:.3g} nats at first, {late:.3g} now",
                (
                    f"logps/{name} falls in step with the steps and does not level off",
                    *(
                        [f"mean_token_accuracy {tokens[0]:.2f} at first, {tokens[-1]:.2f} now"]
                        if tokens
                        else []
                    ),
                ),
                f"Stop and go back to {advice.checkpoint(run, run.since(f'logps/{name}', since))}; {hold}"
                f"{slower} and {pull}.",
                (run.id,),
                run.since(f"logps/{name}", since),
                change={**slower.change, **pull.change},
            )
        ]
    return []


LEVELS = 0.25  # the second half's share of the fall, below which it levels off


RULES: tuple[RunRule, ...] = (reward_model_at_chance, preference_collapse)
