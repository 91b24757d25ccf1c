"""Which rows of any shape are demonstrations to learn: the better answer of a pair, what passed, what got a yes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cockpit.data.examples import Example
from trainers.data.examples import Count, no_shape, no_use, read_example
from trainers.data.rows import Row
from trainers.loop.attempt import Attempt
from trainers.rollouts.freshness import flag_stale


class Learnable:
    """The examples of some rows that are worth learning; read anew each time, so that none of them is kept."""

    def __init__(self, rows: Iterable[Row], attempt: Attempt) -> None:
        self._rows, self._recipe = rows, attempt.recipe

    def __iter__(self) -> Iterator[Example]:
        for why, example in self.judged():
            if not why:
                yield example

    def judged(self) -> Iterator[tuple[str, Example]]:
        """Each example with why it is left out, empty where it isn't. Raises CockpitError for one without an answer."""
        for number, row in enumerate(self._rows, 1):
            example = read_example(row, number, self._recipe)
            why = _left_out(row, example)
            if not why and example.target is None:
                raise no_shape(number, row, self._recipe)
            yield why, example


def learnable(rows: Iterable[Row], attempt: Attempt) -> Learnable:
    """The demonstrations among these rows. Raises CockpitError where nothing is left.

    Rows that say nothing of better or worse are demonstrations. A mask of trained messages is kept.
    """
    made, count = Learnable(rows, attempt), Count()
    policies: list[str | None] = []
    for why, example in made.judged():
        count.rows += 1
        policies.append(example.policy)
        if why:
            count.left_out[why] += 1
        elif example.rejected is not None:
            count.used["better answers of pairs"] += 1
        else:
            count.used["demonstrations" if example.trainable is None else "conversations with a mask"] += 1
    if any(policies):
        flag_stale([Example(policy=policy) for policy in policies], attempt)
    if not count.used:
        raise no_use(attempt.recipe, count, "answers that are worth learning")
    if count.left_out or len(count.used) > 1 or "demonstrations" not in count.used:
        attempt.notice(count.sentence(count.used.total(), "demonstrations"))
    return made


def _left_out(row: Row, example: Example) -> str:
    if example.rejected is not None:
        return ""
    if (
        isinstance(row.get("label"), int)
        and not isinstance(row.get("label"), bool)
        and example.reward is None
    ):
        return ""  # 0 and 1 may well be classes
    if example.good is False:
        return "labelled no" if example.label is False else "that did not pass"
    if example.trainable is not None and not any(
        wanted and turn["role"] == "assistant"
        for wanted, turn in zip(example.trainable, example.chat, strict=True)
    ):
        return "with a mask that trains nothing"
    return ""
