"""Readings of preferences, learnt rewards and freshness: cases that must fire and cases that must not.

The series of DPO, KTO and PPO were measured on the tiny model: each case says what the held-out score did.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from cockpit.core.rules.run_rules.judge import read
from cockpit.core.rules.run_rules.preference import (
    chosen_less_likely,
    learnt_reward_hacked,
    pairs_not_told_apart,
    stale_samples,
)
from cockpit.core.runs.run_record import MidEval, Run


def line(*knots: float, n: int = 60, noise: float = 0.0, seed: int = 1) -> list[float]:
    """`n` points along straight pieces through `knots`, with seeded noise."""
    rng = random.Random(seed)
    made: list[float] = []
    for index in range(n):
        place = index / (n - 1) * (len(knots) - 1)
        left = min(int(place), len(knots) - 2)
        made.append(knots[left] + (place - left) * (knots[left + 1] - knots[left]) + rng.gauss(0, noise))
    return made


def run(technique: str, *, beta: float | None = 0.1, **series: Sequence[float]) -> Run:
    metrics = {
        name.replace("__", "/"): tuple((step + 1, value) for step, value in enumerate(values))
        for name, values in series.items()
    }
    return Run(id="exp_0001", technique=technique, metrics=metrics, beta=beta)


NOT_APART: Sequence[tuple[str, Run, bool]] = (
    ("a coin", run("dpo", rewards__accuracies=line(0.5, 0.5, noise=0.08)), True),
    ("reward model, a coin", run("reward", accuracy=line(0.5, 0.52, noise=0.05)), True),
    ("kto without a margin", run("kto", rewards__margins=line(0, 0, noise=0.02)), True),
    ("learns in a few steps", run("dpo", rewards__accuracies=line(0, 0.94, 1.0, 1.0, noise=0.02)), False),
    ("hard pairs, 62 %", run("dpo", rewards__accuracies=line(0.5, 0.62, 0.62, noise=0.05)), False),
    ("kto's margin grows", run("kto", rewards__margins=line(0, 0.56, 1.77, noise=0.05)), False),
    ("too early to say", run("dpo", rewards__accuracies=line(0.5, 0.5, n=15, noise=0.05)), False),
    ("sft has no pairs", run("sft", rewards__accuracies=line(0.5, 0.5)), False),
)


@pytest.mark.parametrize(("case", "made", "fires"), NOT_APART, ids=[case for case, _, _ in NOT_APART])
def test_pairs_that_are_not_told_apart(case: str, made: Run, fires: bool) -> None:
    assert bool(pairs_not_told_apart(made)) is fires


DISPLACED: Sequence[tuple[str, Run, bool]] = (
    ("dpo, .38 to .14", run("dpo", rewards__chosen=line(0, -0.49, -0.36, -0.33, noise=0.03),
                            rewards__rejected=line(0, -0.76, -0.85, -1.36, noise=0.05)), True),
    ("dpo, .38 to .11", run("dpo", rewards__chosen=line(0, -0.01, -0.06, -0.08, noise=0.01),
                            rewards__rejected=line(0, -0.09, -0.28, -0.56, noise=0.02)), True),
    ("kto, .38 to .36", run("kto", rewards__chosen=line(0, -0.5, -0.16, -0.13, noise=0.03),
                            rewards__rejected=line(0, -0.78, -0.72, -1.9, noise=0.05)), True),
    ("dpo with the SFT term, .38 to .97", run("dpo", rewards__chosen=line(0, 0.09, 0.11, 0.14, noise=0.03),
                                              rewards__rejected=line(0, -0.12, -0.33, -0.76, noise=0.05)), False),
    ("kto, .38 to .97", run("kto", rewards__chosen=line(0, 0.1, 0.09, 0.12, noise=0.03),
                            rewards__rejected=line(0, -0.33, -1.65, -3.39, noise=0.05)), False),
    ("zero within the noise", run("dpo", rewards__chosen=line(0, 0, noise=0.1),
                                  rewards__rejected=line(0, -1, noise=0.1)), False),
    ("orpo's rewards are log-likelihoods, below zero always", run("orpo", rewards__chosen=line(-0.12, -0.01),
                                                                  rewards__rejected=line(-0.14, -0.18)), False),
)  # fmt: skip


@pytest.mark.parametrize(("case", "made", "fires"), DISPLACED, ids=[case for case, _, _ in DISPLACED])
def test_better_answers_that_get_less_likely(case: str, made: Run, fires: bool) -> None:
    assert bool(chosen_less_likely(made)) is fires


def test_it_is_only_information_while_the_mini_eval_gains() -> None:
    series: dict[str, Any] = {"rewards__chosen": line(0, -0.5), "rewards__rejected": line(0, -2)}
    made = run("dpo", **series)
    assert chosen_less_likely(made)[0].severity == "warn"
    gaining = Run(
        made.id, "dpo", made.metrics, mid_evals=(MidEval(10, 0.6, 10),), baseline=0.4, beta=made.beta
    )
    assert chosen_less_likely(gaining)[0].severity == "info"


HACKED: Sequence[tuple[str, Run, bool]] = (
    ("ppo, .38 to .18", run("ppo", reward=line(-1, 0, 1.35, 1.81, n=30, noise=0.05),
                            rewards__verifier__mean=line(0.19, 0.31, 0.36, 0.22, n=30, noise=0.02)), True),
    ("ppo, .38 to .79", run("ppo", reward=line(-1.6, 2.2, 2.6, 3, n=30, noise=0.05),
                            rewards__verifier__mean=line(0.19, 0.6, 0.66, 0.66, n=30, noise=0.03)), False),
    ("grpo on a reward model", run("grpo", reward=line(0, 1, 2, 3, noise=0.05),
                                   verifier=line(0.2, 0.5, 0.4, 0.2, noise=0.02)), True),
    ("both fall: that is no hacking", run("ppo", reward=line(0, 2, 1, 0, noise=0.05),
                                          rewards__verifier__mean=line(0.2, 0.6, 0.4, 0.2, noise=0.02)), False),
    ("rewarded by the verifier itself", run("grpo", reward=line(0.2, 0.5, 0.4, 0.2, noise=0.02),
                                            verifier=line(0.2, 0.5, 0.4, 0.2, noise=0.02)), False),
    ("too short", run("ppo", reward=line(0, 3, n=12), rewards__verifier__mean=line(0.5, 0.1, n=12)), False),
)  # fmt: skip


@pytest.mark.parametrize(("case", "made", "fires"), HACKED, ids=[case for case, _, _ in HACKED])
def test_a_learnt_reward_that_is_hacked(case: str, made: Run, fires: bool) -> None:
    found = learnt_reward_hacked(made)
    assert bool(found) is fires
    assert all(finding.severity == "alarm" for finding in found)


STALE: Sequence[tuple[str, Run, str]] = (
    ("rft on another policy's samples", run("rft", samples__stale_share=line(0.5, 0.5)), "warn"),
    ("dpo learns offline", run("dpo", samples__stale_share=line(1, 1)), "info"),
    ("eight passes over a batch", run("grpo", samples__age=[float(i % 8) for i in range(60)]), "warn"),
    ("on-policy", run("grpo", samples__age=[0.0] * 60), ""),
    ("two passes", run("rloo", samples__age=[float(i % 2) for i in range(60)]), ""),
    (
        "a round of rft is one policy's by design",
        run("rft", samples__age=[float(i % 30) for i in range(60)]),
        "",
    ),
    ("nothing stale", run("rft", samples__stale_share=line(0, 0)), ""),
)


@pytest.mark.parametrize(("case", "made", "severity"), STALE, ids=[case for case, _, _ in STALE])
def test_stale_samples(case: str, made: Run, severity: str) -> None:
    assert [finding.severity for finding in stale_samples(made)] == ([severity] if severity else [])


def test_ppos_kl_is_of_a_whole_answer() -> None:
    kl = line(0, 5, 6, 7, n=40, noise=0.1)
    assert "kl-blow-up" not in {finding.rule for finding in read(run("ppo", kl=kl, reward=line(0, 1, n=40)))}
    blown = line(0, 1, 40, 90, n=40, noise=0.1)
    assert "kl-blow-up" in {finding.rule for finding in read(run("ppo", kl=blown, reward=line(0, 0, n=40)))}
