"""What goes wrong silently: for each rule, made runs that must set it off and near ones that must not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from cockpit.core.rules.run_rules.judge import read
from cockpit.core.runs.run_record import Nonfinite, Run
from tests.support.made_runs import along, healthy, plus, record

LN2 = math.log(2)


def rng(seed: int = 7) -> random.Random:
    return random.Random(seed)


def falling(n: int = 100, noise: float = 0.03, start: float = 2.0, end: float = 1.0) -> list[float]:
    return along(rng(), n, noise, lambda x: end + (start - end) * math.exp(-5 * x))


def rising(n: int = 120, low: float = 0.2, high: float = 0.7, noise: float = 0.02) -> list[float]:
    return plus(rng(3), n, noise, lambda x: low + (high - low) * x)


def level(value: float, n: int = 120, noise: float = 0.02) -> list[float]:
    return plus(rng(5), n, noise, lambda x: value)


def line(low: float, high: float, n: int = 120, noise: float = 0.03) -> list[float]:
    return along(rng(6), n, noise, lambda x: low + (high - low) * x)


def sft(loss: Sequence[float], every: int = 10, **more: Sequence[float]) -> Run:
    return record("sft", {"loss": loss, "lr": [2e-5] * len(loss), **more}, every=every)


def held(loss: Sequence[float], evals: Sequence[float], name: str = "eval_loss", every: int = 10) -> Run:
    return record("sft", {"loss": loss}, every=every, evals={name: evals})


def grpo(reward: Sequence[float] | None = None, every: int = 1, **more: Sequence[float]) -> Run:
    named = {name.replace("__", "/"): values for name, values in more.items()}
    return record("grpo", {"reward": rising() if reward is None else reward, **named}, every=every)


def dpo(n: int = 60, every: int = 10, **more: Sequence[float]) -> Run:
    named = {name.replace("__", "/"): values for name, values in more.items()}
    return record("dpo", {"lr": [5e-6] * n, **named}, every=every)


def epochs(n: int, total: float) -> list[float]:
    return [total * (i + 1) / n for i in range(n)]


def spiked(values: Sequence[float], at: Sequence[int], times: float) -> list[float]:
    return [value * times if i in at else value for i, value in enumerate(values)]


def restarted(jump: float, n: int = 100, at: int = 60) -> Run:
    """A run resumed at row `at`, where the learning rate starts over and the loss is `jump` higher at first."""
    before = falling(at, 0.01)
    after = along(rng(9), n - at, 0.01, lambda x: before[-1] + jump * math.exp(-2 * x))
    rate = [2e-4 * (1 - i / at / 2) for i in range(at)] + [2e-4 * (1 - i / n) for i in range(n - at)]
    return record("sft", {"loss": [*before, *after], "lr": rate}, every=10)


UP = [2.0, 1.6, 1.4, 1.3, 1.32, 1.38, 1.45, 1.52, 1.6]
NORMS = along(rng(2), 150, 0.2, lambda x: 0.5)
UNEVEN = [0.002 if i % 3 else 0.5 for i in range(150)]

FIRES: list[tuple[str, Run, str, str]] = [
    ("every label masked", sft([0.0] * 12), "nothing-trained", "alarm"),
    ("loss breaks to 0", sft([*falling(60), *[0.0] * 8]), "nothing-trained", "alarm"),
    ("huge, then 0", sft([9e4, *[0.0] * 15]), "nothing-trained", "alarm"),
    ("frozen", sft(level(1.9), grad_norm=[0.0] * 120), "nothing-trained", "alarm"),
    (
        "frozen from the middle on",
        sft(falling(), grad_norm=[0.5] * 60 + [0.0] * 40),
        "nothing-trained",
        "alarm",
    ),
    (
        "preference at ln 2",
        dpo(rewards__chosen=[0.0] * 60, rewards__rejected=[0.0] * 60, loss=[LN2] * 60),
        "nothing-trained",
        "alarm",
    ),
    ("ln 2, no rewards logged", dpo(loss=[0.6931] * 30), "nothing-trained", "alarm"),
    ("masked batches", sft(spiked(falling(), range(5, 100, 9), 0.0)), "nothing-trained", "warn"),
    ("at chance, Llama", sft(level(math.log(128_256), 40, 0.01)), "diverged", "alarm"),
    ("to chance, GPT-2", sft([*falling(50), *level(math.log(50_257), 50, 0.01)]), "diverged", "alarm"),
    (
        "above its start",
        sft([*falling(60), *along(rng(), 40, 0.02, lambda x: 1 + 5 * x)]),
        "diverged",
        "alarm",
    ),
    ("8 times the eval loss", held([8 * v for v in falling()], falling(6, 0.0)), "loss-scale", "warn"),
    ("4 times itself", sft([*falling(50, 0.02), *(4 * v for v in level(1.0, 50))]), "loss-scale", "warn"),
    ("weights not loaded", restarted(0.7), "resume-jump", "warn"),
    ("one gradient spike", sft(falling(150), grad_norm=spiked(NORMS, [90], 40)), "grad-spike", "info"),
    ("gradient spikes", sft(falling(150), grad_norm=spiked(NORMS, [40, 80, 120], 40)), "grad-spike", "warn"),
    (
        "a gradient that grows",
        sft(falling(150), grad_norm=along(rng(), 150, 0.1, lambda x: 0.3 * math.exp(5 * max(0, x - 0.4)))),
        "grad-spike",
        "warn",
    ),
    ("held-out loss rises", held(falling(), UP), "eval-loss-rising", "warn"),
    ("of one set of two", held(falling(), UP, "eval_code_loss"), "eval-loss-rising", "warn"),
    (
        "learnt by heart",
        sft(along(rng(), 90, 0.1, lambda x: 0.04 + 2 * math.exp(-9 * x)), epoch=epochs(90, 12)),
        "memorised",
        "warn",
    ),
    (
        "all right each time",
        record("sft", {"loss": falling()}, evals={"eval_accuracy": [1.0] * 4}),
        "overfit-or-leak",
        "warn",
    ),
    (
        "held-out score falls",
        record(
            "grpo", {"reward": rising()}, evals={"eval/pass": [0.4, 0.42, 0.4, 0.33, 0.28, 0.22, 0.2, 0.18]}
        ),
        "reward-hacking",
        "alarm",
    ),
    (
        "a part never earned",
        grpo(rewards__answer__mean=rising(), rewards__tags__mean=[0.0] * 120),
        "dead-reward",
        "warn",
    ),
    (
        "a part always earned",
        grpo(rewards__answer__mean=rising(), rewards__tags__mean=[0.5] * 120),
        "dead-reward",
        "info",
    ),
    ("no spread", grpo(rising(120, 0.2, 0.3), frac_reward_zero_std=level(0.7)), "no-group-spread", "warn"),
    (
        "hardly any spread",
        grpo(rising(120, 0.1, 0.2), frac_reward_zero_std=level(0.85)),
        "no-group-spread",
        "alarm",
    ),
    (
        "solved",
        grpo(rising(120, 0.6, 0.93), frac_reward_zero_std=rising(120, 0.3, 0.85)),
        "no-group-spread",
        "info",
    ),
    (
        "form for content",
        grpo(rewards__correct__mean=line(0.5, 0.3), rewards__format__mean=line(0.2, 0.95)),
        "format-domination",
        "alarm",
    ),
    (
        "old weights sampled",
        grpo(sampling__sampling_logp_difference__mean=line(0.003, 0.03)),
        "sampler-mismatch",
        "warn",
    ),
    (
        "a biased ratio",
        grpo(sampling__importance_sampling_ratio__mean=level(0.9, noise=0.005)),
        "sampler-mismatch",
        "warn",
    ),
    ("clipped", grpo(clip_ratio__region_mean=line(0.1, 0.6)), "clip-saturation", "warn"),
    (
        "longer, no better held out",
        record(
            "grpo",
            {"reward": rising(), "completions/mean_length": line(300, 900)},
            evals={"eval_accuracy": level(0.3, 8, 0.01)},
        ),
        "length-drift",
        "warn",
    ),
    ("longer for nothing", grpo(level(0.4), completions__mean_length=line(300, 900)), "length-drift", "warn"),
    ("frozen policy", grpo(level(0.4), 5, kl=line(1e-6, 3e-5)), "policy-frozen", "warn"),
    (
        "stands still",
        grpo([*rising(40, 0.2, 0.5), *level(0.5, 160)], reward_std=[0.4] * 200),
        "plateau",
        "warn",
    ),
    (
        "negative KL",
        record("ppo", {"reward": rising(), "kl": plus(rng(), 120, 1, lambda x: -60 * x)}),
        "negative-kl",
        "alarm",
    ),
    (
        "a coin",
        record("reward", {"loss": level(LN2, 50), "accuracy": level(0.5, 50)}, every=10),
        "reward-model-at-chance",
        "warn",
    ),
    (
        "a coin on held-out pairs",
        record(
            "reward",
            {"loss": falling(50, 0.03, 0.69, 0.2), "accuracy": rising(50, 0.6, 0.95)},
            every=10,
            evals={"eval_accuracy": [0.52, 0.49, 0.51, 0.5]},
        ),
        "reward-model-at-chance",
        "warn",
    ),
    (
        "chosen runs away",
        dpo(
            logps__chosen=plus(rng(), 60, 2, lambda x: -80 - 150 * x * x),
            logps__rejected=plus(rng(), 60, 2, lambda x: -90 - 300 * x * x),
        ),
        "preference-collapse",
        "alarm",
    ),
]

QUIET: list[tuple[str, Run, str]] = [
    ("GRPO's loss is 0", grpo(loss=[0.0] * 120), "nothing-trained"),
    (
        "learnt by heart and rounded",
        sft([0.5 * math.exp(-i) for i in range(12)] + [0.0] * 20),
        "nothing-trained",
    ),
    (
        "solved groups have no gradient",
        grpo([1.0] * 60, reward_std=[0.0] * 60, grad_norm=[0.0] * 60),
        "nothing-trained",
    ),
    (
        "the first row of a preference",
        dpo(1, rewards__chosen=[0.0], rewards__rejected=[0.0]),
        "nothing-trained",
    ),
    ("from nothing, falling", sft(along(rng(), 60, 0.01, lambda x: 4 + 6.8 * math.exp(-6 * x))), "diverged"),
    ("two rows of a beginning", sft([10.8, 10.7], every=1), "diverged"),
    (
        "a sum that falls to 10.4",
        sft(along(rng(), 60, 0.01, lambda x: 10.4 + 30 * math.exp(-6 * x))),
        "diverged",
    ),
    ("eval a little lower than train", held([1.4 * v for v in falling()], falling(6, 0.0)), "loss-scale"),
    ("an easier eval set", held([2.6 * v for v in falling()], falling(6, 0.0)), "loss-scale"),
    ("a staircase of epochs", sft([*level(0.6, 40), *level(0.32, 40), *level(0.15, 40, 0.01)]), "loss-scale"),
    ("resumed well", restarted(0.0), "resume-jump"),
    ("warm restart", restarted(0.06), "resume-jump"),
    ("noisy norms", sft(falling(150), grad_norm=along(rng(), 150, 0.5, lambda x: 3)), "grad-spike"),
    ("norms of groups without spread", grpo(rising(150), grad_norm=UNEVEN), "grad-spike"),
    (
        "high norms at first",
        sft(falling(150), grad_norm=along(rng(), 150, 0.2, lambda x: 0.4 + 40 * math.exp(-60 * x))),
        "grad-spike",
    ),
    (
        "an isolated overflow",
        replace(sft(falling(150), grad_norm=NORMS), nonfinite=[Nonfinite(40, "grad_norm", "inf")]),
        "grad-spike",
    ),
    (
        "held-out loss in its noise",
        held(falling(), [1.5, 1.2, 1.11, 1.14, 1.1, 1.13, 1.105, 1.12]),
        "eval-loss-rising",
    ),
    ("both rise", held([*falling(60), *rising(40, 1.0, 1.4)], UP), "eval-loss-rising"),
    ("two evals", held(falling(), [1.2, 1.4]), "eval-loss-rising"),
    (
        "low within an epoch",
        sft(along(rng(), 90, 0.1, lambda x: 0.04 + 2 * math.exp(-40 * x)), epoch=epochs(90, 3)),
        "memorised",
    ),
    ("twelve epochs, not near 0", sft(falling(90), epoch=epochs(90, 12)), "memorised"),
    (
        "near all right",
        record("sft", {"loss": falling()}, evals={"eval_accuracy": [0.99, 1.0, 1.0, 1.0]}),
        "overfit-or-leak",
    ),
    (
        "held-out score wobbles",
        record(
            "grpo", {"reward": rising()}, evals={"eval/pass": [0.3, 0.36, 0.34, 0.4, 0.37, 0.41, 0.39, 0.38]}
        ),
        "reward-hacking",
    ),
    (
        "a penalty never due",
        grpo(rewards__answer__mean=rising(), rewards__overlong_penalty__mean=[0.0] * 120),
        "dead-reward",
    ),
    (
        "too short for a part",
        grpo(rising(8), rewards__a__mean=[0.0] * 8, rewards__b__mean=rising(8)),
        "dead-reward",
    ),
    ("a third is solved", grpo(frac_reward_zero_std=rising(120, 0.1, 0.38)), "no-group-spread"),
    ("sparse at first", grpo(frac_reward_zero_std=line(0.85, 0.2)), "no-group-spread"),
    (
        "form, then content",
        grpo(rewards__correct__mean=line(0.3, 0.6), rewards__format__mean=line(0.2, 0.95)),
        "format-domination",
    ),
    (
        "sampler in step",
        grpo(
            sampling__sampling_logp_difference__mean=level(0.02, noise=0.003),
            sampling__importance_sampling_ratio__mean=level(1, noise=0.01),
        ),
        "sampler-mismatch",
    ),
    ("clipped a little", grpo(clip_ratio__region_mean=line(0.05, 0.2)), "clip-saturation"),
    (
        "longer and better",
        record(
            "grpo",
            {"reward": rising(), "completions/mean_length": line(300, 900)},
            evals={"eval_accuracy": rising(8, 0.2, 0.5, 0.01)},
        ),
        "length-drift",
    ),
    ("a little longer", grpo(completions__mean_length=line(300, 400)), "length-drift"),
    ("beta 0", grpo(level(0.4), 5, kl=[0.0] * 120), "policy-frozen"),
    ("a small KL that pays", grpo(rising(), 5, kl=line(1e-5, 5e-4)), "policy-frozen"),
    ("still rising", grpo(rising(200), reward_std=[0.4] * 200), "plateau"),
    (
        "level for the last third",
        grpo([*rising(100, 0.2, 0.6), *level(0.6, 50)], reward_std=[0.4] * 150),
        "plateau",
    ),
    ("too short for a level", grpo(level(0.3, 30)), "plateau"),
    (
        "KL around 0 at first",
        record("ppo", {"reward": rising(40), "kl": plus(rng(), 40, 0.5, lambda x: 3 * x)}),
        "negative-kl",
    ),
    (
        "an early reward model",
        record("reward", {"loss": level(LN2, 10), "accuracy": level(0.5, 10)}),
        "reward-model-at-chance",
    ),
    (
        "only rejected falls",
        dpo(
            logps__chosen=plus(rng(), 60, 2, lambda x: -80.0),
            logps__rejected=plus(rng(), 60, 2, lambda x: -90 - 50 * x),
        ),
        "preference-collapse",
    ),
]


@pytest.mark.parametrize(("name", "run", "rule", "severity"), FIRES, ids=[case[0] for case in FIRES])
def test_a_fault_is_named_with_what_to_do(name: str, run: Run, rule: str, severity: str) -> None:
    said = {finding.rule: finding for finding in read(run)}
    assert rule in said, f"said {list(said)}"
    assert said[rule].severity == severity
    assert said[rule].evidence
    assert said[rule].next_step.endswith((".", "?"))
    assert said[rule].step is not None


@pytest.mark.parametrize(("name", "run", "rule"), QUIET, ids=[case[0] for case in QUIET])
def test_what_is_near_a_fault_is_none(name: str, run: Run, rule: str) -> None:
    assert not [f for f in read(run) if f.rule == rule and f.severity != "info"]


STARTS: list[tuple[str, int, int]] = [
    ("loss breaks to 0", 610, 610),
    ("frozen from the middle on", 600, 620),
    ("weights not loaded", 610, 610),
    ("4 times itself", 510, 510),
    ("gradient spikes", 410, 410),
    ("to chance, GPT-2", 510, 510),
    ("stands still", 20, 80),
]


@pytest.mark.parametrize(("name", "low", "high"), STARTS)
def test_it_says_where_it_began(name: str, low: int, high: int) -> None:
    _, run, rule, _ = next(case for case in FIRES if case[0] == name)
    (step,) = (finding.step for finding in read(run) if finding.rule == rule)
    assert step is not None
    assert low <= step <= high


ADVICE: list[tuple[Callable[[], Run], str, str]] = [
    (lambda: sft([*falling(60), *[0.0] * 8]), "nothing-trained", "lower learning_rate from 2e-05 to 1e-05"),
    (
        lambda: replace(
            grpo(level(0.4), 5, kl=line(1e-6, 3e-5)), settings={"learning_rate": 5e-7, "num_generations": 8}
        ),
        "policy-frozen",
        "raise num_generations from 8 to 16",
    ),
    (
        lambda: replace(held(falling(), UP), settings={"num_train_epochs": 3}),
        "eval-loss-rising",
        "checkpoint of step 444",
    ),
]


@pytest.mark.parametrize(("made", "rule", "says"), ADVICE, ids=[case[1] for case in ADVICE])
def test_the_advice_names_the_setting_and_a_value_of_this_run(
    made: Callable[[], Run], rule: str, says: str
) -> None:
    (step,) = (finding.next_step for finding in read(made()) if finding.rule == rule)
    assert says in step


def test_a_collapse_is_told_once() -> None:
    n, at = 200, 140

    def breaks(before: float, after: float) -> list[float]:
        return along(rng(), n, 0.02, lambda x: before if x * (n - 1) < at else after)

    run = grpo(
        [*rising(at, 0.2, 0.5), *[0.0] * (n - at)],
        kl=breaks(0.01, 60), grad_norm=breaks(0.4, 200), completions__clipped_ratio=breaks(0.02, 1.0),
        completions__mean_length=breaks(400, 2000), frac_reward_zero_std=breaks(0.2, 1.0),
    )  # fmt: skip
    loud = [finding for finding in read(run) if finding.severity != "info"]
    assert [finding.rule for finding in loud] == ["kl-blow-up"]
    assert loud[0].step is not None
    assert at - 5 <= loud[0].step <= at + 5


def test_made_healthy_runs_are_not_warned_of() -> None:
    said = [
        (seed, f.rule, f.headline) for seed in range(500) for f in read(healthy(seed)) if f.severity != "info"
    ]
    assert said == []
