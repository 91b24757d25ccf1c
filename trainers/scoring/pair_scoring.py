"""The score of a reward model: on how many held-out pairs it puts the better answer first.

It has no answers of its own for the verifier to judge. Held out are the pairs of the recipe's mini-eval and held-out
files where these hold pairs; else pairs set apart from the training file by content, the same in every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cockpit.contract import CockpitError, Recipe
from cockpit.data.reading.files import load_rows
from cockpit.data.rows import Row
from trainers.attempt.attempt import Attempt
from trainers.attempt.ending import blame
from trainers.attempt.signals import StopFlag, Stopped
from trainers.data.examples import Count, each_example, read_examples
from trainers.data.overlap import training_file
from trainers.data.preferences import Pair, each_pair, held_groups, pairs_of, place_of
from trainers.data.prompts import answer_ids, prompt_text
from trainers.scoring.engine import Engine, Load, Progress
from trainers.scoring.scoring import Scored, Scorer, total

MINI = 50
"""At most so many pairs in the mini-eval, a third of those held out at the most: a pair costs two forward passes."""


class PairAccuracy:
    """Stands where a verifier stands: a name, and a fingerprint that keeps it from being compared with one."""

    name = "pair accuracy"
    fingerprint = "pair-accuracy-1"


@dataclass(frozen=True)
class Slices:
    """Pairs for the mini-eval and for the held-out pass; `groups` of the training file are among them."""

    mini_eval: list[Pair]
    held_out: list[Pair]
    groups: frozenset[bytes] = frozenset()


@blame("data")
def slices(attempt: Attempt) -> Slices:
    """Set pairs apart; no prompt is in two slices. Raises CockpitError where there are too few to hold any out."""
    recipe = attempt.recipe
    files = [_pairs_in(path, recipe) for path in (recipe.data.mini_eval, recipe.data.held_out)]
    if all(files):
        return Slices(files[0], files[1])

    def pairs() -> Iterator[Pair]:
        return each_pair(each_example(training_file(recipe), recipe), Count(), Counter())

    groups = held_groups(pairs())
    held = sorted((pair for pair in pairs() if place_of(pair) in groups), key=place_of)
    if len(held) < 3:
        raise CockpitError(
            f"{sum(1 for _ in pairs())} pairs are too few to hold some out",
            "Give 20 at least.",
            file=recipe.data.train,
        )
    size = min(MINI, len(held) // 3)
    return Slices(held[:size], held[size:], groups)


def _pairs_in(path: str | Path, recipe: Recipe) -> list[Pair]:
    examples = read_examples(load_rows(path), recipe)
    return [
        Pair(e.prompt or "", e.said, e.rejected, str(e.number), e.tools)
        for e in examples
        if e.rejected is not None and e.said is not None
    ]


def token_ids(tokenizer: Any, pair: Pair, said: str, recipe: Recipe) -> list[int]:
    """Prompt, answer and end token as a policy would have them: what the reward model reads in training and use."""
    head, tail = answer_ids(tokenizer, pair.prompt, said, recipe, pair.tools)
    return head + tail


def reward_rows(
    rows: Iterable[Row], attempt: Attempt, tokenizer: Any, held: frozenset[bytes]
) -> Iterator[Row]:
    """Rows for TRL's RewardTrainer, tokenized, without the groups that are `held` out."""
    recipe = attempt.recipe
    for pair in pairs_of(rows, attempt):
        if not held or place_of(pair) not in held:
            yield {
                "chosen_ids": token_ids(tokenizer, pair, pair.chosen, recipe),
                "rejected_ids": token_ids(tokenizer, pair, pair.rejected, recipe),
            }


def rewards(model: Any, tokenizer: Any, ids: list[list[int]], batch_size: int) -> list[float]:
    """The reward model's number for each sequence of token ids."""
    import torch

    found: list[float] = []
    was_training = model.training
    model.eval()
    with torch.no_grad():  # not inference mode, which a sharded model forbids (see `generate`)
        for start in range(0, len(ids), batch_size):
            batch = tokenizer.pad(
                {"input_ids": ids[start : start + batch_size]}, padding_side="right", return_tensors="pt"
            ).to(model.device)
            found += model(**batch).logits[:, 0].float().tolist()
    model.train(was_training)
    return found


class PairScorer(Scorer):
    """Scores a reward model on pairs; nothing is answered, so that there is no engine to choose."""

    def __init__(self, attempt: Attempt, tokenizer: Any, pairs: list[Pair]) -> None:
        super().__init__(attempt, tokenizer, [], PairAccuracy(), Engine(attempt))
        self.pairs = pairs

    @property
    def n(self) -> int:
        return len(self.pairs)

    @property
    def judge_name(self) -> str:
        return PairAccuracy.name

    def score(
        self, load: Load, *, weights: Path | None, step: int, split: str, progress: Progress | None = None
    ) -> Scored:
        """Put every pair in order. Raises Stopped between batches."""
        model = load()
        stop = self.attempt.processes.stop_of(model, self.attempt.stop)
        return total(self._rows(model, stop, step, split, progress))

    def ask(self, model: Any, stop: StopFlag) -> None:
        self._rows(model, stop, 0, "eval", None)

    def _rows(
        self, model: Any, stop: StopFlag, step: int, split: str, progress: Progress | None
    ) -> list[dict[str, Any]]:
        """A row a pair, with both rewards."""
        recipe, tokenizer = self.attempt.recipe, self.tokenizer
        size = max(1, recipe.generation.batch_size)
        rows: list[dict[str, Any]] = []
        for start in range(0, len(self.pairs), size):
            if stop:
                raise Stopped
            batch = self.pairs[start : start + size]
            better, worse = (
                rewards(
                    model, tokenizer, [token_ids(tokenizer, p, getattr(p, side), recipe) for p in batch], size
                )
                for side in ("chosen", "rejected")
            )
            for offset, (pair, high, low) in enumerate(zip(batch, better, worse, strict=True)):
                rows.append(
                    _row(tokenizer, pair, high, low, recipe, f"pair-{start + offset + 1:05d}", step, split)
                )
            if progress is not None:
                progress(len(rows), len(self.pairs))
        return rows


def _row(
    tokenizer: Any, pair: Pair, high: float, low: float, recipe: Recipe, item: str, step: int, split: str
) -> dict[str, Any]:
    right = high > low
    return {
        "item": item,
        "split": split,
        "step": step,
        "prompt": prompt_text(tokenizer, pair.prompt, recipe, pair.tools),
        "completion": pair.chosen,
        "rejected": pair.rejected,
        "answer": pair.chosen,
        "parsed": pair.chosen if right else pair.rejected,
        "score": float(right),
        "passed": right,
        "rewards": {"chosen": round(high, 4), "rejected": round(low, 4)},
        "why": f"margin {high - low:+.3f}",
        "tokens": 0,
        "truncated": False,
    }
