"""What the early stop costs and saves: simulated runs whose true score rises, flattens, falls and wobbles.

    python -m tests.bench stopping [--write] [--quick]

Each run has 20 mini-evals over the same items, of mixed difficulty, answered anew each time. A run was ended early
where its best true score lay more than 0.02 below what it would have reached; what it trained after the first
checkpoint within 0.02 of that is wasted. The best possible rule knows the truth: it ends no run early and wastes
nothing. Deterministic by its seed.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cockpit.contract import stopping

EVALS = 20
PATIENCE = 4
TOLERANCE = 0.02
SPREAD = 1.5  # of the items' difficulty, in logits
ITEMS = (10, 24, 50, 100)
RUNS = 100

CURVES: dict[str, Callable[[float], float]] = {
    "rises": lambda x: 0.3 + 0.5 * x,
    "rises slowly": lambda x: 0.3 + 0.15 * x,
    "rises from the floor": lambda x: 0.02 + 0.38 * x,
    "rises late": lambda x: 0.3 + 0.3 * max(0.0, x - 0.3) / 0.7,
    "wobbles upwards": lambda x: 0.3 + 0.4 * x + 0.05 * math.sin(8 * math.pi * x),
    "slows down": lambda x: 0.3 + 0.5 * (1 - math.exp(-3 * x)) / (1 - math.exp(-3)),
    "jumps, then rises": lambda x: 0.1 + 3 * x if x <= 0.1 else 0.4 + 0.35 * (x - 0.1) / 0.9,
    "flattens": lambda x: 0.3 + 0.3 * min(1.0, x / 0.3),
    "is flat": lambda x: 0.4,
    "falls after a peak": lambda x: 0.3 + x if x <= 0.3 else 0.6 - 0.3 * (x - 0.3) / 0.7,
    "falls": lambda x: 0.5 - 0.3 * x,
    "crashes": lambda x: 0.3 + 0.75 * x if x <= 0.4 else 0.1,
}
GOOD = ("rises", "rises slowly", "rises from the floor", "rises late", "wobbles upwards", "slows down",
        "jumps, then rises")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Whether a rule ended the run early, and how many mini-evals it trained past its peak."""

    early: bool
    wasted: int


@dataclass(frozen=True)
class Played(Outcome):
    """A run under the cockpit's rule, and the same under the plain one (two checkpoints without a better score)."""

    plain: Outcome


def play(curve: str, items: int, rng: random.Random, patience: int = PATIENCE) -> Played:
    """Play one run to its end under both rules."""
    truth = [CURVES[curve]((at + 1) / EVALS) for at in range(EVALS)]
    hard = [rng.gauss(0, SPREAD) for _ in range(items)]
    base = sum(_answers(CURVES[curve](0.0), hard, rng)) / items
    history = [_answers(score, hard, rng) for score in truth]
    scores = [sum(answered) / items for answered in history]
    ours = _judged(truth, _ends(history, scores, base, items, patience))
    return Played(ours.early, ours.wasted, plain=_judged(truth, _ends_plainly(scores)))


def _answers(score: float, hard: Sequence[float], rng: random.Random) -> list[float]:
    skill = math.log(score / (1 - score)) * math.sqrt(1 + SPREAD**2 / 2.89)
    return [float(rng.random() < 1 / (1 + math.exp(item - skill))) for item in hard]


def _ends(history: list[list[float]], scores: list[float], base: float, items: int, patience: int) -> int:
    for done in range(2, EVALS):
        if scores[done - 1] > max(scores[: done - 1]):
            continue
        seen = scores[:done]
        if stopping.to_stop(history[:done], patience=patience, planned=EVALS) or stopping.below(
            seen, items, base
        ):
            return done
    return EVALS


def _ends_plainly(scores: Sequence[float]) -> int:
    best, since = -1.0, 0
    for done, score in enumerate(scores, 1):
        best, since = (score, 0) if score > best else (best, since + 1)
        if since >= 2:
            return done
    return EVALS


def _judged(truth: Sequence[float], ended: int) -> Outcome:
    enough = max(truth) - TOLERANCE
    first = next(at for at, score in enumerate(truth, 1) if score >= enough)
    return Outcome(max(truth[:ended]) < enough, max(0, ended - first))


def report(runs: int = RUNS) -> str:
    """The table in Markdown: in each cell, runs ended early and mini-evals trained past the peak, of 20."""
    lines = ["| the true score | plain rule, 10 items | " + " | ".join(f"{n} items" for n in ITEMS) + " | at most |",
             "| " + " | ".join(["---"] * (len(ITEMS) + 3)) + " |"]  # fmt: skip
    ended = dict.fromkeys(ITEMS, 0)
    for curve in CURVES:
        cells: list[str] = []
        most = 0
        for n in ITEMS:
            rng = random.Random(f"{curve} {n}")
            played = [play(curve, n, rng) for _ in range(runs)]
            if n == ITEMS[0]:
                cells.append(_cell([run.plain for run in played]))
                truth = [CURVES[curve]((at + 1) / EVALS) for at in range(EVALS)]
                most = _judged(truth, EVALS).wasted
            cells.append(_cell(played))
            ended[n] += sum(run.early for run in played) if curve in GOOD else 0
        lines.append(f"| {curve} | {' | '.join(cells)} | {most} |")
        print(lines[-1], file=sys.stderr, flush=True)
    shares = ", ".join(f"{ended[n] / runs / len(GOOD):.1%} with {n}" for n in ITEMS)
    lines += ["", f"Each cell: the share of {runs} runs ended early, and the mini-evals (of {EVALS}) trained past the "
              "peak on average; \"at most\" is where nothing ends a run. A rule that knows the truth has 0 % and 0 "
              f"everywhere. Good runs, the first {len(GOOD)} rows, ended early: {shares} items. Measured by "
              "`python -m tests.bench stopping`; always the same by its seed."]  # fmt: skip
    return "\n".join(lines)


def _cell(outcomes: Sequence[Outcome]) -> str:
    early = sum(run.early for run in outcomes) / len(outcomes)
    return f"{early:.0%}, {sum(run.wasted for run in outcomes) / len(outcomes):.1f}"
