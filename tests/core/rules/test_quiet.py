"""When a reading keeps still: runs too short to judge, in warm-up, at a schedule's end, after one fp16 overflow.

Each run logs everything that the rules read for its technique, so that all of them have something to judge.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cockpit.contract.techniques import TECHNIQUES
from cockpit.core.rules.run_rules.judge import read
from cockpit.core.runs.run_record import Nonfinite, Run
from tests.core.rules.test_changes import RUNS
from tests.support.made_runs import Series, along, plus, record

LN2 = math.log(2)
TOLD_AT_ONCE = {"nonfinite", "nothing-trained", "stale-samples"}
"""No trends: a loss that is no number, a gradient that is exactly 0 again and again, whose samples are trained on."""
Shape = Callable[[float], float]


def loud(run: Run) -> list[str]:
    return [f"{f.rule}: {f.headline}" for f in read(run) if f.severity != "info"]


def made(
    technique: str,
    n: int,
    progress: Shape,
    lr: Sequence[float],
    *,
    every: int = 1,
    seed: int = 0,
    **more: Any,
) -> Run:
    """A sound run of `n` rows: `progress` (0..1 of the run -> 0..1) says how much it has learnt by then."""
    rng = random.Random(seed)
    series: Series = {"lr": list(lr), "grad_norm": along(rng, n, 0.3, lambda x: 0.5 + 4 * math.exp(-30 * x))}
    evals: Series = {}
    if technique in ("sft", "rft"):
        series["loss"] = along(rng, n, 0.05, lambda x: 1.8 - 0.7 * progress(x))
        series["entropy"] = along(rng, n, 0.05, lambda x: 1.5 - 0.5 * progress(x))
        evals = {"eval_loss": along(rng, 5, 0.01, lambda x: 1.8 - 0.6 * progress(x))}
    elif technique == "reward":
        series["loss"] = along(rng, n, 0.05, lambda x: LN2 - 0.3 * progress(x))
        series["accuracy"] = plus(rng, n, 0.06, lambda x: 0.5 + 0.3 * progress(x))
        evals = {"eval_accuracy": plus(rng, 5, 0.02, lambda x: 0.5 + 0.2 * progress(x))}
    elif technique in ("dpo", "kto", "orpo"):
        series |= _preferences(rng, technique, n, progress)
    else:
        series |= _rewards(rng, technique, n, progress)
        evals = {"eval_accuracy": plus(rng, 5, 0.02, lambda x: 0.3 + 0.3 * progress(x))}
    return record(technique, series, every=every, evals=evals, **more)


def _preferences(rng: random.Random, technique: str, n: int, progress: Shape) -> Series:
    start = {"dpo": LN2, "kto": 0.5, "orpo": 1.2}[technique]
    chosen = plus(rng, n, 0.02, lambda x: 0.3 * progress(x))
    rejected = plus(rng, n, 0.02, lambda x: -0.9 * progress(x))
    return {
        "loss": along(rng, n, 0.03, lambda x: start - 0.3 * progress(x)),
        "rewards/chosen": chosen,
        "rewards/rejected": rejected,
        "rewards/margins": [c - r for c, r in zip(chosen, rejected, strict=True)],
        "rewards/accuracies": plus(rng, n, 0.08, lambda x: 0.5 + 0.35 * progress(x)),
        "logps/chosen": [-90 + 10 * c + rng.gauss(0, 4) for c in chosen],
        "logps/rejected": [-95 + 10 * r + rng.gauss(0, 4) for r in rejected],
    }


def _rewards(rng: random.Random, technique: str, n: int, progress: Shape) -> Series:
    answer = 40.0 if technique == "ppo" else 1.0
    rate = [min(1.0, max(0.0, value)) for value in plus(rng, n, 0.06, lambda x: 0.3 + 0.4 * progress(x))]
    return {
        "reward": rate,
        "reward_std": along(rng, n, 0.1, lambda x: 0.4),
        "rewards/verifier/mean": rate,
        "rewards/format/mean": [min(1.0, v) for v in plus(rng, n, 0.02, lambda x: 0.8 + 0.15 * progress(x))],
        "frac_reward_zero_std": [abs(v) for v in plus(rng, n, 0.1, lambda x: 0.3)],
        "kl": along(rng, n, 0.3, lambda x: answer * (1e-5 + 0.06 * progress(x))),
        "entropy": along(rng, n, 0.05, lambda x: 0.8 - 0.3 * progress(x)),
        "loss": plus(rng, n, 1e-3, lambda x: 0.0),
        "completions/mean_length": along(rng, n, 0.05, lambda x: 300 * (1 + 0.2 * progress(x))),
        "completions/clipped_ratio": [abs(rng.gauss(0.02, 0.02)) for _ in range(n)],
        "clip_ratio/region_mean": [abs(rng.gauss(0.03, 0.02)) for _ in range(n)],
        "sampling/sampling_logp_difference/mean": along(rng, n, 0.1, lambda x: 0.01),
        "sampling/importance_sampling_ratio/mean": plus(rng, n, 0.004, lambda x: 1.0),
    }


def learnt(x: float) -> float:
    return 1 - math.exp(-2 * x)


# -- too short -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sick", [run for _, run in RUNS], ids=[name for name, _ in RUNS])
def test_a_run_too_short_to_judge_is_not_warned_of(sick: Run) -> None:
    for rows in (1, 2, 3):
        short = _first(sick, rows)
        assert [said for said in loud(short) if said.partition(":")[0] not in TOLD_AT_ONCE] == [], rows


def _first(run: Run, rows: int) -> Run:
    """The run as it was after its first rows; nothing is scored yet, and it hangs nowhere."""
    steps = sorted({step for points in run.metrics.values() for step, _ in points})[:rows]
    last = max(steps, default=0)
    metrics = {name: tuple(p for p in points if p[0] <= last) for name, points in run.metrics.items()}
    evals = tuple(eval_ for eval_ in run.mid_evals if eval_.step <= last)[:1]
    odd = tuple(odd for odd in run.nonfinite if odd.step <= last)
    return replace(run, metrics=metrics, mid_evals=evals, nonfinite=odd, held_out=None, train_reward=None,
                   stalled="", groups=None)  # fmt: skip


# -- in warm-up ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("steps", [30, 120, 300, 600])
def test_a_run_in_warm_up_is_not_warned_of(technique: str, steps: int) -> None:
    """The learning rate only rises so far: little is learnt yet, as it should be."""
    for every, seed in ((1, 1), (5, 2)):
        rows = steps // every
        lr = [1e-5 * (i + 1) / rows for i in range(rows)]
        assert loud(made(technique, rows, lambda x: 0.02 * x, lr, every=every, seed=seed)) == [], every


# -- at the schedule's end -------------------------------------------------------------------------------------------

SCHEDULES: dict[str, Shape] = {
    "cosine": lambda x: (1 + math.cos(math.pi * x)) / 2,
    "linear": lambda x: 1 - x,
}


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_last_steps_of_a_schedule_are_not_warned_of(technique: str, schedule: str) -> None:
    """Steps get small, and what was learnt stands still."""
    falls = SCHEDULES[schedule]
    for rows, every, still, seed in ((60, 1, 0.7, 1), (150, 5, 0.5, 2), (400, 1, 0.42, 3)):
        lr = [1e-5 * max(1e-4, falls(i / (rows - 1))) for i in range(rows)]
        for outcome in (None, "finished"):
            ended = made(
                technique,
                rows,
                lambda x, still=still: min(1.0, x / still),
                lr,
                every=every,
                seed=seed,
                outcome=outcome,
            )
            assert loud(ended) == [], (rows, outcome)


# -- after an fp16 overflow ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_one_fp16_overflow_is_not_warned_of(technique: str, value: str) -> None:
    """The scaler skips the step: the loss is finite, and the norm after it is a little higher now and then."""
    for rows, at in ((12, 1), (40, 20), (200, 150), (200, 199)):
        lr = [1e-5] * rows
        run = made(technique, rows, learnt, lr, seed=at, nonfinite=[Nonfinite(at, "grad_norm", value)])
        norms = tuple(
            (step, norm * (3 if step == at + 1 else 1))
            for step, norm in run.metrics["grad_norm"]
            if step != at
        )
        run = replace(run, metrics={**run.metrics, "grad_norm": norms})
        assert loud(run) == [], (rows, at)
