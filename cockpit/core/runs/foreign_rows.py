"""Convert metric rows that other tools wrote to the names that the rules use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cockpit.core.runs.run_record import MidEval, Nonfinite, Points, series_of

_STEPS = ("step", "global_step", "_step", "steps")
_PREFIXES = ("train/", "train_", "metrics/")
_NAMES = {
    "learning_rate": "lr",
    "rewards/mean": "reward",
    "reward/mean": "reward",
    "reward_mean": "reward",
    "objective/kl": "kl",
    "approx_kl": "kl",
    "policy/approxkl_avg": "kl",
    "objective/entropy": "entropy",
    "policy/entropy_avg": "entropy",
    "gradient_norm": "grad_norm",
}
_MID_EVALS = (
    "mid_eval",
    "mid_eval_score",
    "mini_eval",
    "mini_eval_score",
    "mid_eval/score",
    "eval_score",
    "eval/score",
)
_COUNTS = ("mid_eval_n", "mini_eval_n", "mid_eval/n", "eval_n", "n_items", "n")
_PARSED = ("mid_eval_parsed", "mini_eval_parsed", "mid_eval/parsed", "eval_parsed")
ASSUMED_ITEMS = 10  # the source's mini-eval has 5-10; the smaller the count, the less is claimed


def read_rows(
    rows: Iterable[Mapping[str, Any]],
) -> tuple[dict[str, Points], list[Nonfinite], list[MidEval], float | None]:
    """Return series, non-finite values, mini-evals, and the mini-eval before the first step (the baseline).

    Rows without a step count on from the last one.
    """
    renamed: list[dict[str, Any]] = []
    evals: dict[int, MidEval] = {}
    step = -1
    for row in rows:
        given = next((row[name] for name in _STEPS if isinstance(row.get(name), int | float)), None)
        step = int(given) if given is not None and given - given == 0 else step + 1
        renamed.append({**{_named(name): value for name, value in row.items()}, "step": step})
        eval_ = _mid_eval(row, step)
        if eval_ is not None:
            evals[step] = eval_
    metrics, odd = series_of(renamed)
    before = evals.pop(0, None)
    return metrics, odd, [evals[at] for at in sorted(evals)], before.score if before else None


def _named(name: str) -> str:
    plain = next((name.removeprefix(p) for p in _PREFIXES if name.startswith(p)), name)
    return _NAMES.get(plain, plain)


def _mid_eval(row: Mapping[str, Any], step: int) -> MidEval | None:
    score = _first(row, _MID_EVALS)
    if score is None or not 0 <= score <= 1:
        return None
    n, parsed = _first(row, _COUNTS), _first(row, _PARSED)
    return MidEval(
        step, score, int(n) if n and n >= 1 else ASSUMED_ITEMS, None if parsed is None else int(parsed)
    )


def _first(row: Mapping[str, Any], names: Iterable[str]) -> float | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0:
            return float(value)
    return None
