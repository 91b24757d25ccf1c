"""Which rows of any shape are demonstrations to learn: the better answer of a pair, what passed, what got a yes."""

from __future__ import annotations

from trainers.attempt.attempt import Attempt
from trainers.data.examples import Count, Example, no_use, read_examples
from trainers.data.freshness import flag_stale
from trainers.data.rows import Row


def learnable(rows: list[Row], attempt: Attempt) -> list[Row]:
    """The rows for SFT, those of other shapes as conversations. Raises CockpitError where nothing is left.

    Rows that say nothing of better or worse stay as they are. A mask of trained messages is kept.
    """
    examples = read_examples(rows, attempt.recipe)
    flag_stale(examples, attempt)
    count, made = Count(rows=len(rows)), list[Row]()
    for row, example in zip(rows, examples, strict=True):
        why = _left_out(row, example)
        if why:
            count.left_out[why] += 1
            continue
        if example.rejected is not None:
            count.used["better answers of pairs"] += 1
            made.append({"messages": list(example.chat)})
        elif example.trainable is not None:
            count.used["conversations with a mask"] += 1
            made.append({"messages": list(example.chat), "trainable": list(example.trainable)})
        else:
            count.used["demonstrations"] += 1
            made.append(row)
    if not made:
        raise no_use(attempt.recipe, count, "answers that are worth learning")
    if count.left_out or len(count.used) > 1 or "demonstrations" not in count.used:
        attempt.notice(count.sentence(len(made), "demonstrations"))
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
