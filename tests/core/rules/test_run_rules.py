"""Each reading against runs that must and must not set it off; healthy runs, real and random, stay quiet."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cockpit.core.rules.run_rules.judge import read
from cockpit.core.runs.run_record import (
    Groups,
    MidEval,
    Nonfinite,
    Run,
    groups_of,
    mid_evals_of,
    series_of,
)
from cockpit.core.scores import Score, compare

RUNS = Path(__file__).parent / "runs"


def points(values: Sequence[float], start: int = 1) -> tuple[tuple[int, float], ...]:
    return tuple((start + i, v) for i, v in enumerate(values))


def curve(shape: Callable[[float], float], n: int, noise: float, seed: int = 0) -> list[float]:
    """`shape` over 0..1 at n points, with log-normal noise."""
    rng = random.Random(seed)
    return [shape(i / (n - 1)) * math.exp(rng.gauss(0, noise)) for i in range(n)]


def run(
    technique: str = "sft",
    *,
    evals: Sequence[tuple[int, float]] = (),
    n: int = 10,
    parsed: int | None = None,
    baseline: float | None = None,
    **series: Sequence[float],
) -> Run:
    names = {
        "clipped": "completions/clipped_ratio",
        "zero": "frac_reward_zero_std",
        "length": "completions/mean_length",
    }
    metrics = {names.get(name, name): points(values) for name, values in series.items()}
    mid = tuple(MidEval(step, score, n, parsed) for step, score in evals)
    return Run("exp_0001", technique, metrics, mid, baseline=baseline, verifier="tagged:answer")


def edit(base: Run, **changes: Any) -> Run:
    from dataclasses import replace

    return replace(base, **changes)


FALLING = curve(lambda x: 1.2 * math.exp(-2 * x) + 0.3, 100, 0.05)
FLAT = curve(lambda x: 1.2, 100, 0.05)
RATES = [1e-4] * 100
RISING_REWARD = curve(lambda x: 0.3 + 0.5 * x, 60, 0.05)
LOW = [0.0] * 60
SPIKED = [*FALLING[:60], 6.0, *FALLING[61:]]
BROKEN = [*FALLING[:60], *([4.0] * 40)]

FIRES = [
    # name, run, rule, severity, what the headline says
    ("loss never falls", run(loss=FLAT, lr=RATES), "flat-loss", "warn", "flat"),
    (
        "DPO at log 2",
        run("dpo", loss=curve(lambda x: 0.693, 80, 0.005)),
        "flat-loss",
        "warn",
        "The loss is flat",
    ),
    ("one spike", run(loss=SPIKED), "loss-spike", "info", "at step 61 and came back"),
    ("a spike that stays", run(loss=BROKEN), "loss-spike", "alarm", "at step 61 and stayed up"),
    (
        "slow divergence",
        run(loss=curve(lambda x: 0.4 + (x - 0.4) ** 2 * 2, 200, 0.03)),
        "loss-spike",
        "alarm",
        "rises since",
    ),
    (
        "NaN loss",
        edit(run(loss=FALLING), nonfinite=[Nonfinite(40, "loss", "nan")]),
        "nonfinite",
        "alarm",
        "loss was nan at step 40",
    ),
    (
        "many infinite norms",
        edit(run(loss=FALLING), nonfinite=[Nonfinite(i, "grad_norm", "inf") for i in range(30)]),
        "nonfinite",
        "warn",
        "grad_norm was inf",
    ),
    (
        "one infinite norm",
        edit(run(loss=FALLING), nonfinite=[Nonfinite(4, "grad_norm", "inf")]),
        "nonfinite",
        "info",
        "inf",
    ),
    (
        "mini-eval to zero, unparsed",
        run(loss=FALLING, evals=[(25, 0.0), (50, 0.0)], parsed=0, baseline=0.3),
        "mid-eval-regression",
        "alarm",
        "3/10 to 0/10, and no answer parses",
    ),
    (
        "mini-eval to zero, parsed",
        run(loss=FALLING, evals=[(25, 0.0), (50, 0.0)], parsed=9, baseline=0.3),
        "mid-eval-regression",
        "warn",
        "from 3/10 to 0/10",
    ),
    (
        "collapse after a peak",
        run("grpo", reward=[0.5] * 60, evals=[(10, 0.8), (20, 0.9), (30, 0.2), (40, 0.1)], baseline=0.3),
        "mid-eval-regression",
        "warn",
        "from 9/10 to 1/10",
    ),
    (
        "never above the baseline",
        run(loss=FALLING, evals=[(i * 20, 0.5) for i in range(1, 6)], baseline=0.5),
        "mid-eval-regression",
        "warn",
        "no mini-eval of 5 is above the baseline",
    ),
    (
        "reward up, mini-eval down",
        run("grpo", reward=RISING_REWARD, evals=[(20, 0.3), (40, 0.1), (60, 0.0)], baseline=0.6),
        "reward-hacking",
        "alarm",
        "while the mini-eval fell to 0/10",
    ),
    (
        "reward up, held-out down",
        edit(run("rloo", reward=RISING_REWARD), held_out=Score.of(0.62, 200), parent=Score.of(0.8, 200)),
        "reward-hacking",
        "alarm",
        "the held-out score fell to 0.62",
    ),
    (
        "worse than its parent",
        edit(run(), held_out=Score.of(0.4, 200), parent=Score.of(0.6, 200)),
        "held-out-lost",
        "alarm",
        "fell from 0.60, its parent's, to 0.40",
    ),
    (
        "worse than its parent, unread",
        edit(run(), held_out=Score.of(0.1, 200, parsed=30), parent=Score.of(0.6, 200, parsed=190)),
        "held-out-lost",
        "alarm",
        "to 0.10: 30 of 200 answers parse",
    ),
    (
        "a large gap",
        edit(run(), train_reward=0.95, held_out=Score.of(0.4, 200)),
        "overfit-or-leak",
        "warn",
        "a gap of 0.55",
    ),
    (
        "all wrong",
        run("grpo", reward=LOW, zero=[0.99] * 60),
        "degenerate-reward",
        "alarm",
        "Every answer is wrong",
    ),
    (
        "four steps bring nothing",
        run("grpo", reward=[0.0] * 4, zero=[1.0] * 4),
        "degenerate-reward",
        "alarm",
        "Every answer is wrong",
    ),
    (
        "all right for long",
        run("grpo", reward=[0.99] * 60, zero=[0.95] * 60),
        "degenerate-reward",
        "info",
        "Every answer is right",
    ),
    (
        "all alike, some right",
        edit(run("grpo", reward=[0.5] * 60, zero=[0.95] * 60), groups=Groups(30, 30, 4)),
        "degenerate-reward",
        "warn",
        "tells nothing apart",
    ),
    (
        "all wrong without the share",
        run("ppo", reward=LOW),
        "degenerate-reward",
        "alarm",
        "wrong",
    ),
    (
        "KL runs away",
        run("grpo", reward=[0.5] * 60, kl=curve(lambda x: 0.02 + 40 * x**6, 60, 0.1)),
        "kl-blow-up",
        "alarm",
        "KL",
    ),
    (
        "entropy gone, reward low",
        run("grpo", reward=[0.3] * 60, entropy=curve(lambda x: 0.8 * math.exp(-8 * x), 60, 0.05)),
        "entropy-collapse",
        "warn",
        "The entropy fell",
    ),
    (
        "half are cut off",
        run("grpo", reward=RISING_REWARD, clipped=[0.5] * 60),
        "truncated-completions",
        "warn",
        "50%",
    ),
    (
        "nearly all are cut off",
        run("grpo", reward=RISING_REWARD, clipped=[0.9] * 60),
        "truncated-completions",
        "alarm",
        "90%",
    ),
    (
        "mini-eval answers cut off",
        edit(run(loss=FALLING), mid_evals=[MidEval(20, 0.5, 10, 5, 6)]),
        "truncated-completions",
        "warn",
        "6 of 10",
    ),
    (
        "stalled",
        edit(run(), stalled="No step for 12 min, where one took 3 s."),
        "stalled-run",
        "alarm",
        "No step",
    ),
    ("much slower", run(loss=FALLING, step_time=[1.0] * 80 + [4.0] * 20), "stalled-run", "warn", "4 s now"),
]

QUIET = [
    ("nothing at all", run()),
    ("a few points", run(loss=FLAT[:10])),
    ("a healthy fall", run(loss=FALLING, lr=RATES)),
    ("still warming up", run(loss=FLAT[:30], lr=[i / 1000 for i in range(30)])),
    ("fell at first, flat since", run(loss=curve(lambda x: 1.2 if x > 0.05 else 2.4 - 24 * x, 300, 0.03))),
    ("flat because known", run(loss=curve(lambda x: 0.02, 100, 0.2))),
    ("a slight but steady fall", run(loss=curve(lambda x: 1.30 - 0.08 * x, 300, 0.05))),
    ("RL's loss says nothing", run("rloo", loss=[0.0] * 100, reward=RISING_REWARD)),
    ("noisy small batches", run(loss=curve(lambda x: 0.5 * math.exp(-x), 300, 0.35))),
    ("a last mini-eval below", run(loss=FALLING, evals=[(20, 0.6), (40, 0.7), (60, 0.6)], baseline=0.5)),
    (
        "a noisy plateau",
        run("grpo", reward=RISING_REWARD, evals=[(10, 0.8), (20, 0.9), (30, 0.8), (40, 0.7)], baseline=0.3),
    ),
    ("one zero of a low baseline", run(loss=FALLING, evals=[(20, 0.0)], parsed=8, baseline=0.2)),
    ("two below, in the noise", run(loss=FALLING, evals=[(20, 0.4), (40, 0.3)], baseline=0.5)),
    (
        "from zero to something",
        run("grpo", reward=RISING_REWARD, evals=[(10, 0.0), (20, 0.0), (30, 0.4)], baseline=0.0),
    ),
    ("reward and score up", run("grpo", reward=RISING_REWARD, evals=[(20, 0.5), (40, 0.7)], baseline=0.3)),
    ("a gap in the noise of ten items", edit(run(), train_reward=0.9, held_out=Score.of(0.6, 10))),
    ("below its parent, in the noise", edit(run(), held_out=Score.of(0.5, 20), parent=Score.of(0.6, 20))),
    ("above its parent", edit(run(), held_out=Score.of(0.8, 200), parent=Score.of(0.6, 200))),
    (
        "lost by itself, and not among so many",
        edit(
            run(),
            held_out=Score.of(0.4, 200),
            parent=Score.of(0.6, 200),
            delta=compare(Score.of(0.4, 200), Score.of(0.6, 200), among=[1.0] * 2000),
        ),
    ),
    ("a small gap", edit(run(), train_reward=0.8, held_out=Score.of(0.7, 500))),
    ("rewards that are no shares", edit(run("grpo", reward=[3.0] * 60), held_out=Score.of(0.5, 200))),
    (
        "solved at the end",
        run(
            "grpo",
            reward=[0.3 + 0.7 * min(1, i / 45) for i in range(60)],
            zero=[0.1 + 0.9 * (i > 48) for i in range(60)],
        ),
    ),
    ("a slow start", run("grpo", reward=[0.0] * 8 + [0.1] * 52, zero=[1.0] * 8 + [0.5] * 52)),
    ("KL of a healthy run", run("grpo", reward=RISING_REWARD, kl=curve(lambda x: 0.01 + 0.4 * x, 60, 0.3))),
    ("KTO's kl is another thing", run("kto", loss=FALLING, kl=[20.0] * 100)),
    (
        "entropy falls as it is solved",
        run("grpo", reward=[0.95] * 60, entropy=curve(lambda x: 0.8 * math.exp(-8 * x), 60, 0.05)),
    ),
    (
        "entropy falls, reward rises",
        run("grpo", reward=RISING_REWARD, entropy=curve(lambda x: 0.8 * math.exp(-8 * x), 60, 0.05)),
    ),
    (
        "cut off only at first",
        run("grpo", reward=RISING_REWARD, clipped=curve(lambda x: 0.6 * math.exp(-6 * x), 60, 0.05)),
    ),
    (
        "slower because longer",
        run(
            "grpo",
            reward=curve(lambda x: 0.2 + 0.6 * x, 120, 0.5),
            step_time=[1.0] * 80 + [4.0] * 40,
            length=[100.0] * 80 + [300.0] * 40,
        ),
    ),
    ("slow, but over", edit(run(loss=FALLING, step_time=[1.0] * 80 + [4.0] * 20), outcome="finished")),
]


@pytest.mark.parametrize(
    ("name", "record", "rule", "severity", "says"), FIRES, ids=[case[0] for case in FIRES]
)
def test_one_rule_of_runs_fires_on_its_record(
    name: str, record: Run, rule: str, severity: str, says: str
) -> None:
    found = read(record)
    (about,) = [f for f in found if f.rule == rule]
    assert {f.rule for f in found} <= {rule, "diverged"}, "nothing else is said, but how far it went"
    assert about.severity == severity
    assert says in about.headline
    assert about.evidence
    assert about.next_step
    assert about.source
    assert about.experiments == ("exp_0001",)


@pytest.mark.parametrize(("name", "record"), QUIET, ids=[case[0] for case in QUIET])
def test_no_rule_fires_on_a_run_that_is_sound(name: str, record: Run) -> None:
    assert read(record) == []


@pytest.mark.parametrize(
    ("index", "lowest", "highest"),
    [
        ("a spike that stays", 61, 61),
        ("slow divergence", 60, 110),
        ("KL runs away", 30, 45),
        ("entropy gone, reward low", 8, 20),
        ("much slower", 79, 83),
    ],
)
def test_says_where_it_began(index: str, lowest: int, highest: int) -> None:
    record = next(case[1] for case in FIRES if case[0] == index)
    step = read(record)[-1].step
    assert step is not None
    assert lowest <= step <= highest


@pytest.mark.parametrize("seed", range(150))
def test_random_healthy_runs_are_quiet(seed: int) -> None:
    """Falling losses of many kinds, rising rewards, mini-evals that grow with binomial noise: no alarm at all."""
    rng = random.Random(seed)
    n, noise, floor = rng.randint(30, 400), rng.uniform(0.02, 0.35), rng.uniform(0.05, 1.0)
    speed = rng.uniform(1.5, 8)
    start, gain = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.35)
    evals = [
        (n * i // 8, sum(rng.random() < start + gain * i / 8 for _ in range(10)) / 10) for i in range(1, 9)
    ]
    baseline = round(start, 1)
    sft = run(
        loss=curve(lambda x: floor + 2 * floor * math.exp(-speed * x), n, noise, seed),
        evals=evals,
        baseline=baseline,
        lr=[min(1.0, i / (0.05 * n)) * 1e-4 for i in range(n)],
        step_time=curve(lambda x: 1.0, n, 0.2, seed + 1),
    )
    grpo = run(
        "grpo",
        loss=[rng.gauss(0, 0.05) for _ in range(n)],
        evals=evals,
        baseline=baseline,
        reward=[min(1.0, max(0.0, start + gain * i / n + rng.gauss(0, 0.06))) for i in range(n)],
        kl=curve(lambda x: 0.005 + 0.3 * x, n, 0.4, seed),
        entropy=curve(lambda x: 0.8 * math.exp(-1.5 * x), n, 0.1, seed),
        zero=[min(1.0, max(0.0, rng.gauss(0.35, 0.1))) for _ in range(n)],
        clipped=[max(0.0, rng.gauss(0.02, 0.02)) for _ in range(n)],
    )
    assert [f.headline for f in (*read(sft), *read(grpo)) if f.rule != "mid-eval-regression"] == []
    # Mini-evals of ten items are noisy: a run that grows may be called flat or falling now and then, not often.


def test_random_healthy_mini_evals_are_seldom_called_regressions() -> None:
    rng = random.Random(7)
    called = 0
    for _ in range(400):
        start, gain = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.35)
        evals = [
            (i * 10, sum(rng.random() < start + gain * i / 8 for _ in range(10)) / 10) for i in range(1, 9)
        ]
        baseline = sum(rng.random() < start for _ in range(10)) / 10
        called += bool(read(run(loss=FALLING, evals=evals, baseline=baseline)))
    assert called <= 10  # the level of the test it makes is 3 %


def real(name: str) -> Run:
    held = json.loads((RUNS / f"{name}.json").read_text())
    metrics, odd = series_of(held["metrics"])
    evals, baseline = mid_evals_of(held["events"])
    return Run("exp_0001", held["technique"], metrics, evals, odd, baseline, "tagged:answer")


def test_a_real_healthy_grpo_run_is_quiet() -> None:
    assert read(real("grpo_healthy")) == []


@pytest.mark.parametrize("name", ["sft_wrong_format", "sft_wrong_format_slow"])
def test_a_real_sft_run_on_the_wrong_format_is_told(name: str) -> None:
    found = read(real(name))
    assert [(f.rule, f.severity) for f in found] == [("mid-eval-regression", "alarm")]
    assert "no answer parses" in found[0].headline
    assert "three training examples beside three eval prompts" in found[0].next_step


def test_rows_become_series_whatever_is_in_them() -> None:
    rows: list[dict[str, Any]] = [
        {"step": 2, "loss": 0.5, "time": 9.0, "note": "x", "flag": True},
        {"step": 1, "loss": 0.9, "nonfinite": {"reward": "nan"}, "reward": None},
        {"step": 2, "loss": 0.4},  # logged again after a resume
        {"step": 3, "loss": float("inf")},
        {"loss": 1.0},
        {"step": "4", "loss": 1.0},
        {},
    ]
    metrics, odd = series_of(rows)
    assert metrics == {"loss": ((1, 0.9), (2, 0.4))}
    assert odd == [Nonfinite(1, "reward", "nan"), Nonfinite(3, "loss", "inf")]


def test_groups_are_counted_by_what_differs_within() -> None:
    rows = [
        {"group": g, "step": 1, "score": s}
        for g, scores in {"a": [1, 1], "b": [0, 0], "c": [0, 1], "d": [1]}.items()
        for s in scores
    ]
    assert groups_of(rows) == Groups(right=1, wrong=1, mixed=1)
    assert groups_of([{"score": 1.0}]) is None


PACE = [
    ("steps became slow", {"step_time": [1.0] * 40 + [3.5] * 20}, "Steps take 3.5 s now", 41),
    ("tokens became few", {"tokens_per_s": [900.0] * 40 + [200.0] * 20}, "fell from 900 to 200 tokens", 41),
    ("an idle device", {"gpu_util": [2.0] * 30}, "idle while it trains: 2 % used", None),
    (
        "waiting for data",
        {"step_time": [1.0] * 30, "data_time": [0.7] * 30},
        "70% of a step is waiting",
        None,
    ),
]


@pytest.mark.parametrize(("why", "series", "says", "step"), PACE, ids=[case[0] for case in PACE])
def test_what_makes_a_run_slow_is_named(
    why: str, series: dict[str, list[float]], says: str, step: int | None
) -> None:
    slow = run(loss=FALLING[:60], lr=RATES[:60], **series)
    (found,) = [f for f in read(slow) if f.rule == "stalled-run"]
    assert says in found.headline
    assert found.step == step
    assert [f for f in read(edit(slow, outcome="finished")) if f.rule == "stalled-run"] == [], "it is over"


@pytest.mark.parametrize(
    "series",
    [
        {"step_time": curve(lambda x: 1.0, 60, 0.3)},
        {"tokens_per_s": curve(lambda x: 800.0, 60, 0.3)},
        {"step_time": [1.0] * 40 + [3.5] * 20, "length": [20.0] * 40 + [90.0] * 20},  # completions grew
        {"gpu_util": [65.0] * 30},
        {"gpu_util": [0.0] * 5},  # too early to tell
        {"step_time": [1.0] * 30, "data_time": [0.1] * 30},
    ],
)
def test_an_ordinary_pace_is_no_news(series: dict[str, list[float]]) -> None:
    assert [f for f in read(run(loss=FALLING[:60], lr=RATES[:60], **series)) if f.rule == "stalled-run"] == []


WARMING = [1e-7 * (i + 1) for i in range(300)]
LONG_FLAT = curve(lambda x: 1.2, 300, 0.05)
AT_FLOOR = [1e-4] * 40 + [1e-7] * 60


def test_a_flat_loss_is_explained_by_the_learning_rate() -> None:
    (warming,) = read(run(loss=LONG_FLAT, lr=WARMING))
    assert (warming.rule, warming.severity) == ("flat-loss", "info")
    assert "still warming up" in warming.headline
    (floor,) = read(run(loss=[*FALLING[:40], *curve(lambda x: 0.75, 60, 0.02)], lr=AT_FLOOR))
    assert (floor.severity, floor.step) == ("info", 41)
    assert "at its floor" in floor.headline
    (zero,) = [f for f in read(run(loss=FLAT, lr=[0.0] * 100)) if "is 0" in f.headline]
    assert zero.severity == "warn"


@pytest.mark.parametrize(
    ("loss", "lr"),
    [
        (FALLING, WARMING[:100]),  # it learns already
        (FLAT, WARMING[:100]),  # too early to tell
        (FALLING, [1e-4 * (1 - i / 101) for i in range(100)]),  # linear to 0, as most runs end
        (FALLING, [1e-4] * 95 + [1e-7] * 5),
    ],
)
def test_an_ordinary_learning_rate_is_no_news(loss: list[float], lr: list[float]) -> None:
    assert read(run(loss=loss, lr=lr)) == []
