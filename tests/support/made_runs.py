"""Healthy runs of many shapes, made by chance: what no rule may warn of, whatever its length, scale or interval."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cockpit.core.runs.run_record import Nonfinite, Points, Run

Series = dict[str, list[float]]


def record(
    technique: str,
    series: Mapping[str, Sequence[float]],
    *,
    every: int = 1,
    evals: Mapping[str, Sequence[float]] | None = None,
    settings: Mapping[str, object] | None = None,
    **known: Any,
) -> Run:
    """A run of these series, a row every `every` steps; evals are spread evenly over its steps."""
    metrics: dict[str, Points] = {
        name: tuple((every * (i + 1), value) for i, value in enumerate(values))
        for name, values in series.items()
    }
    last = max((points[-1][0] for points in metrics.values()), default=1)
    for name, values in (evals or {}).items():
        metrics[name] = tuple((last * (i + 1) // len(values), value) for i, value in enumerate(values))
    return Run("exp_0001", technique, metrics, settings=settings or {}, **known)


def along(rng: random.Random, n: int, noise: float, shape: Callable[[float], float]) -> list[float]:
    """`shape` over 0..1 at n points, with log-normal noise."""
    return [shape(i / max(1, n - 1)) * math.exp(rng.gauss(0, noise)) for i in range(n)]


def plus(rng: random.Random, n: int, noise: float, shape: Callable[[float], float]) -> list[float]:
    """`shape` over 0..1 at n points, with normal noise."""
    return [shape(i / max(1, n - 1)) + rng.gauss(0, noise) for i in range(n)]


def rates(rng: random.Random, n: int, top: float) -> list[float]:
    """A schedule: warm-up and a cosine, a line, or nothing."""
    warm, kind = rng.choice([0.0, 0.03, 0.1]), rng.choice(["cosine", "linear", "constant"])

    def at(x: float) -> float:
        if x < warm:
            return top * (x + 1 / n) / (warm + 1 / n)
        if kind == "constant":
            return top
        left = (x - warm) / (1 - warm)
        return top * ((1 + math.cos(math.pi * left)) / 2 if kind == "cosine" else 1 - left)

    return [min(top, at(i / max(1, n - 1))) for i in range(n)]


def _norms(rng: random.Random, n: int) -> list[float]:
    usual, noise = 10 ** rng.uniform(-2, 1.3), rng.choice([0.05, 0.2, 0.4])
    return along(rng, n, noise, lambda x: usual * (1 + 5 * math.exp(-40 * x)) * rng.choice([1, 1, 1 + x]))


def sft(rng: random.Random) -> Run:
    """Supervised training: fresh or warm, LoRA or full, an epoch or a few, with evals or without."""
    n, every = rng.choice([8, 25, 60, 150, 250]), rng.choice([1, 5, 10, 50])
    start, left, noise = rng.uniform(0.8, 4), rng.uniform(0.35, 0.9), rng.choice([0.01, 0.05, 0.12])
    speed, epochs = rng.uniform(3, 30), rng.choice([0.3, 1, 2, 3])
    stairs = rng.choice([0.0, 0.08])

    def shape(x: float) -> float:
        return start * (left + (1 - left) * math.exp(-speed * x)) * (1 - stairs * int(x * epochs * 0.999))

    series: Series = {
        "loss": along(rng, n, noise, shape),
        "lr": rates(rng, n, rng.choice([5e-6, 2e-5, 2e-4])),
        "grad_norm": _norms(rng, n),
        "epoch": [epochs * (i + 1) / n for i in range(n)],
        "entropy": along(rng, n, noise, shape),
    }
    for name in ("lr", "grad_norm", "epoch", "entropy"):
        if rng.random() < 0.3:
            del series[name]
    evals: Series = {}
    if rng.random() < 0.6:
        k, gap, wobble = rng.choice([2, 4, 10, 30]), rng.uniform(0.85, 1.3), rng.choice([0.001, 0.01])
        for name in rng.choice([["eval_loss"], ["eval_a_loss", "eval_b_loss"]]):
            evals[name] = [
                gap
                * start
                * (left + (1 - left) * math.exp(-speed * (i + 1) / k))
                * math.exp(rng.gauss(0, wobble))
                for i in range(k)
            ]
        evals["eval_rouge1"] = plus(rng, k, 0.01, lambda x: 0.3 + 0.1 * x)
    odd = [Nonfinite(every * rng.randint(1, n), "grad_norm", "inf")] if rng.random() < 0.2 else []
    return record("sft", series, every=every, evals=evals, nonfinite=odd)


def pretraining(rng: random.Random) -> Run:
    """Continued pre-training: a slow fall under much noise, from nothing now and then."""
    n, every = rng.choice([100, 200, 400]), rng.choice([1, 10])
    if rng.random() < 0.3:
        loss = along(rng, n, 0.02, lambda x: 3.2 + 7.6 * math.exp(-12 * x))
    else:
        start = rng.uniform(1.6, 2.8)
        noise = rng.choice([0.02, 0.06])
        loss = along(rng, n, noise, lambda x: start * (1 - 0.12 * x - 0.08 * (1 - math.exp(-20 * x))))
    return record("sft", {"loss": loss, "lr": rates(rng, n, 5e-5), "grad_norm": _norms(rng, n)}, every=every)


def easy(rng: random.Random) -> Run:
    """Labels or calls with little to say: the loss is low within the first epoch, held out as well."""
    n = rng.choice([40, 120])
    low = rng.uniform(0.02, 0.08)
    series = {
        "loss": along(rng, n, 0.15, lambda x: low + math.exp(-15 * x)),
        "lr": rates(rng, n, 2e-5),
        "epoch": [3 * (i + 1) / n for i in range(n)],
    }
    evals = {
        "eval_loss": along(rng, 6, 0.02, lambda x: 1.2 * low + 0.05 * math.exp(-5 * x)),
        "eval_accuracy": plus(rng, 6, 0.002, lambda x: 0.95 + 0.03 * x),
    }
    return record("sft", series, every=10, evals=evals)


def preferences(rng: random.Random) -> Run:
    """DPO, KTO or ORPO: the margin grows, the chosen answers get no less likely."""
    technique, n, every = (
        rng.choice(["dpo", "kto", "orpo"]),
        rng.choice([10, 30, 90, 300]),
        rng.choice([1, 5, 10]),
    )
    top, noise = rng.uniform(0.5, 4), rng.choice([0.02, 0.1])
    scale = 0.01 if technique == "orpo" else 1.0
    chosen = plus(rng, n, noise * scale, lambda x: 0.4 * top * scale * (1 - math.exp(-3 * x)))
    rejected = plus(rng, n, noise * scale, lambda x: -0.6 * top * scale * (1 - math.exp(-3 * x)))
    start = {"dpo": math.log(2), "kto": 0.5, "orpo": 1.2}[technique]
    a, b = rng.uniform(-200, -60), rng.uniform(-260, -60)
    series: Series = {
        "loss": along(rng, n, 0.05, lambda x: start * (0.5 + 0.5 * math.exp(-3 * x))),
        "rewards/chosen": chosen,
        "rewards/rejected": rejected,
        "rewards/margins": [c - r for c, r in zip(chosen, rejected, strict=True)],
        "logps/chosen": [a + c / 0.1 + rng.gauss(0, 3) for c in chosen],
        "logps/rejected": [b + r / 0.1 + rng.gauss(0, 3) for r in rejected],
        "lr": rates(rng, n, 5e-6),
        "grad_norm": _norms(rng, n),
    }
    if technique == "orpo":
        series["log_odds_ratio"] = plus(rng, n, 0.02, lambda x: -0.6 + 0.1 * x)
    if technique != "kto":
        series["rewards/accuracies"] = [
            min(1, max(0, v)) for v in plus(rng, n, 0.05, lambda x: 0.56 + 0.3 * x)
        ]
    else:
        series["kl"] = [abs(v) for v in plus(rng, n, 0.05, lambda x: 0.3 * x)]
    evals = {"eval_loss": along(rng, 6, 0.005, lambda x: 0.6 - 0.08 * x)} if rng.random() < 0.4 else {}
    return record(technique, series, every=every, evals=evals)


def reinforced(rng: random.Random) -> Run:
    """GRPO or RLOO: the pass rate rises; with the spread, lengths, KL and entropy of that, and sparse rewards too."""
    n, every = rng.choice([15, 60, 150]), rng.choice([1, 5])
    group, prompts = rng.choice([4, 8, 16]), 4
    sparse = rng.random() < 0.3
    low = rng.uniform(0.03, 0.08) if sparse else rng.uniform(0.15, 0.5)
    high = rng.uniform(0.45, 0.6) if sparse else min(0.9, low + rng.uniform(0.2, 0.5))
    if sparse:
        group, n = 16, max(n, 150)
    rewards: list[float] = []
    flat: list[float] = []
    spread: list[float] = []
    for i in range(n):
        x = i / (n - 1)
        rate = low + (high - low) * (x if not sparse else 1 / (1 + math.exp(-12 * (x - 0.35))))
        passed = [
            _binomial(rng, group, min(0.98, max(0.02, rng.betavariate(3 * rate, 3 * (1 - rate)))))
            for _ in range(prompts)
        ]
        rewards.append(sum(passed) / group / prompts)
        flat.append(sum(k in (0, group) for k in passed) / prompts)
        spread.append(sum(math.sqrt(k / group * (1 - k / group)) for k in passed) / prompts)
    drift, length = 10 ** rng.uniform(-2.3, -0.7), rng.uniform(100, 2000)
    grown = rng.uniform(0.75, 1.35)
    series: Series = {
        "reward": rewards,
        "reward_std": spread,
        "frac_reward_zero_std": flat,
        "kl": [abs(v) for v in along(rng, n, 0.2, lambda x: drift * (x + 0.02))],
        "entropy": along(rng, n, 0.05, lambda x: 0.9 - 0.4 * x),
        "completions/mean_length": along(rng, n, 0.05, lambda x: length * (1 + (grown - 1) * x)),
        "completions/clipped_ratio": [abs(rng.gauss(0.02, 0.02)) for _ in range(n)],
        "loss": plus(rng, n, 1e-3, lambda x: 0.0),
        "grad_norm": [0.4 * s / 0.3 * math.exp(rng.gauss(0, 0.4)) for s in spread],
        "lr": rates(rng, n, 1e-6),
        "clip_ratio/region_mean": [abs(rng.gauss(0.03, 0.02)) for _ in range(n)],
        "sampling/sampling_logp_difference/mean": along(rng, n, 0.1, lambda x: 0.01),
        "sampling/importance_sampling_ratio/mean": plus(rng, n, 0.004, lambda x: 1.0),
    }
    if rng.random() < 0.5:
        form = [min(1.0, v) for v in plus(rng, n, 0.02, lambda x: 0.97 - 0.6 * math.exp(-15 * x))]
        series["rewards/accuracy/mean"], series["rewards/format/mean"] = rewards, form
        series["reward"] = [a + f for a, f in zip(rewards, form, strict=True)]
    if rng.random() < 0.3:
        series["kl"] = [0.0] * n
    for name in list(series):
        if name not in ("reward", "reward_std") and rng.random() < 0.25:
            del series[name]
    evals = {}
    if rng.random() < 0.5:
        evals["eval_accuracy"] = plus(rng, rng.choice([4, 10]), 0.02, lambda x: low + 0.8 * (high - low) * x)
    return record(rng.choice(["grpo", "rloo"]), series, every=every, evals=evals)


def _binomial(rng: random.Random, n: int, p: float) -> int:
    return sum(rng.random() < p for _ in range(n))


def ppo(rng: random.Random) -> Run:
    """PPO: scores rise and level off, the KL of an answer settles at some nats."""
    n, top = rng.choice([20, 80, 200]), rng.uniform(3, 9)
    series = {
        "reward": plus(rng, n, 0.1, lambda x: -0.3 + 1.6 * (1 - math.exp(-4 * x))),
        "kl": plus(rng, n, 0.3, lambda x: top * (1 - math.exp(-4 * x))),
        "entropy": along(rng, n, 0.05, lambda x: 50 - 10 * x),
        "clip_ratio/region_mean": [abs(rng.gauss(0.06, 0.01)) for _ in range(n)],
    }
    return record("ppo", series)


def reward_model(rng: random.Random) -> Run:
    """A reward model: accuracy and loss get better, in training and held out."""
    n = rng.choice([12, 50, 120])
    series = {
        "loss": along(rng, n, 0.05, lambda x: 0.69 - 0.3 * x),
        "accuracy": plus(rng, n, 0.03, lambda x: 0.55 + 0.25 * x),
        "margin": plus(rng, n, 0.05, lambda x: 1.2 * x),
        "grad_norm": _norms(rng, n),
    }
    evals = {
        "eval_loss": along(rng, 5, 0.01, lambda x: 0.62 - 0.15 * x),
        "eval_accuracy": plus(rng, 5, 0.01, lambda x: 0.62 + 0.1 * x),
    }
    return record("reward", series, every=10, evals=evals)


KINDS = (
    sft,
    sft,
    sft,
    pretraining,
    easy,
    preferences,
    preferences,
    reinforced,
    reinforced,
    ppo,
    reward_model,
)


def healthy(seed: int) -> Run:
    """The healthy run of a seed."""
    rng = random.Random(seed)
    return rng.choice(KINDS)(rng)
