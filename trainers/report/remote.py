"""What trainers on a provider's service have in common: batches, the held-out pass's files."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from trainers.attempt.attempt import Attempt
from trainers.report import summary
from trainers.scoring.scoring import Scored

if TYPE_CHECKING:
    from trainers.data.items import Item

T = TypeVar("T")


def batches(data: Sequence[T], size: int, steps: int, seed: int) -> Iterator[list[T]]:
    """`steps` batches of `size`; each epoch in an order of its own, seeded."""
    order: list[int] = []
    shuffle = random.Random(seed)
    for _ in range(steps):
        while len(order) < size:
            epoch = list(range(len(data)))
            shuffle.shuffle(epoch)
            order += epoch
        yield [data[i] for i in order[:size]]
        del order[:size]


def held_out(attempt: Attempt, items: Sequence[Item], scored: Scored, verifier: Any, place: str) -> None:
    """Write the held-out score of the weights that the service keeps at `place`, its items, and result.json."""
    recipe = attempt.recipe
    attempt.out.rows(attempt.layout.held_out / "items.jsonl", scored.rows)
    summary.write_columns(attempt, attempt.layout.held_out, items)
    result = {"score": scored.score, "passed": scored.passed, "parsed": scored.parsed, "n": scored.n}
    about = {
        "v": 1,
        "truncated": scored.truncated,
        "verifier": recipe.verifier,
        "verifier_hash": verifier.fingerprint,
        "held_out_hash": recipe.data.held_out_hash or summary.file_key(recipe.data.held_out),
        "generation": recipe.generation.model_dump(mode="json"),
        "checkpoint": place,
        "model": recipe.model.name_or_path,
    }
    summary.write(attempt.layout.held_out / "score.json", about | result)
    summary.write_result(attempt, scored, None)
    attempt.out.held_out(**result, checkpoint=place, path="held_out/items.jsonl")
